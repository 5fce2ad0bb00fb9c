"""Stretches: the records of a topic from some offsets to others, told how far the reading has come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from toolgate.processors.case import Envelope

Stretch = dict[int, tuple[int, int]]  # partition -> (first offset, offset to stop before)


class Readable(Protocol):
    """What is asked of a topic; see `inspection.reader.TopicReader`."""

    partitions: tuple[int, ...]

    def span(self, partition: int) -> tuple[int, int]:
        """(first offset, last stable offset)."""

    def at_time(self, partition: int, time_ms: int) -> int:
        """The first offset at that time or later."""

    def read(self, start: Mapping[int, int], end: Mapping[int, int]) -> Iterator[list[Envelope]]:
        """Committed records of a stretch."""


def whole(reader: Readable, partitions: Iterable[int] | None = None) -> Stretch:
    """All that the topic, or some partitions of it, have now."""
    return {p: reader.span(p) for p in (reader.partitions if partitions is None else partitions)}


def since(reader: Readable, time_ms: int) -> Stretch:
    """All that the topic has now and was appended at that time or later."""
    return {p: (reader.at_time(p, time_ms), reader.span(p)[1]) for p in reader.partitions}


def records(
    reader: Readable, stretch: Stretch, notify: Callable[[int, int], None] = lambda _done, _total: None
) -> Iterator[Envelope]:
    """The committed records of a stretch, each partition in its order.

    Args:
        reader: of the topic.
        stretch: from where to where.
        notify: told how many offsets are done, and of how many.

    Raises:
        RefusedError, UnreachableError: as the reader.
    """
    start = {partition: first for partition, (first, _) in stretch.items()}
    at = dict(start)
    total = sum(end - first for first, end in stretch.values())
    for envelopes in reader.read(start, {partition: end for partition, (_, end) in stretch.items()}):
        for envelope in envelopes:
            at[envelope.partition] = envelope.offset + 1
            yield envelope
        notify(sum(at[partition] - first for partition, first in start.items()), total)
    notify(total, total)


def record_at(reader: Readable, partition: int, offset: int) -> Envelope | None:
    """The committed record at one place; None where there is none, or it is no longer kept.

    Raises:
        RefusedError, UnreachableError: as the reader.
    """
    first, end = reader.span(partition)
    if not first <= offset < end:
        return None
    return next(records(reader, {partition: (offset, offset + 1)}), None)
