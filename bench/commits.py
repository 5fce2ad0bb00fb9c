"""What a consumer group committed and when, read from the broker's own topic: the same for every contender.

A transaction leaves one record for each partition whose offset it commits, and one marker behind them. So the
records of one transaction are neighbours, and the next one's are not: no contender has to be believed.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from toolgate.streams.settings import reader_config

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from confluent_kafka import Message

    from toolgate.streams.settings import Settings

OFFSETS = "__consumer_offsets"
ANSWER_S = 10.0
_KEYS = {0, 1}  # versions of a key that is about an offset; 2 is about a group


@dataclass(frozen=True, slots=True)
class Commit:
    """One transaction: how many records of the topic it took, and when the broker wrote its offsets."""

    at_ms: int
    records: int


@dataclass(frozen=True, slots=True)
class Entry:
    """What one record of the broker's topic says: at its own `position`, that a partition is read up to `offset`."""

    position: int
    at_ms: int
    partition: int
    offset: int


def commits(settings: Settings, topic: str) -> list[Commit]:
    """The group's transactions that took records of a topic, in order. `topic` is the logical name."""
    return transactions(_entries(settings, settings.topic(topic)))


def transactions(entries: Iterable[Entry]) -> list[Commit]:
    """Entries in the order of the log, put together by transaction."""
    at: dict[int, int] = {}
    found: list[Commit] = []
    before = -1
    for entry in entries:
        records = entry.offset - at.get(entry.partition, 0)
        at[entry.partition] = entry.offset
        if found and entry.position == before + 1:
            records += found.pop().records
        found.append(Commit(entry.at_ms, records))
        before = entry.position
    return [commit for commit in found if commit.records]


def _entries(settings: Settings, topic: str) -> Iterator[Entry]:
    consumer = Consumer({**reader_config(settings), "enable.partition.eof": True, "log_level": 0})
    try:
        known = consumer.list_topics(OFFSETS, timeout=ANSWER_S).topics[OFFSETS].partitions
        for partition in sorted(known):
            low, _ = consumer.get_watermark_offsets(TopicPartition(OFFSETS, partition), timeout=ANSWER_S)
            consumer.assign([TopicPartition(OFFSETS, partition, low)])
            yield from _partition(consumer, settings.group_id, topic)
    finally:
        consumer.close()


def _partition(consumer: Consumer, group: str, topic: str) -> Iterator[Entry]:
    """The entries of the partition that the consumer is at, up to its end as of now."""
    while True:
        message = consumer.poll(ANSWER_S)
        if message is None:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"the end of {OFFSETS}"))  # noqa: SLF001
        error = message.error()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
                return
            raise KafkaException(error)
        entry = _entry(message, group, topic)
        if entry is not None:
            yield entry


def _entry(message: Message, group: str, topic: str) -> Entry | None:
    """What a record says; None when it is about something else. Texts have two bytes of length before them."""
    key, value = message.key(), message.value()
    wanted = b"".join(struct.pack(">h", len(name)) + name for name in (group.encode(), topic.encode()))
    if not key or not value or struct.unpack_from(">h", key)[0] not in _KEYS or key[2:-4] != wanted:
        return None
    (partition,) = struct.unpack(">i", key[-4:])
    (offset,) = struct.unpack_from(">q", value, 2)
    return Entry(message.offset() or 0, message.timestamp()[1], partition, offset)
