"""Runs, balances and policy versions: what their views keep, and what their pages show of it."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from console_site import NOW, Page, event
from hypothesis import given
from hypothesis import strategies as st

from toolgate.console.balances import POINTS_MAX, Account, Balances, Point
from toolgate.console.charts import burn_down
from toolgate.console.policy_changes import changes, versions
from toolgate.console.runs import Runs
from toolgate.schemas.records import Balance, Control
from toolgate.streams.operating import Said


def test_a_run_is_told_in_the_ledgers_order(front):
    """With decisions, results, votes and where accounts stood."""
    steps = [
        event(3, topic="votes", verdict="RECORDED", note="approved", command_id=""),
        event(1),
        event(2, topic="results", verdict="RECORDED", note="settled", balances=()),
    ]
    front.feed(*steps)
    page = Page(front.as_("guest").see("/runs/run?id=run-1"))
    words = " ".join(page.text.split())
    places = [
        words.index(part)
        for part in ("seq 1", "intent pay approve", "result pay settled", "vote pay approved")
    ]
    assert places == sorted(places)
    assert "tenant:default:usd" in words
    assert front.client.get("/runs/run?id=run-2").status_code == 404
    assert "run-1" in front.see("/runs?find=refunds")
    assert "There is no such run" in front.see("/runs?find=nothing")


def test_only_the_newest_events_are_kept():
    """A run says when it has lost some; one that has none is gone."""
    runs = Runs(events_max=4)
    for seq, run in enumerate(("a", "b", "b", "b", "b", "c")):
        runs.take(event(seq, run_id=run))
    assert [(run.id, len(run.events), run.cut) for run in runs.newest(9)] == [("c", 1, False), ("b", 3, True)]
    assert runs.find("a") is None


def test_the_fullest_account_comes_first(front):
    """Without those of single runs."""
    balances = (Balance("workflow:w:usd", "usd_micros", 9, 10), Balance("run:r1:usd", "usd_micros", 10, 10))
    front.feed(event(1), event(2, balances=balances))
    page = front.as_("guest").see("/budgets")
    assert page.index("workflow:w:usd") < page.index("tenant:default:usd")
    assert "run:r1:usd" not in page
    assert "workflow:w:usd" not in front.see("/budgets?scope=tenant")
    assert "$0.09</strong> left of $0.10, 10 % used" in " ".join(page.split())


@given(st.lists(st.integers(0, 10_000), unique=True, min_size=1, max_size=900))
def test_points_are_thinned_and_the_newest_stays(seqs):
    """Whatever their order; a curve never runs back."""
    balances = Balances()
    for seq in seqs:
        balances.take(event(seq, balances=(Balance("tenant:t:usd", "usd_micros", seq, 10_000),)))
    (account,) = balances.fullest()
    curve = account.curve()
    assert len(curve) <= POINTS_MAX
    assert curve[-1].seq == max(seqs) == account.last.seq
    assert [point.seq for point in curve] == sorted({point.seq for point in curve})


@given(
    st.lists(
        st.tuples(st.integers(0, 50), st.integers(0, 2**53), st.integers(-5, 2**53), st.integers(0, 2**53)),
        min_size=1,
        max_size=40,
    )
)
def test_a_chart_is_well_formed_and_has_words(points):
    """Inside its box, whatever the figures; with a title and a description."""
    account = Account(
        "tenant:<t>&\u202e", "usd_micros", [Point(seq, clk, used, most) for seq, clk, used, most in points]
    )
    svg = ET.fromstring(str(burn_down(account, 7)))  # noqa: S314 - our own
    title, described = svg.find("title"), svg.find("desc")
    assert svg.get("aria-labelledby") == f"{title.get('id')} {described.get('id')}"
    assert title.text == "What was left of tenant:<t>&\\u202e"
    assert "left after seq" in described.text
    numbers = [
        float(n)
        for part in svg.iter("path")
        for n in part.get("d").translate(str.maketrans("MHVZ,", "     ")).split()
    ]
    assert all(0 <= number <= 640 for number in numbers)


def activation(offset: int, digest: str, refused: str = "") -> Said:
    """An activation on the control topic."""
    word = Control(f"a{offset}", "activate", "all", "", "why", ("ann",), policy_digest=digest, version=offset)
    return Said(offset, NOW, word, refused)


def test_each_version_replaces_the_one_before():
    """One that was refused replaces nothing; other words are none."""
    kill = Said(3, NOW, Control("k", "kill", "all", "", "", ("ann",)), "")
    found = versions([activation(0, "a"), activation(1, "b", "no"), kill, activation(4, "c")])
    assert [(one.said.offset, one.digest, one.replaced) for one in found] == [
        (4, "c", "a"),
        (1, "b", "a"),
        (0, "a", ""),
    ]


def test_a_change_shows_its_lines(front, desk):
    """Added, removed and changed files; the rest is left out."""
    desk.said = [activation(0, "a"), activation(1, "b"), activation(2, "gone")]
    desk.sets = {
        "a": {"same": b"x", "old": b"1\n", "policy.yaml": b"max: 12\n"},
        "b": {"same": b"x", "new": b"2\n", "policy.yaml": b"max: 10\n"},
    }
    found = {change.name: change for change in changes(desk.sets["a"], desk.sets["b"])}
    assert {name: change.became for name, change in found.items()} == {
        "new": "added",
        "old": "removed",
        "policy.yaml": "changed",
    }
    assert [line for line in found["policy.yaml"].lines if line[0] in {"added", "removed"}] == [
        ("removed", "-max: 12"),
        ("added", "+max: 10"),
    ]
    page = front.as_("guest").see("/policies/version?offset=1")
    assert '<span class="added">+max: 10</span>' in page
    assert "do not stand whole" in front.see("/policies/version?offset=2")
    assert front.client.get("/policies/version?offset=9").status_code == 404
    assert front.see("/policies").count("<tr data-row") == 3
