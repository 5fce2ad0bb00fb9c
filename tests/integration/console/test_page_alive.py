"""An open page: told of what changes, its focus kept where it was, and honest when nobody tells it any more."""

from __future__ import annotations

import threading

import pytest
import uvicorn
from browser import browser
from console_site import DAY_MS, NOW, PASSWORD, Clock, Desk, Front, hold
from patience import until

from toolgate.console.app import application
from toolgate.console.attempts import Attempts
from toolgate.console.halves import Proposals
from toolgate.console.serving import Where, bound
from toolgate.console.sessions import Sessions
from toolgate.console.site import Site
from toolgate.console.views import TOPICS, Views

LIMIT_MS = 15_000


@pytest.fixture
def served():
    """A console without Kafka, its server, and where it is."""
    views, clock, desk = Views(), Clock(), Desk()
    for topic in TOPICS:
        views.says(topic, whole=True)
    site = Site(
        views, desk, desk.door, Sessions(clock), Attempts(clock), Proposals(clock), lambda: NOW + DAY_MS
    )
    views.changed = site.hub.publish
    listening = bound(Where("127.0.0.1", 0, ()))
    server = uvicorn.Server(
        uvicorn.Config(application(site, ["127.0.0.1"]), log_config=None, timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        until(lambda: server.started, "the server")
        yield site, server, f"http://127.0.0.1:{listening.getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def test_an_open_page_is_true_or_says_that_it_is_not(served):
    """What comes is shown, the focus stays on the hold that had it, and when the server goes the page says so."""
    site, server, url = served
    front = Front(None, site)
    front.feed(hold("0-5"))
    with browser() as running:
        page = running.new_page()
        page.goto(url)
        page.get_by_label("Name").fill("bob")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        until(lambda: site.hub._subscribers, "the page to listen")
        page.keyboard.press("j")
        about = "document.activeElement.getAttribute('aria-labelledby')"
        assert page.evaluate(about) == "item-0-5"
        front.feed(hold("0-4"))
        page.wait_for_selector("#item-0-4", timeout=LIMIT_MS)
        until(lambda: page.evaluate(about) == "item-0-5", "the focus to stay on what had it")
        assert page.locator("[data-row]").first.get_attribute("aria-labelledby") == "item-0-4"
        assert not page.locator("#old").is_visible()
        site.hub.end()
        server.should_exit = True
        page.wait_for_selector("#old", state="visible", timeout=LIMIT_MS)
