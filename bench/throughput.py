"""Throughput: each contender alone on a backlog, in rounds, so that all of them meet the same noise."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import psutil

from bench.commits import Commit, commits
from bench.workload import TOPIC
from toolgate.streams.errors import ToolgateError
from toolgate.streams.local.children import Child
from toolgate.streams.ports import RetryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.entrants import Entrant
    from bench.ground import Ground, Site
    from bench.workload import Sent
    from toolgate.streams.log.kafka import KafkaLog

LIMIT_S = 300.0
LOOK_S = 0.1
FULL_SHARE = 0.9  # of all intents, in batches of exactly the size asked for


class MeasureError(ToolgateError):
    """A measurement that must not count."""


@dataclass(frozen=True, slots=True)
class Speed:
    """One contender in one round.

    Attributes:
        per_s: intents a second, from its first commit to its last.
        cpu_us_each: processor time of its process for an intent, in microseconds, without its start.
        batches: intents of each transaction, in order; empty for one that has none.
        bytes_each: what its outputs hold an intent, on average: keys and headers left out.
    """

    entrant: str
    per_s: float
    cpu_us_each: float
    batches: tuple[int, ...]
    bytes_each: float


def measure(site: Site, entrant: Entrant, backlog: Sequence[Sent]) -> Speed:
    """One contender on a ground of its own with this backlog, until it has committed all.

    Raises:
        MeasureError: it did not finish, or what it wrote is not what it must have written.
    """
    ground = site.ground(entrant.name)
    try:
        ground.preload(backlog)
        child = Child(entrant.title, ground.log)
        child.spawn(entrant.argv, ground.environment())
        try:
            cpu_us_each = await_committed(ground, entrant, child, len(backlog))
        finally:
            child.stop()
        return _speed(ground, entrant, cpu_us_each, len(backlog))
    finally:
        ground.remove()


def await_committed(ground: Ground, entrant: Entrant, child: Child, intents: int) -> float:
    """Wait until a contender has committed a backlog.

    Returns:
        The processor time of its process for an intent, in microseconds, counted from its first commit.

    Raises:
        LocalStackError: it ended before, or took too long.
    """
    log = ground.reader()
    try:
        places = [(TOPIC, partition) for partition in range(ground.settings.partitions)]
        deadline = time.monotonic() + LIMIT_S
        first: tuple[int, float] | None = None
        while True:
            done = committed(log, places)
            if first is None and done:
                first = (done, _cpu_s(child))
            if first is not None and done == intents:
                return (_cpu_s(child) - first[1]) * 1e6 / max(done - first[0], 1)
            if not child.alive:
                raise child.failed(f"{entrant.title}: ended after {done:,} of {intents:,} intents")
            if time.monotonic() > deadline:
                said = f"committed {done:,} of {intents:,} intents within {LIMIT_S:.0f} s"
                raise child.failed(f"{entrant.title}: {said}")
            time.sleep(LOOK_S)
    finally:
        log.close()


def committed(log: KafkaLog, places: Sequence[tuple[str, int]]) -> int:
    """How many records of these topic-partitions are decided; 0 while nobody can say."""
    try:
        return sum(log.committed(places).values())
    except RetryError:  # the group's coordinator is loading
        return 0


def _cpu_s(child: Child) -> float:
    times = psutil.Process(child.pid).cpu_times()
    return float(times.user + times.system)


def _speed(ground: Ground, entrant: Entrant, cpu_us_each: float, intents: int) -> Speed:
    log = ground.reader()
    try:
        times: list[int] = []
        size = 0
        for topic in entrant.outputs:
            times, held = _contents(log, topic)
            if len(times) != intents:
                raise MeasureError(
                    f"{entrant.title}: {len(times):,} records on {topic} for {intents:,} intents",
                    where=str(ground.log),
                    remedy="read its log; this measurement does not count",
                )
            size += held
    finally:
        log.close()
    found = commits(ground.settings, TOPIC) if entrant.transactional else []
    batches = tuple(commit.records for commit in found)
    if found:
        check_batches(entrant, batches, ground.settings.batch_size)
    per_s = _between_commits(found) if found else _between_appends(times)
    return Speed(entrant.name, per_s, cpu_us_each, batches, size / intents)


def check_batches(entrant: Entrant, batches: Sequence[int], wanted: int) -> None:
    """A speed at other batches than the ones asked for says nothing about these."""
    full = sum(size for size in batches if size == wanted)
    if full < FULL_SHARE * sum(batches):
        raise MeasureError(
            f"{entrant.title}: {full:,} of {sum(batches):,} intents came in batches of {wanted:,}; "
            f"p50 {median(batches):,.0f}, from {min(batches):,} to {max(batches):,}",
            remedy="see that the whole backlog lies there before it starts; this measurement does not count",
        )


def _contents(log: KafkaLog, topic: str) -> tuple[list[int], int]:
    """When each committed record was appended, in milliseconds, and how many bytes their values have."""
    times, size = [], 0
    for envelope in log.read(topic):
        times.append(envelope.time_ms)
        size += len(envelope.value or b"")
    return times, size


def _between_commits(found: Sequence[Commit]) -> float:
    """What came after the first commit, by the time from it to the last."""
    records = sum(commit.records for commit in found[1:])
    return records * 1000 / max(found[-1].at_ms - found[0].at_ms, 1)


def _between_appends(times_ms: Sequence[int]) -> float:
    return (len(times_ms) - 1) * 1000 / max(max(times_ms) - min(times_ms), 1)
