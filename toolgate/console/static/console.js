"use strict";
// What pages do beyond links and forms: fetch themselves again when a view has changed, and keys to get about.
// Without it everything can be read and done all the same.

(() => {
  const view = document.body.dataset.live;
  const rows = () => [...document.querySelectorAll("[data-row]")];
  const typing = (at) => at.matches("input, select, textarea, [contenteditable]");

  // --- one press, one vote ---

  document.addEventListener("submit", (event) => {
    if (event.target.dataset.sent) {
      event.preventDefault();
      return;
    }
    if (event.target.method === "post") {
      event.target.dataset.sent = "yes";
      event.target.setAttribute("aria-busy", "true");
    }
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted && view) location.reload(); // from the browser's memory, as it was when it was left
    for (const form of document.forms) {
      delete form.dataset.sent;
      form.removeAttribute("aria-busy");
    }
  });

  // --- fetch again what has changed ---

  // A page that is not told of changes, or cannot fetch itself again, looks as if all were well.
  const isOld = (yes) => {
    const says = document.getElementById("old");
    if (says && says.hidden === yes) says.hidden = !yes;
  };
  for (const failure of ["htmx:responseError", "htmx:sendError"]) {
    document.addEventListener(failure, () => isOld(true));
  }
  document.addEventListener("htmx:afterSwap", () => isOld(false));

  // Rows move when a page changes: not under a hand that is on its way to a button.
  const HAND_MS = 500;
  let moved = -HAND_MS;
  document.addEventListener("pointermove", () => { moved = performance.now(); }, { passive: true });

  if (view && window.EventSource) {
    const source = new EventSource("/events");
    let waits = false;
    let missed = false;
    let soon = 0;
    const fetchAgain = () => {
      // Whoever opens a list or is about to send must not have the page taken away under their hands.
      const open = document.querySelector("#live select:focus, #live form[aria-busy]");
      if (document.hidden || open) {
        waits = true;
        return;
      }
      if (performance.now() - moved < HAND_MS) {
        waits = true;
        clearTimeout(soon);
        soon = setTimeout(later, HAND_MS);
        return;
      }
      waits = false;
      htmx.trigger(document.body, "changed");
    };
    source.addEventListener(view, fetchAgain);
    source.addEventListener("ended", () => {
      source.close();
      location.reload();
    });
    // What changed while the connection was away was told to nobody.
    source.addEventListener("error", () => {
      missed = true;
      isOld(true);
    });
    source.addEventListener("open", () => {
      if (missed) fetchAgain();
      missed = false;
    });
    const later = () => { if (waits) fetchAgain(); };
    document.addEventListener("visibilitychange", later);
    document.addEventListener("focusout", () => setTimeout(later, 0));
    window.addEventListener("pagehide", () => source.close());
  }

  // --- what was opened stays open, and the row that had the focus keeps it ---

  const places = () => [...document.querySelectorAll("#live details")];
  let opened = [];
  let row = -1;
  let named = null; // what the row is about, where it says so: at its place may be another by now
  document.addEventListener("htmx:beforeSwap", () => {
    opened = places().map((each) => each.open);
    row = rows().indexOf(document.activeElement);
    named = row < 0 ? null : rows()[row].getAttribute("aria-labelledby");
  });
  document.addEventListener("htmx:afterSwap", () => {
    if (opened.length === places().length) places().forEach((each, at) => { each.open = opened[at]; });
    if (named) focus(rows().find((each) => each.getAttribute("aria-labelledby") === named));
    else if (row >= 0) focus(rows()[Math.min(row, rows().length - 1)]);
  });

  // --- keys ---

  function focus(element) {
    if (!element) return;
    if (element.matches("[data-row]")) element.tabIndex = -1;
    element.focus();
    element.scrollIntoView({ block: "nearest" });
  }

  function current() {
    return document.activeElement.closest("[data-row]");
  }

  function step(by) {
    const all = rows();
    const at = all.indexOf(current());
    focus(all[at < 0 ? 0 : Math.min(Math.max(at + by, 0), all.length - 1)]);
  }

  let going = false;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (going) {
      going = false;
      const link = document.querySelector(`a[data-key="${CSS.escape(event.key)}"]`);
      if (link) link.click();
      return;
    }
    const within = (selector) => (current() || rows()[0])?.querySelector(selector);
    switch (event.key) {
      case "g": going = true; break;
      case "j": step(1); break;
      case "k": step(-1); break;
      case "o": within("[data-open]")?.click(); break;
      case "a": focus(within("button.yes")); break;
      case "x": focus(within("button.no")); break;
      case "/": focus(document.querySelector(".filters select, .filters input")); event.preventDefault(); break;
    }
  });
})();
