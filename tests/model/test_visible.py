"""Why every first decision says what became visible, not only the first one: a history made step by step.

Random histories show it once in hundreds of seeds: the one decision that said it must be lost to a recovery after
another has used the room and is committed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from universe import PARTITIONS, Universe

from toolgate.schemas.records import Intent, Result
from toolgate.streams.ledger.memory import MemoryLedger
from toolgate.streams.ports import Output

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

STEPS_MAX = 2_000
BUDGET_MICROS = 60  # of the universe's tenant


class Play:
    """A universe without faults, in which one worker owns each partition."""

    def __init__(self) -> None:
        self.world = Universe(0)
        self.world.faults = False
        self.until(
            self.world.running,
            lambda: len({self.slot_of(p) for p in range(PARTITIONS)} - {None}) == PARTITIONS,
        )
        assert self.world.rest()

    def slot_of(self, partition: int) -> int | None:
        """Who owns the intents of a partition."""
        assigned = self.world.broker.assigned
        return next((slot for slot, tps in assigned.items() if ("intents", partition) in tps), None)

    def until(self, slots: Any, done: Callable[[], bool]) -> None:
        """Let these workers step in turn until something holds."""
        for _ in range(STEPS_MAX):
            if done():
                return
            for slot in slots:
                self.world.step(self.world.running[slot])
        raise AssertionError("it does not come to that")

    def pass_point(self, slot: int, point: str) -> None:
        """Let a worker step until it stands before a point."""
        for _ in range(STEPS_MAX):
            if self.world.step(self.world.running[slot]) == point:
                return
        raise AssertionError(f"it does not come to {point}")

    def intent(self, partition: int, cost: int) -> str:
        """A payment arrives; its id."""
        name, run = f"i-{partition}-{cost}", f"r{partition}-0"
        params = f'{{"id":"x{partition}"}}'
        record = Intent(
            name, "call", "default", "w", run, "a", "pay", params=params, declared_cost_micros=cost
        )
        value = self.world.codecs[Intent].encode(record)
        self.world.send(Output("intents", partition, run.encode(), value))
        return name

    def audited(self, intent_id: str) -> bool:
        """Whether the decision is committed."""
        return any(event.topic == "intents" and event.intent_id == intent_id for event in self.world.audit())

    def free(self) -> None:
        """The only command so far has cost nothing."""
        (command,) = self.world.commands()
        result = Result(
            command_id=command.command_id,
            intent_id=command.intent_id,
            run_id=command.run_id,
            tool=command.tool,
            digest=command.digest,
            status="ok",
            executor_id="e",
            actual_cost_micros=0,
        )
        value = self.world.codecs[Result].encode(result)
        self.world.send(Output("results", 0, command.run_id.encode(), value))


def history() -> list[str]:
    """What is wrong once the decision that was the first to use freed room is lost to a recovery."""
    play = Play()
    world = play.world
    slots = [play.slot_of(partition) for partition in range(PARTITIONS)]
    first, second, third = (slot for slot in slots if slot is not None)
    whole = play.intent(0, BUDGET_MICROS)
    play.until([first], lambda: play.audited(whole))
    play.free()
    play.until([first], lambda: any(event.topic == "results" for event in world.audit()))
    for _ in range(20):  # an idle round tells the ledger that the result is committed
        world.step(world.running[first])
    play.intent(1, 30)
    play.pass_point(second, "commit")  # decided, the first that says what became visible, and not committed
    user = play.intent(2, 30)
    play.until([third], lambda: play.audited(user))
    world.store.restart(world.nothing)
    play.until([first, third], lambda: bool(world.store.image.gen))
    assert world.rest()
    assert len(world.commands()) == 3
    return world.violations()


def test_room_that_was_used_is_shown_to_have_been_there():
    """The committed decision says itself what became visible: nothing rests on one that was lost."""
    assert history() == []


def test_said_only_once_it_is_lost(monkeypatch: pytest.MonkeyPatch):
    """Without the rule, the log shows an approval for which there was no room."""
    one = MemoryLedger._one

    def once(self: MemoryLedger, share: Any, ask: Any) -> Any:
        made = one(self, share, ask)
        self._image.pending = []
        return made

    monkeypatch.setattr(MemoryLedger, "_one", once)
    assert any("default:usd" in violation for violation in history())
