"""Where a batch's time goes: the gate's own loop in this process, each of its parts behind a stopwatch.

A stage is a method of a part: `intake.read`, `publisher.outputs`, `log.commit`. Its time is its own: what it
causes another part to do counts there, also where records are made only while somebody else takes them. Of all
full batches the least counts, stage by stage: more than that is what else the machine was doing. The stopwatch
itself takes about half a microsecond for each call.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import redis

from bench.ground import BATCH_SIZE
from toolgate import __version__
from toolgate.processors import loader
from toolgate.schemas import registry
from toolgate.streams.gate import keys
from toolgate.streams.gate.intake import Intake
from toolgate.streams.gate.loop import Fixed, Gate
from toolgate.streams.gate.points import PAUSE
from toolgate.streams.gate.publish import Publisher
from toolgate.streams.ledger.redis import RedisLedger
from toolgate.streams.log.kafka import KafkaLog
from toolgate.streams.ports import INPUTS
from toolgate.streams.topics import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from bench.ground import Site
    from bench.workload import Sent

LOOP = "loop"
REST_S = 0.05
INTENTS = 30_000


@dataclass(frozen=True, slots=True)
class Spent:
    """Microseconds, or nanoseconds while they are added up: by the clock, and of the processor."""

    passed: float = 0
    worked: float = 0


@dataclass(frozen=True, slots=True)
class Stages:
    """Microseconds an intent by stage, in the order in which a batch meets them.

    `redis_us` is what Redis itself worked, beside this process; `whole` the least that a batch took.
    """

    each_us: dict[str, Spent]
    whole_us: Spent
    redis_us: float
    batches: int


class Stopwatch:
    """Tells one batch's time to stages; a stage that begins inside another stops the other's time."""

    def __init__(self) -> None:
        self._running: list[str] = [LOOP]
        self._passed = time.perf_counter_ns()
        self._worked = time.thread_time_ns()
        self._batch: dict[str, Spent] = {}

    def _lap(self) -> None:
        passed, worked = time.perf_counter_ns(), time.thread_time_ns()
        spent = self._batch.get(stage := self._running[-1]) or Spent()
        self._batch[stage] = Spent(spent.passed + passed - self._passed, spent.worked + worked - self._worked)
        self._passed, self._worked = passed, worked

    def call(self, stage: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function as part of a stage. An iterator that it returns is of that stage, too."""
        self._lap()
        self._running.append(stage)
        try:
            answer = function(*args, **kwargs)
        finally:
            self._lap()
            self._running.pop()
        return self._each(stage, answer) if isinstance(answer, Iterator) else answer

    def _each(self, stage: str, items: Iterator[Any]) -> Iterator[Any]:
        end = object()
        while (item := self.call(stage, next, items, end)) is not end:
            yield item

    def take(self) -> dict[str, Spent]:
        """Nanoseconds by stage since the last call."""
        self._lap()
        taken, self._batch = self._batch, {}
        return taken


class Timed:
    """A part of the gate behind a stopwatch: the same methods and attributes."""

    def __init__(self, name: str, part: Any, watch: Stopwatch) -> None:
        self._name, self._part, self._watch = name, part, watch

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._part, name)
        if not callable(found):
            return found
        timed = partial(self._watch.call, f"{self._name}.{name}", found)
        self.__dict__[name] = timed  # looked up once: it is called for every record
        return timed


class _Decided:
    """The loop's report: what each batch took, until enough intents are decided."""

    def __init__(self, watch: Stopwatch) -> None:
        self._watch = watch
        self.full: list[dict[str, Spent]] = []
        self.intents = 0

    def batch(self, decided: Sequence[Any], *_: Any) -> None:
        """A batch was committed."""
        taken = self._watch.take()
        self.intents += len(decided)
        if len(decided) == BATCH_SIZE:
            self.full.append(taken)

    def joined(self, *_: Any) -> None:
        """Partitions are owned now."""

    def policies(self, *_: Any) -> None:
        """These are in force."""

    def state(self, *_: Any) -> None:
        """What the loop is at."""


def measure(site: Site, backlog: Sequence[Sent]) -> Stages:
    """The stages of a gate that decides on this backlog, in this process."""
    ground = site.ground("stages")
    watch = Stopwatch()
    decided = _Decided(watch)
    ledger = RedisLedger(ground.settings.ledger_url, ground.settings.prefix)
    try:
        ground.preload(backlog)
        gate = _gate(ground.settings, site.files, ledger, watch, decided)
        with redis.Redis.from_url(ground.settings.ledger_url) as client:
            client.config_resetstat()
            _run(gate, decided, len(backlog))
            worked: Any = client.info("commandstats")
    finally:
        ledger.close()
        ground.remove()
    redis_us = sum(row["usec"] for name, row in worked.items() if "eval" in name or "fcall" in name)
    stages = dict.fromkeys(stage for batch in decided.full for stage in batch)
    none = Spent()
    return Stages(
        {stage: _least([batch.get(stage, none) for batch in decided.full]) for stage in stages},
        _least([_sum(batch.values()) for batch in decided.full]),
        redis_us / len(backlog),
        len(decided.full),
    )


def _sum(spent: Iterable[Spent]) -> Spent:
    found = list(spent)
    return Spent(sum(one.passed for one in found), sum(one.worked for one in found))


def _least(batches: Sequence[Spent]) -> Spent:
    """The least of some batches in nanoseconds, as microseconds of an intent."""
    each = 1000 * BATCH_SIZE
    return Spent(min(one.passed for one in batches) / each, min(one.worked for one in batches) / each)


def _gate(settings: Any, files: Path, ledger: RedisLedger, watch: Stopwatch, report: _Decided) -> Gate:
    bundled = registry.bundled()
    intake = Intake(loader.load(files), keys.load(settings.keys_file), bundled)
    inputs = tuple((name, p) for name in INPUTS for p in range(BY_NAME[name].partitions(settings.partitions)))
    return Gate(
        Fixed(settings.slot, settings.partitions, inputs, settings.batch_size),
        lambda on_revoke: cast("Any", Timed("log", KafkaLog(settings, on_revoke), watch)),
        cast("Any", Timed("ledger", ledger, watch)),
        cast("Any", Timed("intake", intake, watch)),
        cast("Any", Timed("publisher", Publisher(__version__, bundled), watch)),
        report,
        lambda: time.time_ns() // 1_000_000,
        lambda: secrets.token_hex(8),
        bundled,
    )


def _run(gate: Gate, decided: _Decided, intents: int) -> None:
    for point in gate.run():
        if point == PAUSE:
            time.sleep(REST_S)
        if decided.intents >= intents:
            gate.stopping = True
