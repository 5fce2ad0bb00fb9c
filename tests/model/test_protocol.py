"""The protocol between ledger and log under crashes, lost answers, zombies, rebalances and returned stores.

The real loop, recovery and snapshots run over the memory log and ledger; every history must satisfy the checker.
test_shown.py takes each rule of the protocol away in turn, and the same histories must show it.
"""

from __future__ import annotations

from itertools import islice

import pytest
import universe
from universe_policies import PROPOSING_FILES

from toolgate.streams.gate import loop, recovery
from toolgate.streams.gate.loop import OtherCodeError
from toolgate.streams.ledger.memory import MemoryLedger

SEEDS = 30


@pytest.mark.parametrize("block", range(4))
def test_every_history_holds(block: int) -> None:
    """Each input decided once, no cap passed, no kill forgotten, the ledger equal to the fold of the audit."""
    for seed in range(block * SEEDS, (block + 1) * SEEDS):
        assert universe.history(seed) == [], f"seed {seed}"


def test_every_history_with_holds_drafts_and_shadow_holds() -> None:
    """One hold or draft for each that was decided; shadow moves no account."""
    verdicts: set[str] = set()
    for seed in range(20):
        world = universe.Universe(seed, files=PROPOSING_FILES)
        world.live(1500)
        assert (world.rest(), world.violations()) == (True, []), f"seed {seed}"
        verdicts |= {f"{event.verdict} {event.would_have}".strip() for event in world.audit()}
    assert verdicts >= {"HOLD", "DRAFT", "RECORDED APPROVE", "RECORDED DENY"}


def test_a_long_recovery_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for a rebuild sees that it goes on: many workers do not claim it from each other for ever."""
    monkeypatch.setattr(recovery, "CHUNK", 1)
    monkeypatch.setattr(loop, "PATIENCE", 4)
    for seed in range(3):
        world = universe.Universe(seed)
        world.live(1500)
        world.store.restart()
        assert world.rest(3000)
        assert world.violations() == []


def test_several_workers_switch_the_scripts_together() -> None:
    """All of a new version's workers are told to take over: one rebuilds, the others join, and none goes back."""
    world = universe.Universe(3)
    world.live(600)
    assert world.rest()
    world.make_ledger = lambda: MemoryLedger(world.store, "newer")
    world.start(0)
    with pytest.raises(OtherCodeError):
        list(islice(world.running[0], 9))
    world.take_over_code = True
    for slot in range(3):
        world.start(slot)
    assert world.rest()
    assert world.violations() == []
    assert world.store.image.code == "newer"
    world.store.image.code = "newest"  # somebody takes it from us
    world.store.restart()
    for _ in range(20):
        world.intent()
    with pytest.raises(OtherCodeError):
        list(islice(world.running[0], 60))
