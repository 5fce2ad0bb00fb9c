"""Whatever agents write stays text on every page."""

from __future__ import annotations

import pytest
from console_site import NOW, Page, denial, event, hold
from hypothesis import given
from hypothesis import strategies as st

from toolgate.console.app import SHOWN
from toolgate.console.quoting import environment, href
from toolgate.inspection.quoting import as_value
from toolgate.nearmiss.effects import effect_of
from toolgate.processors.control_state import ControlState
from toolgate.schemas.records import Balance, Control, Reason
from toolgate.streams.operating import Said

HOSTILE = (
    "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}\u202egnp\u2066\x1b[2J\n\u200b</td>"
)
WORDS = dict.fromkeys(("tenant", "workflow_id", "agent_id", "tool", "intent_id"), HOSTILE)
REASONS = (
    Reason(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, 3, 1, 2),
    Reason("X", unit=HOSTILE, distance=1),
)
QUERIES = {
    "/queue/item": "?id=0-1",
    "/runs/run": "?id=" + "run-1",
    "/policies/version": "?offset=3",
    "/near-misses/case": "?partition=0&offset=1",
    "/near-misses/cluster": f"?id={effect_of(denial(1, *REASONS, **WORDS)).id}",
}


@pytest.fixture
def written(front, desk):
    """A console in which everything that somebody else may write is hostile."""
    asked = '{"' + "<b>" + '":{"asked":"</code><script>x</script>\\u202e","now":"<i>"}}'
    front.feed(hold(diff=asked, reasons=REASONS, records=(HOSTILE,), roles=(HOSTILE,), **WORDS))
    front.feed(denial(1, *REASONS, **WORDS))
    balances = (Balance(f"tenant:{HOSTILE}", HOSTILE, 1, 2),)
    front.feed(
        event(1, reasons=REASONS, balances=balances, note=HOSTILE, kid=HOSTILE, would_have=HOSTILE, **WORDS)
    )
    kill = Control("k", "kill", "workflow", HOSTILE, HOSTILE, ("ann",))
    desk.state = (
        ControlState()
        .apply(kill, 0)
        .apply(Control(HOSTILE, "mode", "workflow", HOSTILE, HOSTILE, ("ann",), mode="shadow"), 1)
    )
    word = Control("a", "activate", "all", "", HOSTILE, (HOSTILE,), policy_digest="d" * 32)
    desk.said = [Said(3, NOW, word, HOSTILE)]
    desk.sets = {"d" * 32: {"policy.yaml": HOSTILE.encode()}}
    return front.as_("ann")


@pytest.mark.parametrize("path", SHOWN)
def test_no_page_takes_it_for_anything_else(written, path):
    """No element, no attribute, no character that does not print comes of it."""
    answer = written.client.get(path + QUERIES.get(path, ""))
    assert answer.status_code == (404 if path.endswith("/case") else 200)
    page = Page(answer.text)
    assert {script["src"].split("/")[1] for script in page.all("script")} == ({"static"})
    assert all(image["src"] == "/static/icon.svg" for image in page.all("img"))
    names = {name for _, attributes in page.elements for name in attributes}
    assert not {name for name in names if name.startswith("on") or name == "style"}
    assert all(c.isprintable() or c == "\n" for c in answer.text)
    if not path.endswith("/case"):
        assert "49" not in page.text.replace("1049", "")
    for link in page.all("a"):
        assert link["href"].startswith(("/", "#"))


def test_it_is_shown_all_the_same(written):
    """As what it is, with escapes for what does not print."""
    text = Page(written.see("/near-misses")).text
    assert "<script>alert(1)</script>" in text
    assert "\\u202egnp" in text
    assert "\\x1b[2J" in text


@given(st.text())
def test_an_expression_gives_back_its_text(text):
    """Escaped once, and whole where it prints."""
    shown = Page(environment().from_string('<p title="{{ x }}">{{ x }}</p>').render(x=text))
    assert [tag for tag, _ in shown.elements] == ["p"]
    assert shown.text.isprintable()
    assert shown.all("p")[0]["title"] == shown.text
    if text.isprintable():
        assert shown.text == text


def test_no_filter_marks_text_as_html():
    """Those of the library that would are not there."""
    made = environment()
    assert not {
        "safe",
        "urlize",
        "xmlattr",
        "tojson",
        "forceescape",
        "escape",
        "e",
        "indent",
        "striptags",
    } & set(made.filters)
    assert made.autoescape is True


def test_what_is_cut_says_how_much_is_not_shown():
    """Else the end of a long value would be approved unseen."""
    assert as_value("x" * 2_000) == "x" * 2_000
    assert as_value("x" * 3_500 + "\n") == f"{'x' * 2_000}… 1,502 more characters are not shown"


def test_a_link_encodes_what_it_names():
    """And leaves out what is empty."""
    assert href("/runs/run", id='a&b="<') == "/runs/run?id=a%26b%3D%22%3C"
    assert href("/queue", role="", workflow=None) == "/queue"
