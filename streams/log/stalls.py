"""Finds records that the client cannot deliver, so that one of them cannot stop its partition for ever.

A hostile record (a value length of -2, say) passes the broker and then makes the client either repeat an
error or fall silent. A partition is suspect when the client reports such an error, or when it has stood below
its last stable offset for 2 s; standing at it, below an open transaction, is nothing to suspect.

Suspicion is never enough to step over a record: a probe, a second consumer of the same kind, decides.
1. It goes to the partition's end and must be told that it is there: fetches are sent and answered.
2. It goes to the suspect offset. If a record or the end arrives, the offset is readable (or holds a marker or
   an aborted record, which every reader passes). After an error of the undeliverable kind it blocks.
3. After silence it goes to the end once more: only if fetches are still answered, the offset blocks.
So markers are never quarantined, and a slow broker is never taken for a bad record. An offset that the probe
can read while the gate's consumer cannot means that the consumer is broken.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from confluent_kafka import OFFSET_END, IsolationLevel, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from toolgate.streams.log.messages import UNDELIVERABLE
from toolgate.streams.log.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

    from toolgate.streams.log.reading import Reader
    from toolgate.streams.ports import TopicPartition as LogicalPartition

STALL_S = 2.0
_BROKEN_S = 10.0  # a reconnecting consumer may be silent for a while
_PROBES_MAX = 4  # at a time: each is a consumer with threads of its own
_ASK_S = 0.25  # how often the ends of quiet partitions are asked for
_ANSWER_S = 5.0  # how long a probe waits to be told that it stands at the end
_SILENCE_S = 1.0  # how long a readable record may take to arrive
_SILENCE_NEXT_S = 0.25  # the same, right behind a record that was found to block


class Verdict(Enum):
    """What a probe found out about one offset."""

    BLOCKS = auto()  # no reader gets past it
    READABLE = auto()  # a record at or behind it arrived
    EMPTY = auto()  # nothing between it and the end
    UNKNOWN = auto()  # fetches were not answered: no statement


class _Phase(Enum):
    REACH_END = auto()
    AT_OFFSET = auto()
    CONFIRM_END = auto()


class Probe:
    """Asks with a consumer of its own whether an offset can be read. `look` never waits."""

    def __init__(self, reader: Reader, tp: LogicalPartition, offset: int, clock: Callable[[], float]) -> None:
        """`offset` is the suspect one."""
        self._topic, self._partition = reader.topic(tp[0]), tp[1]
        self.offset = offset
        self._clock = clock
        self._consumer = reader.consumer()
        self._silence_s = _SILENCE_S
        self._deadline = 0.0
        self._go(_Phase.REACH_END)

    def look(self) -> Verdict | None:
        """The verdict, once there is one."""
        heard = self._hear()
        late = self._clock() >= self._deadline
        if self._phase is _Phase.AT_OFFSET:
            if heard is not None:
                return heard
            if late:
                self._go(_Phase.CONFIRM_END)
            return None
        if heard is None:
            return Verdict.UNKNOWN if late else None
        if self._phase is _Phase.REACH_END:
            self._go(_Phase.AT_OFFSET)
            return None
        self.detail = "the client falls silent at this offset"
        return Verdict.BLOCKS

    def step(self) -> None:
        """Go on with the next offset: an attacker rarely sends only one."""
        self.offset += 1
        self._silence_s = _SILENCE_NEXT_S
        self._go(_Phase.AT_OFFSET)

    def close(self) -> None:
        """Close the consumer."""
        self._consumer.close()

    def _go(self, phase: _Phase) -> None:
        self._phase = phase
        self.detail = ""
        at_offset = phase is _Phase.AT_OFFSET
        offset = self.offset if at_offset else OFFSET_END
        self._deadline = self._clock() + (self._silence_s if at_offset else _ANSWER_S)
        self._consumer.assign([TopicPartition(self._topic, self._partition, offset)])

    def _hear(self) -> Verdict | None:
        message = self._consumer.poll(0)
        if message is None:
            return None
        error = message.error()
        if error is None:
            return Verdict.READABLE
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
            return Verdict.EMPTY
        if error.code() in UNDELIVERABLE:
            self.detail = error.name()
            return Verdict.BLOCKS
        return None


@dataclass(frozen=True, slots=True)
class Finding:
    """`blocks`: step over `offset`. Otherwise the gate's own consumer is broken, not the record."""

    tp: LogicalPartition
    offset: int
    blocks: bool
    detail: str


