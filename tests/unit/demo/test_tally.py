"""The tally: counts by what people ask, near misses nearest first, and the levels of accounts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.demo import tally
from toolgate.demo.checks import LEDGER, Check
from toolgate.demo.evidence import Evidence
from toolgate.demo.player import Played
from toolgate.demo.runs import Call
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import AuditEvent, Balance, Denial, Op, Outcome, Reason

OVER = Reason("BUDGET_EXCEEDED", "limits.max_cost_usd", "$0.03 over", "run", "usd_micros", 50, 350, 30)
CALLS = Reason("CALLS_EXCEEDED", "limits.max_tool_calls", "1 call over", "run", "calls", 1, 12, 1)
WAIT = Reason("RATE_LIMITED", "rates[0]", "retry in 40 ms", "run", "ms", None, None, 40)
NEVER = Reason("TOOL_UNKNOWN", "tools", "the catalogue has no tool x")


def played(label: str, verdict: str, *codes: str) -> Played:
    """A call and what its agent was told."""
    call = Call("r.000", "pay", {}, "", error=False, label=label)
    return Played("r", call, Outcome("r.000", "d", 1, verdict, codes))


def denial(name: str, *reasons: Reason) -> Denial:
    """A denial for these reasons."""
    place = (0, 0, 0, 0, 0)
    return Denial(
        name, *place, "t", "w", "r", "a", "pay", "1", "read", "", "", "", False, False, 0, (), reasons
    )


def event(
    seq: int, *, ops: tuple[Op, ...] = (), balances: tuple[Balance, ...] = (), **fields: str
) -> AuditEvent:
    """An audit event about an intent."""
    made = AuditEvent(
        seq, "g", 0, 1_000, 0, (), "intents", 0, seq, 1_000, True, "APPROVE", f"i-{seq}", "", "", "t", "w", "r",
        "a", "pay", "1", False, "", 0, (), ops, balances, "", 1, "1", "k",
    )  # fmt: skip
    return changed(made, **fields)


def test_labels_are_counted_by_what_the_agent_was_told():
    """Holds and drafts wait for people; calls without a label are not counted."""
    told = [
        played("right", "APPROVE"),
        played("right", "HOLD"),
        played("wrong", "DENY"),
        played("wrong", "DRAFT"),
        played("wrong", "DENY", "READ_FIRST", "HELD_BY_RULE"),
        played("failed", "DENY", "RULE_DENIED", "READ_FIRST"),
        played("", "DENY"),
    ]
    none = {"approved": 0, "denied": 0, "read_first": 0, "held": 0}
    assert tally.by_label(told) == {
        "right": none | {"approved": 1, "held": 1},
        "wrong": none | {"denied": 1, "held": 1, "read_first": 1},
        "failed": none | {"denied": 1},
    }


@given(
    st.lists(
        st.tuples(st.sampled_from(["right", "wrong", "failed"]), st.sampled_from(["APPROVE", "DENY", "HOLD"]))
    )
)
def test_every_labelled_call_is_counted_once(pairs):
    """The columns of a label add up to its calls."""
    counts = tally.by_label(played(*pair) for pair in pairs)
    assert {label: sum(row.values()) for label, row in counts.items()} == {
        label: sum(one == label for one, _ in pairs) for label in ("right", "wrong", "failed")
    }


def test_tools_come_busiest_first_and_reasons_once_a_denial():
    """A reason that a denial gives twice is one denial."""
    events = [event(1), event(2, tool="read"), event(3, tool="read", verdict="DENY")]
    assert list(tally.by_tool(events).items()) == [
        ("read", {"APPROVE": 1, "DENY": 1}),
        ("pay", {"APPROVE": 1}),
    ]
    denials = [denial("a", OVER, OVER), denial("b", OVER, NEVER)]
    assert tally.by_reason(denials) == {("BUDGET_EXCEEDED", OVER.rule): 2, ("TOOL_UNKNOWN", "tools"): 1}


def test_near_misses_come_nearest_first_and_only_where_amounts_were_missing():
    """By share of the limit, the farthest reason of each; waits without a limit last; the rest is no near miss."""
    denials = [
        denial("both", CALLS, OVER),
        denial("wait", WAIT),
        denial("never", OVER, NEVER),
        denial("calls", CALLS),
        denial("mixed", CALLS, WAIT),
        denial("far", changed(OVER, distance=700)),
    ]
    misses = tally.near_misses(denials)
    assert [miss.intent_id for miss in misses] == ["calls", "both", "far", "mixed", "wait"]
    assert [miss.share for miss in misses] == [1 / 12, 30 / 350, 2.0, None, None]


def test_use_is_read_from_the_fold_and_not_from_balances():
    """A balance may count a charge that was given back; of runs the fullest account of each kind is shown."""
    reserve = Op(
        "reserve", ("0-1", 9_000, "d", "pay", (("workflow:t/w:usd", "usd_micros", 60, 100, "spend", 0),), ())
    )
    settle = Op("settle", ("0-1", "settled", (("workflow:t/w:usd", 20, 40, 0),), ()))
    calls = [Op("count", (f"run:{run}:approved_calls", n, 0)) for run, n in (("a", 3), ("b", 5))]
    audit = [
        event(1, ops=(reserve, calls[0]), balances=(
            Balance("workflow:t/w:usd", "usd_micros", 60, 100), Balance("run:a:approved_calls", "calls", 3, 12),
        )),
        event(2, ops=(calls[1],), balances=(Balance("run:b:approved_calls", "calls", 5, 12),)),
        event(3, ops=(settle,)),
    ]  # fmt: skip
    assert tally.budget_use(audit) == [
        tally.Use("run:*:approved_calls", "calls", 5, 12, accounts=2),
        tally.Use("workflow:t/w:usd", "usd_micros", 20, 100, accounts=1),
    ]


@pytest.mark.parametrize("holds", [True, False])
def test_the_summary_for_programs_has_exactly_its_keys(holds):
    """Scripts read it: no key comes or goes unnoticed."""
    evidence = Evidence({("intents", 0): (0, 1), ("results", 0): (0,)}, (event(1),), (), (), (), 0, 0, 0, {})
    checks = [Check("other", ("x",)), Check(LEDGER, () if holds else ("x",))]
    summary = tally.as_json(evidence, checks, [played("right", "APPROVE")], 1.23456)
    assert list(summary) == [
        "intents", "commands", "denials", "held", "drafts", "quarantined", "audit", "ledger_equals_audit",
        "seconds", "by_label",
    ]  # fmt: skip
    assert (summary["intents"], summary["audit"], summary["seconds"]) == (2, 1, 1.235)
    assert summary["ledger_equals_audit"] is holds
