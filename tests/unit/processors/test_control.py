"""Control: what was stopped stays stopped until it is lifted."""

from __future__ import annotations

import pytest

from toolgate.processors.control import control
from toolgate.processors.control_state import ControlState, supported
from toolgate.processors.identity import identity
from toolgate.processors.reasons import Code
from toolgate.schemas.records import Control

INTENT = ("acme", "billing", "r1", "a1", "read_invoice", "erp")


def record(kind, scope, value, reason="incident 7"):
    """A control record."""
    return Control("c1", kind, scope, value, reason, ("ann",))


@pytest.mark.parametrize(
    ("scope", "value", "stopped"),
    [
        ("all", "", True),
        ("tenant", "acme", True),
        ("tenant", "acm", False),
        ("workflow", "billing", True),
        ("workflow", "acme/billing", True),
        ("workflow", "other/billing", False),
        ("run", "r1", True),
        ("run", "r2", False),
        ("agent", "a1", True),
        ("agent", "acme/a1", True),
        ("tool", "read_invoice", True),
        ("tool", "acme/read_invoice", True),
        ("tool", "read_*", False),
        ("system", "erp", True),
        ("system", "crm", False),
    ],
)
def test_a_kill_stops_what_it_names(scope, value, stopped):
    """A bare name means every tenant's; a name with its tenant means one."""
    state = ControlState().apply(record("kill", scope, value), 0)
    because = state.killed(*INTENT)
    assert bool(because) is stopped
    if stopped:
        assert "incident 7" in because
        assert "c1" in because


def test_a_lift_takes_away_exactly_its_kill():
    """Other kills stand, also wider ones."""
    state = (
        ControlState()
        .apply(record("kill", "workflow", "billing"), 0)
        .apply(record("kill", "tool", "read_invoice"), 1)
    )
    assert "tool" in state.apply(record("lift", "workflow", "billing"), 2).killed(*INTENT)
    assert "workflow" in state.apply(record("lift", "workflow", "acme/billing"), 2).killed(*INTENT)
    lifted = state.apply(record("lift", "workflow", "billing"), 2).apply(
        record("lift", "tool", "read_invoice"), 3
    )
    assert lifted.killed(*INTENT) == ""


def test_applying_a_record_twice_changes_nothing():
    """A worker that reads a record again has the same state."""
    once = ControlState().apply(record("kill", "run", "r1"), 4)
    lifted = once.apply(record("lift", "run", "r1"), 5)
    assert lifted.apply(record("kill", "run", "r1"), 4) is lifted
    assert once.position == 5


@pytest.mark.parametrize("kind", ["activate", "mode", "grant", "demote", "alert"])
def test_other_kinds_are_not_supported_and_change_nothing(kind):
    """What this version cannot act on is said to be so."""
    assert not supported(kind)
    assert ControlState().apply(record(kind, "all", ""), 0).kills == {}


@pytest.mark.parametrize("kind", ["kill", "lift"])
def test_kill_and_lift_are_supported(kind):
    """These are acted on."""
    assert supported(kind)


def test_an_unnamed_system_is_not_stopped_by_a_nameless_kill():
    """A tool without a system belongs to none."""
    state = ControlState().apply(record("kill", "system", "acme/"), 0)
    assert state.killed("acme", "billing", "r1", "a1", "t", "") == ""


@pytest.mark.parametrize(("kind", "codes"), [("call", [Code.KILLED]), ("usage", []), ("finish", [])])
def test_a_kill_stops_calls_and_lets_reports_through(kind, codes, case, world):
    """Money that is spent is still counted, and a run can still be closed."""
    state = ControlState().apply(record("kill", "system", "billing"), 0).apply(record("kill", "run", "r1"), 1)
    around = world(control=state)
    judged = control(identity(case(kind=kind), around), around)
    assert [reason.code for reason in judged.reasons] == codes
