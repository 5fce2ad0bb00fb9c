"""The queue: everything that people have to see to, one fold of the topics that tell of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from toolgate.inspection.stretches import records, since, whole
from toolgate.processors.claims import DAY_MS
from toolgate.review.assignees import Assignees
from toolgate.review.items import assigned, of_outcome, of_record, of_waiting
from toolgate.review.unresolved import TOPIC as AUDIT
from toolgate.review.unresolved import Unresolved
from toolgate.review.waiting import TOPICS as WAITING
from toolgate.review.waiting import Board
from toolgate.schemas.records import AuditEvent
from toolgate.sdk.wire import place_of
from toolgate.streams.errors import RefusedError
from toolgate.streams.ports import RetryError
from toolgate.verification.events import Fast, UnreadableError

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
        self.unresolved = Unresolved()
        self.assignees = Assignees()
        self._events = Fast(AuditEvent, registry)
        self.missing: list[str] = []  # topics that could not be read: what they would tell is not here

    def take(self, topic: str, envelopes: Iterable[Envelope]) -> None:
        """See records of one of `TOPICS`, each partition in its order; what cannot be read is passed over.

        Raises:
            RetryError: the Schema Registry does not say what one is. All of them are to be given again then; to see
                some twice, in their order, changes nothing.
        """
        if topic != AUDIT:
            self.board.take(envelopes)
            return
        for envelope in envelopes:
            try:
                self.see(self._events.read(envelope.value))
            except UnreadableError as error:  # only the gate writes here
                if error.undecided:
                    raise RetryError(f"{place_of(envelope)}: {error}") from error

    def see(self, event: AuditEvent) -> None:
        """See the next event of the audit."""
        self.unresolved.see(event)
        self.assignees.see(event)

    def items(self, now_ms: int) -> list[Item]:
        """What is open, what should be answered first before the rest."""
        found = [of_waiting(one, now_ms) for one in self.board.waiting(now_ms)]
        found += [of_outcome(one) for one in self.unresolved.commands.values() if one.waits(now_ms)]
        found += map(of_record, self.unresolved.records.values())
        found.sort(key=lambda item: (item.answer_by_ms, item.id))
        return [assigned(item, self.assignees.by_id.get(item.id)) for item in found]

    def find(self, wanted: str, now_ms: int) -> Item | None:
        """The item of an id: an open one, or a hold or a draft that is over.

        A command may have been a hold before; while nobody knows its outcome, the id is about that.
        """
        found = self._find(wanted, now_ms)
        return assigned(found, self.assignees.by_id.get(wanted)) if found else None

    def _find(self, wanted: str, now_ms: int) -> Item | None:
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
