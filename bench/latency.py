"""Latency: from an intent's append to its command in the hands of a reader, at a steady rate.

Both ends are seen by one process: it sends the intents, learns from the broker when each was appended, and
reads committed commands. The broker runs on the same machine, so there is one clock; it tells milliseconds,
so a figure is up to 1 ms too large, for every contender alike.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import islice
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, cast

from confluent_kafka import Consumer, Producer, TopicPartition

from bench.throughput import MeasureError
from bench.workload import TOPIC
from toolgate.schemas.codec import Codec
from toolgate.schemas.records import Command
from toolgate.streams.local.children import Child
from toolgate.streams.log.messages import take
from toolgate.streams.settings import client_producer_config, reader_config

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from confluent_kafka import KafkaError, Message

    from bench.entrants import Entrant
    from bench.ground import Ground, Site
    from bench.workload import Sent

PER_S = 2000
TICK_S = 0.001
LINGER_MS = 5
START_S = 60.0
LAST_S = 120.0  # how long the last command may take: who cannot keep up shows it by its figures
WARM_S = 2.0  # of load before anything counts
Place = tuple[int, int]  # partition and offset of an intent


@dataclass(frozen=True, slots=True)
class Latency:
    """Of all windows of one contender, in milliseconds."""

    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float
    commands: int
    per_s: float  # how fast the intents really were appended


@dataclass(frozen=True, slots=True)
class Window:
    """One stretch of load: how long each command took, and how long the load lasted."""

    took_ms: tuple[float, ...]
    lasted_s: float


def measure(site: Site, entrant: Entrant, load: Sequence[Sent], seconds: float) -> Window:
    """One contender under a steady load on a ground of its own.

    Args:
        site: where.
        entrant: who.
        load: at least as many intents as are sent in `seconds` and the warm-up before.
        seconds: how long the window is.

    Raises:
        MeasureError: a command did not come.
    """
    ground = site.ground(f"{entrant.name}-latency")
    try:
        child = Child(entrant.title, ground.log)
        child.spawn(entrant.argv, ground.environment())
        try:
            return _window(ground, child, iter(load), seconds)
        finally:
            child.stop()
    finally:
        ground.remove()


def summary(windows: Sequence[Window]) -> Latency:
    """All windows of one contender together."""
    took = sorted(ms for window in windows for ms in window.took_ms)
    lasted_s = sum(window.lasted_s for window in windows)

    def at(share: float) -> float:
        return round(took[min(int(share * len(took)), len(took) - 1)], 2)

    return Latency(at(0.5), at(0.9), at(0.99), round(took[-1], 2), len(took), round(len(took) / lasted_s))


def _window(ground: Ground, child: Child, load: Iterator[Sent], seconds: float) -> Window:
    arrivals, appends = _Arrivals(ground), _Appends(ground)
    try:
        first = appends.send(islice(load, 1), PER_S)
        arrivals.await_all(first, child, START_S)
        warm = appends.send(islice(load, int(WARM_S * PER_S)), PER_S)
        started = time.monotonic()
        counted = appends.send(islice(load, int(seconds * PER_S)), PER_S)
        lasted_s = time.monotonic() - started
        arrivals.await_all({**warm, **counted}, child, LAST_S)
    finally:
        arrivals.close()
    seen = arrivals.seen_ms
    return Window(tuple(seen[place] - appended for place, appended in counted.items()), lasted_s)


class _Appends:
    """Sends intents at a steady rate and remembers when the broker appended each."""

    def __init__(self, ground: Ground) -> None:
        # Latency counts from the append: the sender waits a little longer, lest the broker work for it above all.
        settings = client_producer_config(ground.settings) | {"linger.ms": LINGER_MS, "log_level": 0}
        self._producer = Producer(settings)
        self._topic = ground.settings.topic(TOPIC)
        self._found: dict[Place, int] = {}
        self._failed = ""

    def send(self, load: Iterable[Sent], per_s: int) -> dict[Place, int]:
        """Send them, so many a second; by place, when each was appended (milliseconds of the epoch).

        Raises:
            MeasureError: the broker did not take one.
        """
        self._found = {}
        count, started = 0, time.monotonic()
        for sent in load:
            while (due := started + count / per_s) > time.monotonic():
                self._producer.poll(0)
                time.sleep(min(TICK_S, max(due - time.monotonic(), 0)))
            headers = cast("Any", list(sent.headers))
            self._producer.produce(
                self._topic, sent.value, sent.key, headers=headers, on_delivery=self._delivered
            )
            count += 1
        self._producer.flush(LAST_S)
        if self._failed or len(self._found) != count:
            raise MeasureError(f"{count - len(self._found)} intents were not appended: {self._failed}")
        return self._found

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failed = error.str()
            return
        self._found[message.partition() or 0, message.offset() or 0] = message.timestamp()[1]


class _Arrivals:
    """Reads committed commands in a thread; each is known by the place of its intent."""

    def __init__(self, ground: Ground) -> None:
        self.seen_ms: dict[Place, float] = {}
        self._consumer = Consumer({**reader_config(ground.settings), "log_level": 0})
        topic = ground.settings.topic("commands")
        self._consumer.assign([TopicPartition(topic, p, 0) for p in range(ground.settings.partitions)])
        self._codec = Codec(Command)
        self._ending = Event()
        self._thread = Thread(target=self._read, name="arrivals", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while not self._ending.is_set():
            messages = take(self._consumer, 1000, 0.1)
            now_ms = time.time_ns() / 1e6
            for message in messages:
                if message.error() is None:
                    partition, _, offset = self._codec.decode(message.value()).command_id.partition("-")
                    self.seen_ms[int(partition), int(offset)] = now_ms

    def await_all(self, places: Iterable[Place], child: Child, limit_s: float) -> None:
        """Until the command of each intent was read.

        Raises:
            MeasureError: the contender ended, or took longer than `limit_s`.
        """
        left = set(places)
        deadline = time.monotonic() + limit_s
        while left := {place for place in left if place not in self.seen_ms}:
            if not child.alive or time.monotonic() > deadline:
                raise MeasureError(
                    f"{child.name}: {len(left):,} commands did not come; its last words:\n{child.tail()}"
                )
            time.sleep(0.02)

    def close(self) -> None:
        """Stop reading."""
        self._ending.set()
        self._thread.join()
        self._consumer.close()
