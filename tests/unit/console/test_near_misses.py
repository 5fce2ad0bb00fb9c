"""Near misses: nearest first, filtered, bounded; and a policy test of one."""

from __future__ import annotations

import pytest
from console_site import NOW, denial, event

from toolgate.console.case_file import Asked, cases_file
from toolgate.console.near_misses import FAR, Filters, NearMisses, nearness
from toolgate.console.near_pages import shown
from toolgate.processors.loader import from_files
from toolgate.schemas.records import Intent, Reason

TOOLS = b"""tools:
  - name: pay
    effect: write
    system: bank
    records: [id]
    cost: 0.01
    redact: [params.card]
    params: {properties: {id: {type: string}, card: {type: string}}, required: [id]}
"""
POLICY = b"""policy:
  workflow_id: refunds_v1
  allowed_tools: [pay]
  rules: [{id: never, tools: [pay], when: params.id == "no", then: deny, because: never so}]
  budgets: [{scope: workflow, unit: usd, max: 0.02, window: none}]
"""
BUDGET = Reason(
    "BUDGET_EXCEEDED", "budgets[0]", "$0.01 over", "workflow", "usd_micros", 30_000, 20_000, 10_000
)


@pytest.fixture(scope="module")
def policies():
    """Two cents for the workflow, and one call that is denied."""
    return from_files({"tools.yaml": TOOLS, "policy.yaml": POLICY})


def asked(number: int, params: str, run: str = "run-1") -> Asked:
    """A call of that run."""
    intent = Intent(f"i{number}", "call", "default", "refunds_v1", run, "agent-1", "pay", params=params)
    return Asked(intent, NOW + number)


@pytest.mark.parametrize(
    ("reasons", "near"),
    [
        ([Reason("A", limit=100, distance=3)], 0.03),
        ([Reason("A", limit=100, distance=3), Reason("B", limit=10, distance=5)], 0.5),
        ([Reason("A", limit=100, distance=3), Reason("B")], FAR),
        ([Reason("A", limit=0, distance=3)], 3),
        ([Reason("A", distance=2)], 2),
        ([], FAR),
    ],
)
def test_the_furthest_reason_counts(reasons, near):
    """All of them would have to go; one without a figure is as far as can be."""
    assert nearness(reasons) == near


def test_the_nearest_come_first():
    """Of equals the newest; what no figure tells comes last."""
    near = NearMisses()
    for seq, distance in enumerate((50, 1, None, 7, 1)):
        near.take(denial(seq, Reason("A", limit=100, distance=distance)), NOW + seq)
    assert [miss.denial.seq for miss in near.nearest(Filters(), 9)] == [4, 1, 3, 0, 2]
    assert len(near.nearest(Filters(), 2)) == 2


def test_only_the_newest_are_kept():
    """Memory has a bound, the count has none."""
    near = NearMisses(kept=3)
    for seq in range(10):
        near.take(denial(seq), NOW)
    assert (near.seen, sorted(miss.denial.seq for miss in near.nearest(Filters(), 99))) == (10, [7, 8, 9])
    assert near.find(0, 9) is not None
    assert near.find(0, 1) is None


def test_the_page_filters(front):
    """By workflow, tool and code, in the address."""
    front.feed(denial(1), denial(2, BUDGET), denial(3, BUDGET, tool="send"), denial(4, workflow_id="mail_v1"))
    front.as_("guest")
    rows = {
        query: front.see(f"/near-misses{query}").count("<tr data-row")
        for query in (
            "",
            "?code=BUDGET_EXCEEDED",
            "?code=BUDGET_EXCEEDED&tool=send",
            "?workflow=mail_v1",
            "?tool=x",
        )
    }
    assert list(rows.values()) == [4, 2, 1, 1, 0]
    assert "50.0 %" in front.see("/near-misses")


def test_a_denial_by_a_rule_needs_nothing_before(policies):
    """It comes out as it was decided."""
    text = cases_file(denial(), asked(1, '{"id":"no"}'), [asked(0, '{"id":"a"}')], policies)
    assert "it comes out as it is written here" in text
    assert "before:" not in text


def test_a_denial_by_a_budget_brings_what_filled_it(policies):
    """In whatever run that was."""
    before = [asked(n, f'{{"id":"r{n}"}}', f"other-{n}") for n in range(2)]
    text = cases_file(denial(3, BUDGET), asked(3, '{"id":"x"}'), before, policies)
    assert "it comes out as it is written here" in text
    assert 'run: "other-1"' in text
    assert '"budgets[0]": "0.010000"' in text


def test_what_is_missing_is_told(policies):
    """In the file itself."""
    text = cases_file(denial(3, BUDGET), asked(3, '{"id":"x"}'), [], policies)
    assert "some of what filled them is missing" in text
    assert "verdict: approve, here deny" in text
    assert "It was not tried" in cases_file(denial(), asked(1, "{}"), [], None)


def test_no_word_of_an_agent_writes_a_line(policies):
    """A newline, a comment, a key: all stay in their quotes."""
    hostile = 'a"\n    expect: approve\n# \u202e'
    text = cases_file(
        denial(intent_id=hostile), asked(1, '{"id":"no"}\n    expect: approve', hostile), [], policies
    )
    assert text.count("\n    expect:") == 1
    assert all(line.isprintable() for line in text.splitlines())


def test_what_the_policy_hides_stays_hidden(policies):
    """And without the policy nobody can say what that is, so all of it does."""
    intent = asked(1, '{"card":"4111","id":"no"}').intent
    assert shown(intent, policies).params == '{"card":"[redacted]","id":"no"}'
    assert shown(intent, None).params == "{}"


def test_it_is_saved_as_a_file(front, desk, policies):
    """Under a name that is safe."""
    desk.compiled = policies
    desk.kept = {(0, 1): asked(1, '{"id":"no"}').intent, (0, 0): asked(0, '{"id":"a"}').intent}
    front.feed(denial(1, intent_id='../"x'), event(0))
    answer = front.as_("guest").client.get("/near-misses/case?partition=0&offset=1")
    assert answer.headers["content-disposition"] == 'attachment; filename="..__x.yaml"'
    assert "expect: deny" in answer.text
    for query in ("partition=0&offset=7", "partition=x&offset=1", ""):
        assert front.client.get(f"/near-misses/case?{query}").status_code == 404
