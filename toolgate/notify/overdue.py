"""Overdue: looks at the queue now and then, and says of each item once that somebody should have answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.notify.events import of_overdue

if TYPE_CHECKING:
    from toolgate.notify.events import Event
    from toolgate.review.queue import Queue


class Overdue:
    """Which items were told; those of a process that has ended are told again, under the same id."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._told: frozenset[str] = frozenset()

    def look(self, queue: Queue, now_ms: int) -> list[Event]:
        """What has become overdue since this was asked last."""
        late = [of_overdue(item, self._prefix) for item in queue.items(now_ms) if item.overdue(now_ms)]
        fresh = [event for event in late if event.id not in self._told]
        self._told = frozenset(event.id for event in late)
        return fresh
