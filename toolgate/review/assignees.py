"""Assignees: who sees to what, as the audit tells it. To have an item gives no right: votes count as before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolgate.review.unresolved import ANSWERED
from toolgate.streams.gate.voted import ENDS, GIVEN_BACK, TAKEN, TAKEN_OVER

if TYPE_CHECKING:
    from toolgate.schemas.records import AuditEvent

KEPT = 100_000  # items, and signed words that are known again; ten times as many as may well wait
_WORDS = frozenset({TAKEN, TAKEN_OVER, GIVEN_BACK})
_OVER = ENDS | ANSWERED


@dataclass(frozen=True, slots=True)
class Assignee:
    """Who sees to an item.

    Attributes:
        kid: the key id that has signed it.
        since_ms: when the broker appended that.
        before: whom it was taken over from; "" nobody.
        place: partition and offset of the word on votes: it has the reason.
    """

    kid: str
    since_ms: int
    before: str
    place: tuple[int, int]


class Assignees:
    """A fold of the audit, each partition in its order: the words about one item all lie in one.

    Who takes what somebody has gets nothing, unless they say that they take it over; who gives back what is not theirs
    neither. So of two who take it at once the first has it, whoever reads.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self.by_id: dict[str, Assignee] = {}
        self._seen: dict[str, None] = {}
        self._kept = kept

    def see(self, event: AuditEvent) -> None:
        """The next event; seen twice, it changes nothing."""
        if event.topic not in {"votes", "ticks"}:
            return
        if event.note in _OVER:
            self.by_id.pop(event.command_id, None)
        elif (
            event.note in _WORDS and event.intent_id not in self._seen
        ):  # anybody can send a signed word again
            self._seen[event.intent_id] = None
            self._says(event)
            for known in (self.by_id, self._seen):
                if len(known) > self._kept:
                    del known[next(iter(known))]

    def _says(self, event: AuditEvent) -> None:
        has = self.by_id.get(event.command_id)
        kid = has.kid if has else ""
        if event.note == GIVEN_BACK:
            if kid == event.kid:
                del self.by_id[event.command_id]
        elif not kid or (event.note == TAKEN_OVER and kid != event.kid):
            place = (event.partition, event.offset)
            self.by_id[event.command_id] = Assignee(event.kid, event.append_time, kid, place)
