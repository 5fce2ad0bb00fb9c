"""The queue: everything that people have to see to, one fold of the topics that tell of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from toolgate.inspection.stretches import records, since, whole
from toolgate.processors.claims import DAY_MS
from toolgate.review.items import of_outcome, of_record, of_waiting
from toolgate.review.unresolved import TOPIC as AUDIT
from toolgate.review.unresolved import Unresolved
from toolgate.review.waiting import TOPICS as WAITING
from toolgate.review.waiting import Board
from toolgate.streams.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolgate.inspection.search import Readers
    from toolgate.processors.case import Envelope
    from toolgate.review.items import Item
    from toolgate.schemas.registry import Registry

TOPICS = (*WAITING, AUDIT)
KEPT_MS = (
    30 * DAY_MS
)  # of the audit: as long as results and quarantine are kept, without which nobody can tell


class Queue:
    """What waits for people, and what nobody knows the outcome of or could read."""

    def __init__(self, registry: Registry | None = None) -> None:
        self.board = Board(registry)
        self.unresolved = Unresolved(registry)
        self.missing: list[str] = []  # topics that could not be read: what they would tell is not here

    def take(self, topic: str, envelopes: Iterable[Envelope]) -> None:
        """See records of one of `TOPICS`, each partition in its order."""
        if topic == AUDIT:
            self.unresolved.take(envelopes)
        else:
            self.board.take(envelopes)

    def items(self, now_ms: int) -> list[Item]:
        """What is open, what should be answered first before the rest."""
        found = [of_waiting(one, now_ms) for one in self.board.waiting(now_ms)]
        found += [of_outcome(one) for one in self.unresolved.commands.values() if one.waits(now_ms)]
        found += map(of_record, self.unresolved.records.values())
        return sorted(found, key=lambda item: (item.answer_by_ms, item.id))

    def find(self, wanted: str, now_ms: int) -> Item | None:
        """The item of an id: an open one, or a hold or a draft that is over.

        A command may have been a hold before; while nobody knows its outcome, the id is about that.
        """
        if (begun := self.unresolved.commands.get(wanted)) and begun.waits(now_ms):
            return of_outcome(begun)
        if unread := self.unresolved.records.get(wanted):
            return of_record(unread)
        waiting = self.board.by_id.get(wanted)
        return of_waiting(waiting, now_ms) if waiting else None


class Following:
    """Keeps a queue up with the topics. For one thread.

    Args:
        readers: of the topics.
        registry: where schema ids come from.
    """

    def __init__(self, readers: Readers, registry: Registry | None = None) -> None:
        self.queue = Queue(registry)
        self._readers = readers
        self._at: dict[str, dict[int, int]] = {}
        self._since_ms = time.time_ns() // 1_000_000 - KEPT_MS

    def catch_up(self) -> Queue:
        """The queue as the topics are now; where the audit may not be read, it is among what is `missing`.

        Raises:
            RefusedError: holds or drafts may not be read.
            UnreachableError: Kafka does not answer.
        """
        self.queue.missing.clear()
        for topic in TOPICS:
            try:
                self._read(topic)
            except RefusedError as error:
                if topic != AUDIT:
                    raise
                self.queue.missing.append(f"{topic}: {error.what}")
        return self.queue

    def _read(self, topic: str) -> None:
        reader = self._readers(topic)
        if topic in self._at:
            stretch = {p: (at, reader.span(p)[1]) for p, at in self._at[topic].items()}
        else:
            stretch = since(reader, self._since_ms) if topic == AUDIT else whole(reader)
        self.queue.take(topic, records(reader, stretch))
        self._at[topic] = {partition: end for partition, (_, end) in stretch.items()}


def read(readers: Readers, registry: Registry | None = None) -> Queue:
    """The queue as the topics are now, as `Following.catch_up`."""
    return Following(readers, registry).catch_up()
