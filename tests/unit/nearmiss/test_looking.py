"""All that is known of a cluster, as data, as lines and as a page: whatever agents write stays text."""

from __future__ import annotations

import json

import pytest
from console_site import NOW, Page, denial, event
from missed import BUDGET, POLICIES, asked

from toolgate.cli import near_miss_lines
from toolgate.nearmiss.approvals import Approvals
from toolgate.nearmiss.clusters import Clusters
from toolgate.nearmiss.looking import places, told
from toolgate.nearmiss.misses import Filters
from toolgate.nearmiss.reporting import Report, as_html
from toolgate.nearmiss.shapes import shape
from toolgate.nearmiss.windows import WEEK_MS
from toolgate.schemas.records import Reason

HOSTILE = "<script>alert(1)</script>\"'{{7*7}}\u202e\x1b[2J\n</td>"
WORDS = dict.fromkeys(("tenant", "workflow_id", "agent_id", "run_id", "tool", "intent_id"), HOSTILE)


def one(*denials, approvals=(), bodies=None, policies=None, most=5):
    """What is known of the cluster of some denials."""
    clusters, got = Clusters(), Approvals()
    for found in denials:
        clusters.take(found, NOW)
    for found in approvals:
        got.take(found)
    [ranked] = clusters.ranked(Filters(), NOW)
    return told(ranked, got, policies, bodies or {}, most), places(ranked, got, most)


def test_what_is_worth_reading_is_named():
    """The examples, and what was approved behind them."""
    _, at = one(denial(3, BUDGET), denial(5, BUDGET), approvals=[event(4), event(2)], most=2)
    assert sorted(at) == [(0, 3), (0, 4), (0, 5)]


def test_without_its_policies_nothing_of_the_parameters_is_told():
    """Nobody can say what they hide."""
    bodies = {(0, 1): asked(1, '{"id":"secret"}').intent}
    found, _ = one(denial(1, BUDGET), bodies=bodies)
    assert "secret" not in json.dumps(found.as_json())
    assert (found.shapes, found.system, found.examples[0].params) == ((), "", "")
    found, _ = one(denial(1, BUDGET), bodies=bodies, policies=POLICIES)
    assert (found.system, found.examples[0].params) == ("bank", '{"id":"secret"}')


@pytest.mark.parametrize("reason", [BUDGET, Reason(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, 3, 1, 2)])
def test_no_word_of_an_agent_becomes_anything_else(reason):
    """On the page no element, on a terminal no control character; as data it is itself."""
    text = json.dumps({HOSTILE: HOSTILE, "id": HOSTILE})
    bodies = {(0, 1): asked(1, text).intent}
    records = {"records": (HOSTILE,), **WORDS}
    found, _ = one(denial(1, reason, **records), bodies=bodies, policies=POLICIES)
    page = as_html(Report(HOSTILE, HOSTILE, NOW, WEEK_MS, (found,), 1, 1, 0))
    seen = Page(page)
    assert {tag for tag, _ in seen.elements}.isdisjoint({"script", "img", "link", "iframe"})
    assert all(
        name not in attributes for _, attributes in seen.elements for name in ("onclick", "src", "style")
    )
    assert all(link["href"].startswith("#c-") for link in seen.all("a"))
    assert all(character.isprintable() or character == "\n" for character in page)
    assert "49" not in seen.text.replace(found.cluster.id, "")
    assert all(line.isprintable() for line in near_miss_lines.whole(found))
    assert found.as_json()["tool"] == HOSTILE


def test_a_page_without_denials_says_so():
    """And is a page all the same."""
    assert "Nothing was denied." in as_html(Report("p", "", NOW, WEEK_MS, (), 0, 0, 0))


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "null"),
        (True, "true or false"),
        (0, "number 0"),
        (7, "number of 1 digit"),
        (-4_200.5, "negative number of 4 digits"),
        ("", "text of 0 characters"),
        ("[redacted]", "hidden"),
        ("x" * 40, "text of 10 to 99 characters"),
        ([1, 2, 3], "list of 2 to 9"),
        ({"a": 1}, "object of 1"),
    ],
)
def test_a_shape_tells_types_and_sizes_and_never_a_value(value, kind):
    """Coarsely."""
    assert shape({"it": value}) == (("it", kind),)


def test_a_shape_has_a_bound():
    """Forty names."""
    found = shape({f"p{n:03}": 1 for n in range(100)})
    assert len(found) == 41
    assert found[-1] == ("...", "60 more")
