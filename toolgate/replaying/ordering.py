"""The audit in the order of `seq`, read from all its partitions at once, without holding it.

A partition is not in that order: what was stored before a crash is published after what was decided later. Every event
says up to which `seq` all was committed when it was decided, so what a partition has of those stands before it.
"""

from __future__ import annotations

import heapq
from itertools import count, islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from toolgate.processors.case import Envelope
    from toolgate.replaying.recorded import Recorded

SOME = 250  # records of a partition that are read at a time


def in_order(
    partitions: Sequence[Iterator[Envelope]], read_one: Callable[[Envelope], Recorded]
) -> Iterator[Recorded]:
    """The events of these partitions in the order of `seq`."""
    waiting: list[tuple[int, int, Recorded]] = []
    # By partition up to which seq all it has was read, and how often it was: the least is read next.
    read = [(0, 0)] * len(partitions)
    left = set(range(len(partitions)))
    numbers, last = count(), 0
    while left or waiting:
        while waiting and (not left or waiting[0][0] - 1 <= max(last, min(read[p][0] for p in left))):
            last, _, recorded = heapq.heappop(waiting)
            yield recorded
        if not left:
            continue
        partition = min(left, key=read.__getitem__)
        found = list(islice(partitions[partition], SOME))
        if len(found) < SOME:
            left.discard(partition)
        behind, times = read[partition]
        for envelope in found:
            recorded = read_one(envelope)
            behind = max(behind, recorded.head.stable)
            heapq.heappush(waiting, (recorded.head.seq, next(numbers), recorded))
        read[partition] = (behind, times + 1)
