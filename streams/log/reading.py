"""Reading a topic outside the gate's group: all of it up to now, or the control topic's growing end.

Both assign themselves their partitions and read committed records only. Transaction markers and aborted
records take offsets but are never delivered, so a reader is at the end when the client says so, not when the
last offset was seen.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from toolgate.streams.log.messages import UNDELIVERABLE, envelope, take, undeliverable
from toolgate.streams.log.producer import cause
from toolgate.streams.log.stalls import Probe, Verdict
from toolgate.streams.ports import LogError, RetryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from toolgate.processors.case import Envelope
    from toolgate.streams.log.trouble import Trouble

T = TypeVar("T")
READ_S = 30.0  # without any progress for so long, reading is given up
CONTROL_S = 2.0
_ASK_AGAIN_S = 0.1
_BATCH = 1000
_PAUSE_S = 0.02
# A new topic, or a leader that just changed: over in a moment.
_LEADER_MOVES = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
    }
)
# A client that has lost its broker says so of every topic at once, and may not ask again for minutes.
_FORGOTTEN = frozenset({KafkaError._UNKNOWN_PARTITION, KafkaError._UNKNOWN_TOPIC})  # noqa: SLF001 - the library's names


@dataclass(frozen=True, slots=True)
class Reader:
    """What consumers outside the group are made of."""

    config: Mapping[str, Any]
    topic: Callable[[str], str]  # the broker's name of a logical topic
    trouble: Trouble

    def consumer(self) -> Consumer:
        """One that assigns itself and is told when it stands at a partition's last stable offset."""
        return Consumer({**self.config, **self.trouble.settings(), "enable.partition.eof": True})


def bounds(consumer: Consumer, place: TopicPartition, limit_s: float, trouble: Trouble) -> tuple[int, int]:
    """(first offset, last stable offset) as the broker says.

    Raises:
        RetryError: no answer within `limit_s`.
    """

    def asked(left_s: float) -> tuple[int, int] | None:
        return consumer.get_watermark_offsets(place, left_s, cached=False)

    return _answered(asked, consumer, place, limit_s, trouble)


def at_time(
    consumer: Consumer, place: TopicPartition, time_ms: int, limit_s: float, trouble: Trouble
) -> int | None:
    """The offset of the first record at that time or later; None when there is none.

    Raises:
        RetryError: no answer within `limit_s`.
    """

    def asked(left_s: float) -> int:
        when = TopicPartition(place.topic, place.partition, time_ms)
        [found] = consumer.offsets_for_times([when], left_s)
        if found.error is not None:
            raise KafkaException(found.error)
        return found.offset

    offset = _answered(asked, consumer, place, limit_s, trouble)
    return offset if offset >= 0 else None


def _answered(
    asked: Callable[[float], T | None],
    consumer: Consumer,
    place: TopicPartition,
    limit_s: float,
    trouble: Trouble,
) -> T:
    """What the broker says of a place, asked again where its leader is only about to be known."""
    end, reminded = time.monotonic() + limit_s, False
    while True:
        try:
            answer = asked(max(end - time.monotonic(), 0.001))
            break
        except KafkaException as error:
            code, left = cause(error).code(), end - time.monotonic()
            if code in _LEADER_MOVES and left > 0:
                time.sleep(_PAUSE_S)  # the client asks for the leader meanwhile
                continue
            if code in _FORGOTTEN and left > 0 and not reminded:
                reminded = True
                with suppress(KafkaException):  # what it then says of the partition tells why
                    consumer.list_topics(place.topic, left)
                continue
            text = f"{place.topic}[{place.partition}]: {cause(error).str()}{trouble.because()}"
            raise RetryError(text) from error
    if answer is None:  # the client's word for "timed out"
        raise RetryError(f"{place.topic}[{place.partition}]: no offsets in {limit_s} s{trouble.because()}")
    return answer


def read(
    reader: Reader, topic: str, start: Mapping[int, int] | None, limit_s: float = READ_S
) -> Iterator[Envelope]:
    """`Log.read`.

    Raises:
        RetryError: the broker did not answer, or nothing came for `limit_s`.
        LogError: the topic does not exist, `start` lies before its first offset, or a record cannot be read.
    """
    full, trouble = reader.topic(topic), reader.trouble
    consumer = reader.consumer()
    try:
        ends, places = _stretch(consumer, full, start or {}, trouble, limit_s)
        consumer.assign(places)
        deadline = time.monotonic() + limit_s
        while ends:
            for message in take(consumer, _BATCH, 0.1):
                deadline = time.monotonic() + limit_s
                partition, offset = message.partition() or 0, message.offset() or 0
                error = message.error()
                if error is not None:
                    if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
                        ends.pop(partition, None)
                    elif not error.retriable():
                        raise LogError(f"{full}[{partition}] at {offset}: {error.str()}")
                elif partition in ends:
                    if offset < ends[partition]:
                        yield envelope(message, topic)
                    if offset >= ends[partition] - 1:
                        del ends[partition]
            if time.monotonic() >= deadline:
                left = ", ".join(f"[{p}] up to {end}" for p, end in sorted(ends.items()))
                raise RetryError(f"{full}: nothing came for {limit_s} s, missing {left}{trouble.because()}")
    finally:
        consumer.close()


