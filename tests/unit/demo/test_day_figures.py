"""Figures of a day: by agents, by tool and reason, near misses that lack the same told once."""

from __future__ import annotations

from toolgate.demo import day_figures
from toolgate.demo.billing.books import Change
from toolgate.demo.billing.reckoning import Traced
from toolgate.demo.script import Step, Told
from toolgate.inspection.explanation import Undo
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import AuditEvent, Command, Denial, Outcome, Reason, Result

OVER = Reason("BUDGET_EXCEEDED", "budgets[0]", "1 pot over", "workflow", "pots", 4, 10, 1)
CALLS = Reason("CALLS_EXCEEDED", "limits.max_tool_calls", "1 call over", "run", "calls", 1, 12, 1)
NEVER = Reason("TOOL_UNKNOWN", "tools", "the catalogue has no tool x")


def step(kind: str, run_id: str, status: str, *codes: str) -> Step:
    """An approval that ended so, or a denial."""
    result = Result("0-1", "i", run_id, "pay", "d", status, "e") if status else None
    told = Told(Outcome("i", "d", 1, "APPROVE" if status else "DENY", codes), result)
    return Step(kind, "a", run_id, "i", "pay", told, 0.0)


def denial(name: str, *reasons: Reason) -> Denial:
    """A denial for these reasons."""
    place = (0, 0, 0, 0, 0)
    return Denial(
        name, *place, "t", "w", "r", "a", "pay", "1", "read", "", "", "", False, False, 0, (), reasons
    )


def test_each_kind_of_agents_has_its_figures():
    """Denials are counted by their first code, and run by run in the order they were played."""
    found = day_figures.by_kind(
        [
            step("drifting", "d-0", "ok"),
            step("good", "g-0", "error"),
            step("drifting", "d-1", "", "KILLED", "BLAST_RADIUS"),
            step("drifting", "d-1", "ok"),
            step("drifting", "d-2", "", "BLAST_RADIUS"),
            step("drifting", "d-2", "", "BLAST_RADIUS"),
        ]
    )
    assert list(found) == ["drifting", "good"]
    assert found["good"] == day_figures.KindFigures(1, 1, 1, 0, 1, {}, (0,))
    assert found["drifting"] == day_figures.KindFigures(
        3, 5, 2, 3, 0, {"BLAST_RADIUS": 2, "KILLED": 1}, (0, 1, 2)
    )


def test_near_misses_that_lack_the_same_are_one():
    """Nearest first by share of the limit; a denial that no amount could have allowed is none."""
    found = day_figures.missed(
        [
            denial("i-1", OVER),
            denial("i-2", CALLS),
            denial("i-3", OVER),
            denial("i-4", NEVER),
            denial("i-5", OVER, CALLS),
        ]
    )
    assert [(miss.lacking, miss.intents) for miss in found] == [
        ((("1 call over", "limits.max_tool_calls"),), ("i-2",)),
        ((("1 pot over", "budgets[0]"),), ("i-1", "i-3")),
        ((("1 pot over", "budgets[0]"), ("1 call over", "limits.max_tool_calls")), ("i-5",)),
    ]


def test_reasons_are_counted_by_tool():
    """Each code once for an intent, however many rules say it."""
    event = AuditEvent(
        1, "g", 0, 1_000, 0, (), "intents", 0, 1, 1_000, True, "DENY", "i-1", "", "", "t", "w", "r",
        "a", "pay", "1", False, "", 0, (OVER, OVER, CALLS), (), (), "", 1, "1", "k",
    )  # fmt: skip
    found = day_figures.codes_by_tool([event, changed(event, tool="read", reasons=())])
    assert found == {"pay": {"BUDGET_EXCEEDED": 1, "CALLS_EXCEEDED": 1}, "read": {}}


def test_a_change_says_who_allowed_it_and_what_undoes_it():
    """One that nobody allowed says that too."""
    change = Change("0-1", "i-1", 5, "waive", "INV-1", "due", "$2.00", "$1.00")
    command = Command(
        "0-1", "i-1", 5, 0, "t", "w", "r-1", "a-1", "waive", "1", "{}", "d", "pd", True, 0, 0, 0
    )
    undo = Undo("reverse", {"reference": "CR-1"}, "as the catalogue says")
    [allowed, astray, final] = day_figures.changes(
        [
            Traced(change, command, undo),
            Traced(change, None, None),
            Traced(change, command, Undo("", {}, "no")),
        ]
    )
    assert allowed == {
        "record": "INV-1",
        "field": "due",
        "before": "$2.00",
        "after": "$1.00",
        "tool": "waive",
        "agent_id": "a-1",
        "run_id": "r-1",
        "intent_id": "i-1",
        "seq": 5,
        "command_id": "0-1",
        "policy_digest": "pd",
        "undo": {"tool": "reverse", "params": {"reference": "CR-1"}},
    }
    assert (astray["agent_id"], astray["policy_digest"], astray["undo"]) == (None, None, None)
    assert final["undo"] is None
