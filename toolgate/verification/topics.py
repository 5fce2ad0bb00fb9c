"""A history from Kafka: the topics of a prefix as they are now."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from toolgate.inspection.stretches import Stretch, records, whole
from toolgate.streams.errors import RefusedError
from toolgate.verification.history import AUDIT, INPUTS, TOPICS
from toolgate.verification.loading import Loader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from toolgate.inspection.stretches import Readable
    from toolgate.processors.case import Envelope
    from toolgate.schemas.registry import Registry
    from toolgate.verification.history import History


Spans = dict[str, Stretch]


def spans(open_topic: Callable[[str], Readable], wanted: Sequence[str] = TOPICS) -> Spans:
    """Where each topic begins and ends now; a topic that is not there is left out.

    The audit's ends are taken first and those of inputs last: if every input is audited by then, no decision was made
    in between, and everything that belongs to the audit is there.

    Raises:
        RefusedError: there is no audit, or it may not be read.
        UnreachableError: Kafka does not answer.
    """
    found: Spans = {}
    for topic in wanted:
        try:
            reader = open_topic(topic)
        except RefusedError:
            if topic == AUDIT:
                raise
            continue
        found[topic] = whole(reader)
    return found


def read(
    open_topic: Callable[[str], Readable],
    stretch: Spans,
    registry: Registry | None = None,
    notify: Callable[[str, int, int], None] = lambda _topic, _done, _total: None,
) -> History:
    """The history in a stretch of the topics.

    Args:
        open_topic: gives the reader of a logical topic.
        stretch: as `spans` gives it.
        registry: where schema ids come from; the bundled ones by default.
        notify: told of each topic how many offsets are done, and of how many.

    Raises:
        RefusedError: a topic may not be read.
        UnreachableError: Kafka does not answer.
    """
    loader = Loader(time.time_ns() // 1_000_000, registry)
    for topic, partitions in stretch.items():
        for partition, (first, _) in partitions.items():
            if not first:
                loader.history.whole(topic, partition)
        for envelope in told(open_topic(topic), topic, partitions, notify):
            loader.take(envelope)
    return loader.history


def told(
    reader: Readable, topic: str, partitions: Stretch, notify: Callable[[str, int, int], None]
) -> Iterator[Envelope]:
    """The records of a stretch of one topic; `notify` is told of which."""
    return records(reader, partitions, lambda done, total: notify(topic, done, total))


def grown(open_topic: Callable[[str], Readable], stretch: Spans) -> bool:
    """Whether inputs have come since: then the ledger may hold more than what was read."""
    return any(
        open_topic(topic).span(partition)[1] != end
        for topic in INPUTS
        for partition, (_, end) in stretch.get(topic, {}).items()
    )
