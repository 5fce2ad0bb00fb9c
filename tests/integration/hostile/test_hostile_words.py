"""Hostile results and control records through a live gate, and what executors make of such control."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hostile_intents import QUARANTINE, Written
from hostile_words import CONTROL_ROWS, RESULT_ROWS, Answer, Word, spoken

from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Command, Control
from toolgate.sdk.stops import Stops
from toolgate.streams.gate import keys

if TYPE_CHECKING:
    from hostile_ground import Ground, Place, Seen

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def answered(ground: Ground) -> dict[str, tuple[str, Place]]:
    """All results, each of a command of its own: the command's id, and where the hostile one lies."""
    commands = {row.words: ground.approved() for row in RESULT_ROWS}
    ground.site.rest()
    found = {}
    for row in RESULT_ROWS:
        mine = commands[row.words]
        places = [ground.write("results", one) for one in row.make(ground.signers, mine)]
        found[row.words] = (mine.command_id, places[-1])
    return found


@pytest.fixture(scope="module")
def told(ground: Ground) -> dict[str, Place]:
    """All control records."""
    return {row.words: ground.write("control", Written(row.make(ground.people), 0)) for row in CONTROL_ROWS}


@pytest.fixture(scope="module")
def seen(ground: Ground, answered: Any, told: Any) -> Seen:
    """What became of them."""
    return ground.seen()


@pytest.mark.parametrize("row", RESULT_ROWS, ids=lambda row: row.words)
def test_a_result_has_its_verdict_code_and_note(row: Answer, answered: Any, seen: Seen):
    """The command was approved before; a refused result gives no code to what it settles, as it settles nothing."""
    command_id, place = answered[row.words]
    assert command_id in seen.commands
    event = seen.event(place)
    codes = [reason.code for reason in event.reasons]
    assert (event.verdict, codes, event.note) == (row.verdict, [row.code] if row.code else [], row.note)
    settles = row.note == "settled"
    assert bool(event.ops) == settles
    assert len(seen.put_aside(place)) == (row.verdict == QUARANTINE)


@pytest.mark.parametrize("row", CONTROL_ROWS, ids=lambda row: row.words)
def test_a_control_record_has_its_verdict_and_code(row: Word, told: Any, seen: Seen):
    """Each would have stopped everything or lifted it; none did."""
    event = seen.event(told[row.words])
    assert (event.verdict, [reason.code for reason in event.reasons]) == (row.verdict, [row.code])
    assert len(seen.put_aside(told[row.words])) == (row.verdict == QUARANTINE)


def test_good_words_behind_them_count(ground: Ground, seen: Seen):
    """A call is still approved, a kill of its run then stops that run alone, and the history holds."""
    mine, other = ground.approved(), ground.approved()
    ground.site.rest()
    kill = Control("c1", "kill", "run", f"run-{mine.name}", "test", ("ann-1",))
    ground.write("control", Written(spoken(ground.people, kill, "ann-1"), 0))
    ground.site.rest()
    after = {one.name: ground.write("intents", ground.again(one)) for one in (mine, other)}
    found = ground.seen()
    assert {mine.command_id, other.command_id} <= found.commands
    event = found.event(after[mine.name])
    assert (event.verdict, [reason.code for reason in event.reasons]) == ("DENY", ["KILLED"])
    assert found.event(after[other.name]).verdict == "APPROVE"
    assert ground.holds() == []


def test_an_executor_goes_by_the_good_words_alone(ground: Ground, told: Any):
    """What the gate puts aside or refuses stops no command at an executor, and does not hide what counts."""
    ring = keys.load(ground.site.folder / "keyring.yaml")
    kill = Control("c2", "kill", "run", "run-killed", "test", ("ann-1",))
    ground.write("control", Written(spoken(ground.people, kill, "ann-1"), 0))
    stops = Stops(ground.site.settings, ring)
    command = Command(
        "0-0", "i", 1, 0, "default", "w", "run-killed", "a", "look", "1", "{}", "", "", True, 0, 0, 0
    )
    try:
        assert stops.why(command) == "run run-killed was stopped by c2: test"
        assert stops.why(changed(command, run_id="run-free")) == ""
    finally:
        stops.close()
