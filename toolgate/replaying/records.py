"""Where a history is read from: the records of each topic-partition, lazily, from the first to the end as of now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolgate.processors.case import Envelope
    from toolgate.streams.log.memory import Broker
    from toolgate.streams.ports import TopicPartition


class Records(Protocol):
    """The committed records of a prefix; topics by their logical names."""

    def partitions(self, topic: str) -> Sequence[int]:
        """The partitions of a topic."""

    def first(self, tp: TopicPartition) -> int:
        """Where the log of a topic-partition begins: above 0 where records were deleted."""

    def end(self, tp: TopicPartition) -> int:
        """Where it ended when these records were opened; no topic-partition was read before that."""

    def read(self, tp: TopicPartition) -> Iterator[Envelope]:
        """The records of a topic-partition in their order, also newer ones; only a stretch is held at a time."""


class BrokerRecords:
    """The records of a log in memory; implements `Records`."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._ends = {tp: broker.stable(tp) for tp in broker.log}

    def partitions(self, topic: str) -> Sequence[int]:
        """See `Records`."""
        return [partition for name, partition in self._broker.log if name == topic]

    def first(self, tp: TopicPartition) -> int:  # noqa: ARG002 - nothing is ever deleted here
        """See `Records`."""
        return 0

    def end(self, tp: TopicPartition) -> int:
        """See `Records`."""
        return self._ends[tp]

    def read(self, tp: TopicPartition) -> Iterator[Envelope]:
        """See `Records`."""
        return self._broker.visible(tp, 0)
