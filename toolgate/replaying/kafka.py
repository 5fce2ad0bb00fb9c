"""The history of a prefix on Kafka: one reader a topic, whose partitions are read in stretches when they are wanted."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from toolgate.inspection.reader import TopicReader
from toolgate.streams.ports import INPUTS, POLICIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from toolgate.processors.case import Envelope
    from toolgate.streams.ports import TopicPartition
    from toolgate.streams.settings import Settings

STRETCH = (
    2_000  # offsets that are read at a time: to go to another partition and back costs some milliseconds
)
TOPICS = ("audit", *INPUTS, POLICIES)


class KafkaRecords:
    """Implements `records.Records`; a context manager, for one thread.

    Args:
        settings: where Kafka is and which prefix.

    Raises, from every method and the constructor:
        UnreachableError, RefusedError: as `TopicReader`.
    """

    def __init__(self, settings: Settings) -> None:
        with ExitStack() as opened:
            self._readers = {topic: opened.enter_context(TopicReader(settings, topic)) for topic in TOPICS}
            self._ends = {
                (topic, partition): reader.span(partition)[1]
                for topic, reader in self._readers.items()
                for partition in reader.partitions
            }
            self._opened = opened.pop_all()

    def partitions(self, topic: str) -> Sequence[int]:
        """See `Records`."""
        return self._readers[topic].partitions

    def first(self, tp: TopicPartition) -> int:
        """See `Records`."""
        return self._readers[tp[0]].span(tp[1])[0]

    def end(self, tp: TopicPartition) -> int:
        """See `Records`."""
        return self._ends[tp]

    def read(self, tp: TopicPartition) -> Iterator[Envelope]:
        """See `Records`."""
        topic, partition = tp
        reader = self._readers[topic]
        start, end = reader.span(partition)
        while start < end:
            stop = min(start + STRETCH, end)
            found = [one for some in reader.read({partition: start}, {partition: stop}) for one in some]
            yield from found
            start = stop

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()
