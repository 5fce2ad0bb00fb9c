"""Hostile run contracts through a live gate: none holds, and none stands in the way of the good one behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hostile_contracts import BOND_ROWS, Bond, bond
from hostile_intents import QUARANTINE, good, written

if TYPE_CHECKING:
    from hostile_ground import Ground, Place, Seen

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def bound(ground: Ground) -> dict[str, tuple[Place, Place, str]]:
    """Each contract with a good one of the same run behind it: where both lie, and the run's name."""
    found = {}
    for row in BOND_ROWS:
        name = ground.name()
        first = ground.write("contracts", row.make(ground.people, ground.signers, name))
        behind = bond(ground.people, "start-1", name, contract_id=f"good-{name}", tools=("pay",))
        found[row.words] = (first, ground.write("contracts", written(behind)), name)
    ground.site.rest()
    return found


@pytest.fixture(scope="module")
def seen(ground: Ground, bound: Any) -> Seen:
    """What became of them, and of a call of each run that only the hostile contract would allow."""
    for _, _, name in bound.values():
        ground.write("intents", good(ground.signers, f"call-{name}", run_id=f"run-{name}"))
    return ground.seen()


@pytest.mark.parametrize("row", BOND_ROWS, ids=lambda row: row.words)
def test_a_contract_has_its_verdict_code_and_note(row: Bond, bound: Any, seen: Seen):
    """It moves no account; the one behind it holds, and decides."""
    place, behind, name = bound[row.words]
    event = seen.event(place)
    codes = [reason.code for reason in event.reasons]
    assert (event.verdict, codes, event.note, event.ops) == (row.verdict, [row.code], row.note, ())
    assert len(seen.put_aside(place)) == (row.verdict == QUARANTINE)
    assert seen.event(behind).note == "accepted"
    [call] = [e for events in seen.audit.values() for e in events if e.intent_id == f"call-{name}"]
    assert [reason.code for reason in call.reasons] == ["CONTRACT_DENIED"]


def test_the_history_holds(ground: Ground, seen: Seen):
    """And the gate goes on."""
    assert seen.commands is not None
    assert ground.holds() == []
