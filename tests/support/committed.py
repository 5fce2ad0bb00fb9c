"""What is committed on a broker, each record looked at and decoded once, however often it is asked for."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toolgate.processors.case import Envelope
    from toolgate.schemas.codec import Codec
    from toolgate.streams.log.memory import Broker
    from toolgate.streams.ports import TopicPartition


class Committed:
    """The committed records of one broker; `codecs` by record type."""

    def __init__(self, broker: Broker, codecs: Mapping[type, Codec[Any]]) -> None:
        self._broker, self._codecs = broker, codecs
        self._seen: dict[TopicPartition, list[Envelope]] = defaultdict(list)
        self._read: dict[TopicPartition, list[Any]] = defaultdict(list)

    def visible(self, tp: TopicPartition) -> Sequence[Envelope]:
        """Those of a topic-partition, as they lie there."""
        seen = self._seen[tp]
        seen.extend(self._broker.visible(tp, seen[-1].offset + 1 if seen else 0))
        return seen

    def records(self, record: type, topic: str, partition: int) -> Sequence[Any]:
        """The same, decoded."""
        read, codec = self._read[topic, partition], self._codecs[record]
        read.extend(codec.decode(e.value) for e in self.visible((topic, partition))[len(read) :])
        return read