class Stalls:
    """Watches the positions of the gate's consumer and tells which offsets to step over."""

    def __init__(
        self,
        reader: Reader,
        admin: AdminClient,
        limit_s: float = STALL_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`admin` is asked for the ends of partitions, many at once and without waiting."""
        self._reader = reader
        self._admin = admin
        self._clock = clock
        self._watchdog = Watchdog(limit_s, clock)
        self._positions: dict[LogicalPartition, int] = {}
        self._drained_at = clock()
        self._ask_at = clock() + _ASK_S
        self._asked: dict[LogicalPartition, Future[Any]] = {}
        self._probes: dict[LogicalPartition, Probe] = {}
        self._failed: dict[LogicalPartition, str] = {}

    def failed(self, tp: LogicalPartition, offset: int, detail: str) -> None:
        """The client reported an error of the undeliverable kind at `offset`: look into it at once."""
        self._failed.setdefault(tp, detail)
        if tp not in self._probes:
            self._probes[tp] = Probe(self._reader, tp, offset, self._clock)

    def holds(self, tp: LogicalPartition) -> bool:
        """Whether records of `tp` must not be delivered until an error has been looked into."""
        return tp in self._failed

    def look(self, positions: Mapping[LogicalPartition, int], *, drained: bool) -> list[Finding]:
        """What has been found out; never waits.

        Args:
            positions: the next offset of each topic-partition that should be delivering.
            drained: the client had nothing more to deliver just now. Without that its silence about one
                partition says nothing about the consumer: the record may wait behind those of others.
        """
        if drained:
            self._drained_at = self._clock()
        self._settle(positions)
        self._learn_ends(positions)
        return [finding for tp in list(self._probes) if (finding := self._conclude(tp)) is not None]

    def close(self) -> None:
        """Close all probes."""
        for tp in list(self._probes):
            self._drop(tp)

    def _settle(self, positions: Mapping[LogicalPartition, int]) -> None:
        """Drop the probes of partitions that moved or went."""
        for tp, probe in list(self._probes.items()):
            if positions.get(tp) != probe.offset:
                self._drop(tp)
                self._watchdog.forget(tp)
        self._watchdog.keep(positions)

    def _learn_ends(self, positions: Mapping[LogicalPartition, int]) -> None:
        """Ask for the ends of partitions that did not move since the last question; use the answers."""
        if self._asked:
            if not all(future.done() for future in self._asked.values()):
                return
            asked, self._asked = self._asked, {}
            for tp, future in asked.items():
                position = positions.get(tp)
                if position is None or future.exception() is not None:
                    continue
                stuck = self._watchdog.saw(tp, position, future.result().offset)
                if stuck and tp not in self._probes and len(self._probes) < _PROBES_MAX:
                    self._probes[tp] = Probe(self._reader, tp, position, self._clock)
        if self._clock() < self._ask_at:
            return
        self._ask_at = self._clock() + _ASK_S
        quiet = [tp for tp, position in positions.items() if self._positions.get(tp) == position]
        self._positions = dict(positions)
        if quiet:
            places = {TopicPartition(self._reader.topic(name), p): (name, p) for name, p in quiet}
            answers = self._admin.list_offsets(
                dict.fromkeys(places, OffsetSpec.latest()),  # type: ignore[no-untyped-call,arg-type]
                isolation_level=IsolationLevel.READ_COMMITTED,
                request_timeout=_ANSWER_S,
            )
            self._asked = {places[place]: future for place, future in answers.items()}

    def _conclude(self, tp: LogicalPartition) -> Finding | None:
        probe = self._probes[tp]
        verdict = probe.look()
        if verdict is None:
            return None
        offset, failure = probe.offset, self._failed.get(tp, "")
        if verdict is Verdict.BLOCKS:
            finding = Finding(tp, offset, blocks=True, detail=failure or probe.detail)
            self._failed.pop(tp, None)
            self._watchdog.forget(tp)
            probe.step()
            return finding
        since = self._watchdog.standing_since(tp)
        self._drop(tp)
        if failure:  # what came behind the error was held back: only a new consumer can deliver it
            return Finding(tp, offset, blocks=False, detail=failure)
        long_silent = since is not None and since < self._drained_at and self._clock() - since >= _BROKEN_S
        if verdict is Verdict.READABLE and long_silent:
            return Finding(tp, offset, blocks=False, detail="the consumer does not deliver it")
        return None

    def _drop(self, tp: LogicalPartition) -> None:
        self._failed.pop(tp, None)
        self._probes.pop(tp).close()
