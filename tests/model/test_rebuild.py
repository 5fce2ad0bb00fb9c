"""Whatever a rebuild begins with, it gives the same ledger: nothing, a snapshot and its segments, or half of those."""

from __future__ import annotations

from collections import deque
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from universe import PARTITIONS, Universe

from toolgate.streams.gate import recovery, snapshots
from toolgate.streams.gate.segments import TOPIC
from toolgate.streams.gate.snapshotter import Snapshotter
from toolgate.streams.ledger.accounts import BUCKET_MS
from toolgate.streams.ledger.memory import MemoryLedger
from toolgate.streams.ledger.store import Store
from toolgate.streams.log.memory import Entry, MemoryLog
from toolgate.streams.ports import CONTROL, INPUTS

if TYPE_CHECKING:
    from toolgate.streams.log.memory import Broker

INPUTS_READ = (*((name, p) for name in INPUTS for p in range(PARTITIONS) if name != CONTROL), (CONTROL, 0))
WAYS = ("whole", "first lost", "last lost", "one changed", "all lost")


def lived(seed: int) -> Universe:
    """A history of days, with snapshots by one process that stays and by others that come and go."""
    world = Universe(seed)
    world.without = frozenset({"snapshot"})
    stays = Snapshotter(MemoryLog(world.broker, lambda _: None))
    for n in range(8):
        world.live(200, {"intent": 0.3})
        assert world.rest()
        world.faults = True
        snapshot = stays.follow()
        if n % 3:  # else its transaction fails
            for output in snapshots.outputs(snapshot):
                world.broker.append(output)
            stays.written(snapshot)
        if n == 4:
            world.snapshot()
            stays = Snapshotter(MemoryLog(world.broker, lambda _: None))
        world.broker.now_ms += BUCKET_MS * (n % 3)
    return world


def rebuilt(broker: Broker, reads: dict[str, int]) -> dict[str, Any]:
    """What a ledger has that is rebuilt from nothing; `reads` is told how much was read of each topic."""
    log: Any = MemoryLog(broker, lambda _: None)
    read = log.read

    def counted(topic: str, start: Any = None) -> Any:
        for envelope in read(topic, start):
            reads[topic] = reads.get(topic, 0) + 1
            yield envelope

    log.read = counted
    ledger = MemoryLedger(Store())
    for _ in recovery.recover(log, ledger, "n", INPUTS_READ, range(PARTITIONS)):
        pass
    standing = ledger.standing()
    return {**ledger.dump(), "at": (standing.seq, standing.ctl), "after": ledger._image.after}


@pytest.mark.parametrize("seed", range(3))
def test_the_audit_is_applied_in_order_while_it_is_read(monkeypatch, seed):
    """However the broker mixes the partitions: what is given is complete up to there, and comes before the end."""
    world = lived(seed)
    monkeypatch.setattr(recovery, "CHUNK", 1)
    world.broker.log["snapshots", 0] = []
    log: Any = MemoryLog(world.broker, lambda _: None)
    log.read = mixed(log.read, Random(seed))
    history = recovery.History(log, INPUTS_READ)
    assert set(history.read()) == {"read"}
    found = [[entry.seq for entry in some] for some in history.entries()]
    assert [seq for some in found for seq in some] == sorted(event.seq for event in world.audit())
    assert len(found[-1]) < sum(map(len, found)) / 2


def mixed(read: Any, random: Random) -> Any:
    """Records of several partitions, each in its order, in a random one among them."""

    def answer(topic: str, start: Any = None) -> Any:
        parts: dict[int, deque[Any]] = {}
        for envelope in read(topic, start):
            parts.setdefault(envelope.partition, deque()).append(envelope)
        while left := [part for part in parts.values() if part]:
            part = random.choice(left)
            yield from [part.popleft() for _ in range(min(len(part), random.randint(1, 30)))]

    return answer


def damage(log: list[Entry], way: str) -> None:
    """Lose or change some of what the topic of segments has."""
    match way:
        case "first lost":
            log[1] = Entry(None)
        case "last lost":
            log[-1] = Entry(None)
        case "one changed":
            log[-1], log[-3] = log[-3], log[-1]
        case "all lost":
            log[:] = [Entry(None) for _ in log]


@pytest.mark.parametrize("seed", range(3))
def test_segments_change_nothing_but_how_much_is_read(seed):
    """The ledger is that of the whole audit in each case; where a segment is lost the ids are read there."""
    world = lived(seed)
    log = {tp: list(entries) for tp, entries in world.broker.log.items()}
    kept = log["snapshots", 0]
    world.broker.log["snapshots", 0] = []
    wanted = rebuilt(world.broker, {})
    world.broker.log["snapshots", 0] = kept
    assert wanted["seen"]
    read = {}
    for way in WAYS:
        world.broker.log[TOPIC, 0] = list(log[TOPIC, 0])
        damage(world.broker.log[TOPIC, 0], way)
        reads: dict[str, int] = {}
        assert rebuilt(world.broker, reads) == wanted, way
        read[way] = reads["audit"]
    assert read["whole"] < read["all lost"] == read["one changed"] == read["last lost"]
