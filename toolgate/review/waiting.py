"""Waiting: what people are to decide about, as the topics of holds and drafts tell it."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolgate.inspection.stretches import records, whole
from toolgate.schemas.codec import Codec, DecodeError
from toolgate.schemas.records import Draft, Hold
from toolgate.sdk.wire import decode
from toolgate.streams.gate.proposals import OPEN, id_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolgate.inspection.search import Readers
    from toolgate.processors.case import Envelope
    from toolgate.schemas.registry import Registry

OVER_KEPT = 10_000
TOPICS: dict[str, type[Hold | Draft]] = {"holds": Hold, "drafts": Draft}


@dataclass(frozen=True, slots=True)
class Waiting:
    """A hold or a draft: as it was opened, and as it stands by what was told of it last."""

    opened: Hold | Draft
    latest: Hold | Draft
    partition: int
    opened_ms: int  # when the broker appended it
    votes: tuple[Hold | Draft, ...] = ()  # what each vote on it came to

    @property
    def id(self) -> str:
        """What votes name."""
        return id_of(self.opened)

    @property
    def kind(self) -> str:
        """Hold or draft."""
        return "hold" if isinstance(self.opened, Hold) else "draft"

    @property
    def cost_micros(self) -> int:
        """What the call is judged to cost, in micro-dollars."""
        return self.opened.cost_micros

    def state(self, now_ms: int) -> str:
        """open, expired, or how it ended. Whether it has expired is the ledger's word; by this machine's clock here."""
        late = self.latest.state == OPEN and 0 < self.opened.expires_at <= now_ms
        return "expired" if late else self.latest.state


class Board:
    """A fold of both topics: everything that waits, and what waited last, by id."""

    def __init__(self, registry: Registry | None = None) -> None:
        self.by_id: dict[str, Waiting] = {}
        self._over: deque[str] = deque()
        self._codecs = {topic: Codec(kind, registry) for topic, kind in TOPICS.items()}

    def take(self, envelopes: Iterable[Envelope]) -> None:
        """See records of holds and drafts, each partition in its order; what is no record is passed over.

        Raises:
            RetryError: the Schema Registry does not say what one is; then none of them is seen.
        """
        found: list[tuple[Any, Envelope]] = []
        for envelope in envelopes:
            with suppress(DecodeError):  # only the gate writes here
                found.append((decode(self._codecs[envelope.topic], envelope), envelope))
        for record, envelope in found:
            self._see(record, envelope)

    def _see(self, record: Hold | Draft, envelope: Envelope) -> None:
        known = self.by_id.get(id_of(record))
        if known is None:
            if record.state == OPEN and not record.vote_id:
                made = Waiting(record, record, envelope.partition, envelope.time_ms)
                self.by_id[made.id] = made
            return
        votes = (*known.votes, record) if record.vote_id else known.votes
        latest = known.latest if record.refused else record
        self.by_id[known.id] = Waiting(known.opened, latest, known.partition, known.opened_ms, votes)
        if known.latest.state == OPEN != latest.state:
            self._over.append(known.id)
            # A console follows the topics for months, and they are kept for years.
            if len(self._over) > OVER_KEPT:
                del self.by_id[self._over.popleft()]

    def waiting(self, now_ms: int) -> list[Waiting]:
        """What still waits, what expires first before the rest."""
        found = [one for one in self.by_id.values() if one.state(now_ms) == OPEN]
        return sorted(found, key=lambda one: (one.opened.expires_at, one.id))


def read(readers: Readers, registry: Registry | None = None) -> Board:
    """The board as the topics are now.

    Raises:
        RefusedError: a topic does not exist, or may not be read.
        UnreachableError: Kafka does not answer.
        RetryError: as `Board.take`.
    """
    board = Board(registry)
    for topic in TOPICS:
        reader = readers(topic)
        board.take(records(reader, whole(reader)))
    return board
