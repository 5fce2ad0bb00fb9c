"""The rehearsal is the gate: it decides as the gate does, one record at a time, at the times it is told."""

from __future__ import annotations

import pytest

from toolgate.processors.loader import from_files
from toolgate.schemas.records import Intent, Result
from toolgate.streams.gate.rehearsal import Rehearsal

TOOLS = b"tools: [{name: look, effect: read, cost: 0.01, params: {properties: {}}}]"
POLICY = b"policy: {workflow_id: w, allowed_tools: [look], limits: {max_tool_calls: 1}}"


@pytest.fixture
def gate():
    """A gate whose runs may make one call."""
    return Rehearsal(from_files({"tools.yaml": TOOLS, "policy.yaml": POLICY}))


def intent(number, **fields):
    """A call."""
    return Intent(f"i{number}", "call", "default", "w", fields.pop("run_id", "r"), "a", "look", **fields)


def result(number, status="ok"):
    """A result of another log: its command, digest and run are not those here."""
    return Result("9-9", f"i{number}", "other", "other", "x", status, "e")


def test_decides_in_order_with_one_ledger(gate):
    """The second call of a run is one too many, that of another run is not."""
    verdicts = [gate.intent(one, 1_000).event for one in (intent(1), intent(2), intent(3, run_id="s"))]
    assert [(event.seq, event.verdict) for event in verdicts] == [(1, "APPROVE"), (2, "DENY"), (3, "APPROVE")]


def test_an_approved_call_has_a_command_and_a_denied_one_none(gate):
    """Also when an earlier intent had one."""
    assert gate.intent(intent(1), 1_000).command.tool == "look"
    assert gate.intent(intent(2), 1_000).command is None


def test_a_result_settles_the_command_that_its_intent_has_become(gate):
    """Once; what ends again is told as ended. A voided call counts no longer only in money."""
    gate.intent(intent(1), 1_000)
    assert [gate.result("default", result(1), 1_000).note for _ in range(2)] == ["settled", "ended"]


def test_a_result_of_what_was_not_approved_is_left_out(gate):
    """There is nothing to settle: not for a denied intent, not for one of another tenant."""
    gate.intent(intent(1), 1_000)
    gate.intent(intent(2), 1_000)
    assert gate.result("default", result(2), 1_000) is None
    assert gate.result("acme", result(1), 1_000) is None


def test_time_does_not_run_back(gate):
    """As the broker's does not: an earlier record counts as of the latest time."""
    assert gate.intent(intent(1), 5_000).event.clk == 5_000
    assert gate.intent(intent(2), 4_000).event.append_time == 5_000


def test_an_intent_that_comes_twice_is_a_duplicate(gate):
    """It is decided once."""
    first = gate.intent(intent(1), 1_000).event
    again = gate.intent(intent(1), 2_000)
    assert (again.event.verdict, again.event.first_seq, again.command) == ("DUPLICATE", first.seq, None)
