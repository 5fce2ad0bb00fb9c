"""Lanes: the fetched commands of each partition, in the order of the log, and how far each is committed."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolgate.schemas.records import Command, Result
    from toolgate.sdk.history import History

FULL = 50  # commands fetched ahead; more wait at the broker
LOW = 10


@dataclass(frozen=True, slots=True)
class Item:
    """A command at its place, or what is left of one.

    `command` is None for what is not this executor's business, or cannot be had any more. `start` is its STARTED,
    where it was read back. `offset` is where the next command is: to be committed with this one.
    """

    offset: int
    command: Command | None
    start: Result | None = None


@dataclass(slots=True)
class Lane:
    """One partition. `offset` is behind the last item that was taken; `history` was read at `read_ms`."""

    partition: int
    offset: int
    history: History
    read_ms: int
    items: deque[Item] = field(default_factory=deque)
    paused: bool = False

    def take(self) -> Item:
        """The next item; its offset is to be committed from here on."""
        item = self.items.popleft()
        self.offset = max(self.offset, item.offset)
        return item


class Lanes:
    """All lanes of an assignment. Each round begins with another one, so that none starves."""

    def __init__(self) -> None:
        self._lanes: dict[int, Lane] = {}
        self._committed: dict[int, int] = {}
        self._first = 0

    def reset(self, lanes: dict[int, Lane]) -> None:
        """Those of a new assignment, committed up to where they begin."""
        self._lanes = lanes
        self._committed = {p: lane.offset for p, lane in lanes.items()}

    def add(self, partition: int, item: Item) -> Lane | None:
        """Put a fetched item last; None where the partition is not assigned."""
        if (lane := self._lanes.get(partition)) is not None:
            lane.items.append(item)
        return lane

    def in_turn(self) -> Iterator[Lane]:
        """All of them, each time beginning with the next one."""
        places = list(self._lanes)
        self._first = (self._first + 1) % max(len(places), 1)
        return iter([self._lanes[p] for p in places[self._first :] + places[: self._first]])

    @property
    def waiting(self) -> bool:
        """Whether something was fetched and not taken."""
        return any(lane.items for lane in self._lanes.values())

    def uncommitted(self) -> dict[int, int]:
        """The offsets that the next transaction has to carry."""
        return {p: lane.offset for p, lane in self._lanes.items() if lane.offset != self._committed[p]}

    def offset(self, partition: int) -> int:
        """Where a lane is."""
        return self._lanes[partition].offset

    def commit(self, offsets: dict[int, int]) -> None:
        """A transaction with these offsets was committed."""
        self._committed.update(offsets)
