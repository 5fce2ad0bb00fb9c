"""Notices a topic-partition that stands still although the broker has committed records for it.

Seen after a broker was killed: a consumer stays in its group, answers heartbeats, and one of its partitions
is silent for good. Whoever feeds a watchdog decides what that means; the clock is given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from toolgate.streams.ports import TopicPartition


class Watchdog:
    """Tells which topic-partitions have been below their last stable offset for too long without moving."""

    def __init__(self, limit_s: float, clock: Callable[[], float]) -> None:
        """`clock` returns seconds that never run back."""
        self._limit_s = limit_s
        self._clock = clock
        self._since: dict[TopicPartition, tuple[int, float]] = {}

    def saw(self, tp: TopicPartition, position: int, end: int) -> bool:
        """Note that `tp` stands at `position` while `end` is its last stable offset.

        `position` is the next offset to deliver, `end` an offset asked of the broker. At the end there is
        nothing to deliver, also while a transaction beyond it is open. Returns whether it is stuck.
        """
        if position >= end:
            self._since.pop(tp, None)
            return False
        now = self._clock()
        known = self._since.get(tp)
        if known is None or known[0] != position:
            self._since[tp] = (position, now)
            return False
        return now - known[1] >= self._limit_s

    def standing_since(self, tp: TopicPartition) -> float | None:
        """When `tp` was first seen behind at its present position; None while it keeps up."""
        known = self._since.get(tp)
        return None if known is None else known[1]

    def forget(self, tp: TopicPartition) -> None:
        """Begin anew with `tp`: it was revoked, paused on purpose, or sent elsewhere."""
        self._since.pop(tp, None)

    def keep(self, tps: Iterable[TopicPartition]) -> None:
        """Forget all but `tps`."""
        wanted = set(tps)
        self._since = {tp: known for tp, known in self._since.items() if tp in wanted}
