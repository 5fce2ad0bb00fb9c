"""Makes sure that records stand where they say: an offset is partly the word of whoever wrote the batch.

The broker numbers batches; within an uncompressed one it leaves the writer's own offset deltas as they are (seen with
4.1.1). The client believes them: after a record that says it stands a thousand places on, it goes on from there, and
whatever others have written between would be lost, or the partition would end beyond its end for good.

So a record at the next offset is believed, and anything else is looked into. Who sees only what lies at or behind
an honest place, one offset at a time, misses no honest record: a second consumer is sent to each offset, and what it
is given first either says that it stands there or is put aside. Where a gap is all there is (markers of transactions
and aborted records are never delivered) it is enough that what comes behind it is given at its own offset as well;
until the partition's end is reached in this way, nothing of it is believed without that.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from itertools import pairwise
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, TopicPartition

from toolgate.schemas.frozen import changed
from toolgate.streams.log.messages import input_envelope, undeliverable
from toolgate.streams.log.reading import bounds
from toolgate.streams.ports import RetryError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from confluent_kafka import Consumer, Message

    from toolgate.processors.case import Envelope
    from toolgate.streams.log.reading import Reader
    from toolgate.streams.ports import TopicPartition as LogicalPartition

# What agents write. Executors and operators hold keys that can do worse, and write in transactions: of their topics
# only what cannot be true is looked into.
STRICT = frozenset({"intents"})
_STEPS_MAX = 50  # offsets looked at in one go: some 5 ms each, and the other partitions wait
_ANSWER_S = 1.0
_TRIES = 3
_NOTHING = "no reader is given a record that stands at this offset"
_ENDS = frozenset(
    {
        KafkaError._PARTITION_EOF,  # noqa: SLF001 - the library's public names of client-side errors begin so
        KafkaError._AUTO_OFFSET_RESET,  # noqa: SLF001
        KafkaError.OFFSET_OUT_OF_RANGE,
    }
)


class _No(Enum):
    """What an asking consumer is told instead of a record."""

    END = auto()  # nothing is at or behind the offset
    ANSWER = auto()  # silence, or an error: perhaps no client can read what is there


@dataclass(frozen=True, slots=True)
class Settled:
    """What is to be delivered of a topic-partition, and the offset behind it.

    `again`: the gate's consumer may stand elsewhere; send it there.
    """

    found: list[Envelope]
    next: int
    again: bool


class Places:
    """Looks into records that are not at the next offset. For one thread."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._asker: Consumer | None = None
        self._odd: dict[LogicalPartition, list[Message]] = {}
        self._cut: set[LogicalPartition] = set()  # behind an error that came after what is kept
        self._watched: set[LogicalPartition] = set()  # behind a gap whose end has not been reached yet

    def doubts(self, tp: LogicalPartition) -> bool:
        """Whether nothing of `tp` may be delivered for its offset alone."""
        return tp in self._odd or tp in self._watched

    def hold(self, tp: LogicalPartition, message: Message) -> None:
        """Keep a message until `settle`."""
        if tp not in self._cut:
            self._odd.setdefault(tp, []).append(message)

    def cut(self, tp: LogicalPartition) -> None:
        """An error came behind what is kept: that comes first, and the error is met again behind it."""
        self._cut.add(tp)

    def held(self) -> Iterable[LogicalPartition]:
        """Where something is kept."""
        return tuple(self._odd)

    def forget(self) -> None:
        """Another assignment: every partition begins at a place that the gate names."""
        self._odd.clear()
        self._cut.clear()
        self._watched.clear()

    def close(self) -> None:
        """Close the consumer that asks."""
        if self._asker is not None:
            self._asker.close()
            self._asker = None

    def settle(self, tp: LogicalPartition, expected: int) -> Settled:
        """What the messages kept of `tp` come to; `expected` is the next offset, which is believed."""
        messages, again = self._odd.pop(tp), tp in self._cut
        self._cut.discard(tp)
        try:
            _, end = bounds(self._consumer(), self._place(tp), _ANSWER_S, self._reader.trouble)
        except RetryError:  # nothing is known: they come again
            return Settled([], expected, again=True)
        if not self._plausible(tp, messages, expected, end):
            self._watched.add(tp)
            return self._step(tp, expected, end)
        behind = _offset(messages[-1]) + 1
        if tp[0] in STRICT and behind < end:
            self._watched.add(tp)
        else:
            self._watched.discard(tp)
        return Settled([input_envelope(message, tp[0]) for message in messages], behind, again)

    def _plausible(self, tp: LogicalPartition, messages: list[Message], expected: int, end: int) -> bool:
        offsets = [expected - 1, *map(_offset, messages)]
        if offsets[-1] >= end or any(here >= there for here, there in pairwise(offsets)):
            return False
        return tp[0] not in STRICT or _same(self._first(tp, offsets[-1]), messages[-1])

    def _step(self, tp: LogicalPartition, at: int, end: int) -> Settled:
        """Offset by offset: what is given there, or that nothing is."""
        found: list[Envelope] = []
        first = self._first(tp, at)
        while at < end and len(found) < _STEPS_MAX and first is not _No.ANSWER:
            following = self._first(tp, at + 1) if at + 1 < end else _No.END
            found.append(self._at(tp, at, first, following))
            at, first = at + 1, following
        return Settled(found, at, again=True)

    def _at(self, tp: LogicalPartition, at: int, first: Message | _No, following: Message | _No) -> Envelope:
        if isinstance(first, _No):
            return undeliverable(*tp, at, _NOTHING)
        if _offset(first) == at:
            return input_envelope(first, tp[0])
        if _same(following, first):  # it is given behind this offset as well: perhaps it stands there
            return undeliverable(*tp, at, _NOTHING)
        return changed(
            input_envelope(first, tp[0]),
            offset=at,
            problem=f"it says that it stands at offset {_offset(first)}",
        )

    def _first(self, tp: LogicalPartition, offset: int) -> Message | _No:
        """What a consumer that is sent to an offset is given first."""
        consumer = self._consumer()
        place = self._place(tp)
        place.offset = offset
        for _ in range(_TRIES):
            consumer.assign([place])
            message = consumer.poll(_ANSWER_S)
            if message is None:
                return _No.ANSWER
            error = message.error()
            if error is None:
                return message
            if error.code() not in _ENDS:
                return _No.ANSWER
            if error.code() != KafkaError._AUTO_OFFSET_RESET or message.offset() == offset:  # noqa: SLF001
                return _No.END
            # told late of the place before, where it had gone on from a lie; it has stopped at this one as well
        return _No.ANSWER

    def _place(self, tp: LogicalPartition) -> TopicPartition:
        return TopicPartition(self._reader.topic(tp[0]), tp[1])

    def _consumer(self) -> Consumer:
        if self._asker is None:
            self._asker = self._reader.consumer()
        return self._asker


def _offset(message: Message) -> int:
    return message.offset() or 0


def _same(one: Message | _No, other: Message) -> bool:
    """Whether two messages are one record. Headers are left out: a message's may be asked for only once."""
    if isinstance(one, _No):
        return False
    parts = ((m.offset(), m.timestamp(), m.key(), m.value()) for m in (one, other))
    return next(parts) == next(parts)
