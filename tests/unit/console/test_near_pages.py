"""Near misses in the console: clusters first, one of them, the newest nearest first, and a policy test of one."""

from __future__ import annotations

import re

from console_site import DAY_MS, NOW, Page, denial, event
from missed import BUDGET, POLICIES, asked

from toolgate.nearmiss.effects import effect_of


def test_clusters_come_first(front):
    """Each once, with how many there are, what would let it through, and a link to all of it."""
    front.feed(denial(1), denial(2, BUDGET), denial(3, BUDGET), denial(4, BUDGET, tool="send"))
    front.as_("guest")
    page = front.see("/near-misses")
    assert page.count("<tr data-row") == 3
    assert "budgets[0].max: 0.02 -&gt; 0.03 lets 2 of 2 through one by one" in page
    assert "rules.never.then: deny -&gt; hold asks people about 1 of 1" in page
    links = [one["href"] for one in Page(page).all("a") if "data-open" in one]
    assert all(front.see(link).count("<tr data-row") in {1, 2} for link in links)
    assert front.see("/near-misses?tool=send").count("<tr data-row") == 1


def test_what_is_older_than_a_week_is_the_week_before(front, site):
    """The window ends now."""
    front.feed(denial(1))
    front.as_("guest")
    assert "1 denial of the last week in 1 cluster of" in front.see("/near-misses")
    object.__setattr__(site, "now_ms", lambda: NOW + 8 * DAY_MS)
    assert "Nothing was denied." in front.see("/near-misses")


def test_a_cluster_shows_what_was_asked_and_how_it_got_through(front, desk):
    """With the parameters as the policy shows them, and the commands that did it."""
    desk.compiled = POLICIES
    desk.kept = {(0, seq): asked(seq, params).intent for seq, params in ((1, ASKED), (2, AGAIN))}
    front.feed(denial(1, BUDGET, records=("a",)), event(2, params_digest="y", cost_micros=30_000))
    front.as_("guest")
    page = front.see(f"/near-misses/cluster?id={effect_of(denial(1, BUDGET, records=('a',))).id}")
    assert "[redacted]" in page
    assert "4111" not in page
    assert re.search(r"the same effect in other words, by.*pay.*in the same run", page)
    assert "0-2" in page
    assert "hidden" in page
    assert front.client.get("/near-misses/cluster?id=000000000000").status_code == 404


ASKED, AGAIN = '{"card":"4111","id":"a"}', '{"card":"4112","id":"a"}'


def test_the_list_filters(front):
    """By workflow, tool and code, in the address."""
    front.feed(denial(1), denial(2, BUDGET), denial(3, BUDGET, tool="send"), denial(4, workflow_id="mail_v1"))
    front.as_("guest")
    rows = {
        query: front.see(f"/near-misses/nearest{query}").count("<tr data-row")
        for query in (
            "",
            "?code=BUDGET_EXCEEDED",
            "?code=BUDGET_EXCEEDED&tool=send",
            "?workflow=mail_v1",
            "?tool=x",
        )
    }
    assert list(rows.values()) == [4, 2, 1, 1, 0]
    assert "50.0 %" in front.see("/near-misses/nearest")


def test_it_is_saved_as_a_file(front, desk):
    """Under a name that is safe."""
    desk.compiled = POLICIES
    desk.kept = {(0, 1): asked(1, '{"id":"no"}').intent, (0, 0): asked(0, '{"id":"a"}').intent}
    front.feed(denial(1, intent_id='../"x'), event(0))
    answer = front.as_("guest").client.get("/near-misses/case?partition=0&offset=1")
    assert answer.headers["content-disposition"] == 'attachment; filename="..__x.yaml"'
    assert "expect: deny" in answer.text
    for query in ("partition=0&offset=7", "partition=x&offset=1", ""):
        assert front.client.get(f"/near-misses/case?{query}").status_code == 404