def _stretch(
    consumer: Consumer, full: str, start: Mapping[int, int], trouble: Trouble, limit_s: float
) -> tuple[dict[int, int], list[TopicPartition]]:
    """The end of each partition with something to read, and where to begin."""
    try:
        known = consumer.list_topics(full, limit_s).topics.get(full)
    except KafkaException as error:
        raise RetryError(f"{full}: {cause(error).str()}{trouble.because()}") from error
    if known is None or known.error is not None:
        raise LogError(f"{full}: no such topic, or no right to read it")
    ends, places = {}, []
    for partition in sorted(known.partitions):
        first, end = bounds(consumer, TopicPartition(full, partition), limit_s, trouble)
        begin = start.get(partition, first)
        if begin < first:
            raise LogError(f"{full}[{partition}]: records {begin} to {first - 1} are gone but needed")
        if begin < end:
            ends[partition] = end
            places.append(TopicPartition(full, partition, begin))
    return ends, places


def read_control(reader: Reader, topic: str) -> Iterator[Envelope]:
    """All of the control topic up to now, as `ControlTail` tells it: also what no client can read.

    Raises:
        RetryError: the broker did not answer, or nothing came for 2 s and no record is to blame.
    """
    tail = ControlTail(reader, topic)
    try:
        yield from tail.whole()
    finally:
        tail.close()


class ControlTail:
    """Keeps up with the control topic's only partition; asks for its end, and for nothing else while nothing is new.

    A consumer that kept the partition would fetch two hundred times a second, from each worker and executor.
    """

    def __init__(
        self,
        reader: Reader,
        topic: str,
        limit_s: float = CONTROL_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`limit_s` is how old the known end may be."""
        self._logical, self._full = topic, reader.topic(topic)
        self._reader, self._trouble = reader, reader.trouble
        self._limit_s = limit_s
        self._clock = clock
        self._consumer = reader.consumer()
        self._end = 0
        self._asked: float | None = None  # when the end was last learnt, as of before the question

    def since(self, position: int) -> tuple[list[Envelope], int]:
        """`Log.tail_control`: committed records from `position` to the end, and the end.

        Raises:
            RetryError: the end, or a record below it, could not be had within the limit.
        """
        end = self._known_end()
        if position >= end:
            return [], end
        try:
            return self._fetch(position, end), end
        finally:
            self._consumer.unassign()

    def whole(self) -> list[Envelope]:
        """Everything from the first record that there is.

        Raises:
            RetryError: as `since`.
        """
        first, _ = bounds(self._consumer, TopicPartition(self._full, 0), self._limit_s, self._trouble)
        return self.since(first)[0]

    def close(self) -> None:
        """Close the consumer."""
        self._consumer.close()

    def _known_end(self) -> int:
        now = self._clock()
        age = self._limit_s if self._asked is None else now - self._asked
        if self._asked is not None and age < _ASK_AGAIN_S:
            return self._end
        left = max(self._limit_s - age, _ASK_AGAIN_S) if self._asked is not None else self._limit_s
        try:
            _, self._end = bounds(self._consumer, TopicPartition(self._full, 0), left, self._trouble)
        except RetryError:
            if self._asked is None or self._clock() - self._asked >= self._limit_s:
                raise
        else:
            self._asked = now
        return self._end

    def _fetch(self, position: int, end: int) -> list[Envelope]:
        """Records from `position` to `end`; one that no client can read is told as undeliverable.

        It must not keep every worker and executor stopped for ever. Nobody can have read a kill in it, and its
        place moves the position of all of them, as that of every record does.
        """
        self._consumer.assign([TopicPartition(self._full, 0, position)])
        found: list[Envelope] = []
        at, deadline = position, self._clock() + self._limit_s
        while True:
            more, hurt = self._take(at, end)
            found += more
            if more:
                at, deadline = more[-1].offset + 1, self._clock() + self._limit_s
            [place] = self._consumer.position([TopicPartition(self._full, 0)])
            if place.offset >= end:
                return found
            if not hurt and self._clock() < deadline:
                continue
            if not self._blocks(at):
                because = self._trouble.because()
                raise RetryError(f"{self._full}: no records up to {end} in {self._limit_s} s{because}")
            found.append(
                undeliverable(self._logical, 0, at, hurt or "the client falls silent at this offset")
            )
            at, deadline = at + 1, self._clock() + self._limit_s
            if at >= end:
                return found
            self._consumer.assign([TopicPartition(self._full, 0, at)])

    def _take(self, at: int, end: int) -> tuple[list[Envelope], str]:
        """What has come of the records from `at` to `end`, and the error of one that cannot be read."""
        found: list[Envelope] = []
        for message in take(self._consumer, _BATCH, 0.02):
            error, offset = message.error(), message.offset() or 0
            if error is None:
                if at <= offset < end:
                    found.append(envelope(message, self._logical))
            elif error.code() in UNDELIVERABLE:
                return found, error.name()
            elif error.code() != KafkaError._PARTITION_EOF and not error.retriable():  # noqa: SLF001
                raise RetryError(f"{self._full} at {offset}: {error.str()}")
        return found, ""

    def _blocks(self, at: int) -> bool:
        """Whether a second consumer, whose fetches are answered, is given nothing at this offset either."""
        probe = Probe(self._reader, (self._logical, 0), at, self._clock)
        try:
            while (verdict := probe.look()) is None:
                time.sleep(_PAUSE_S)
        finally:
            probe.close()
        return verdict is Verdict.BLOCKS
