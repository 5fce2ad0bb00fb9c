"""The audit in the order of `seq`, read from all its partitions at once, without holding it.

A partition is not in that order: what was stored before a crash is published after what was decided later. Every event
says up to which `seq` all was committed when it was decided, so what a partition has of those stands before it.
"""

from __future__ import annotations

import heapq
from itertools import count, islice
from typing import TYPE_CHECKING

from toolgate.schemas.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from toolgate.processors.case import Envelope
    from toolgate.schemas.records import AuditEvent

SOME = 250  # records of a partition that are read at a time


@frozen
class Audited:
    """An audit event with the record that holds it."""

    event: AuditEvent
    envelope: Envelope


def in_order(
    partitions: Sequence[Iterator[Envelope]], decode: Callable[[Envelope], AuditEvent]
) -> Iterator[Audited]:
    """The events of these partitions in the order of `seq`."""
    waiting: list[tuple[int, int, Audited]] = []
    # By partition up to which seq all it has was read, and how often it was: the least is read next.
    read = [(0, 0)] * len(partitions)
    left = set(range(len(partitions)))
    numbers, last = count(), 0
    while left or waiting:
        while waiting and (not left or waiting[0][0] - 1 <= max(last, min(read[p][0] for p in left))):
            last, _, audited = heapq.heappop(waiting)
            yield audited
        if not left:
            continue
        partition = min(left, key=read.__getitem__)
        found = list(islice(partitions[partition], SOME))
        if len(found) < SOME:
            left.discard(partition)
        behind, times = read[partition]
        for envelope in found:
            event = decode(envelope)
            behind = max(behind, event.stable)
            heapq.heappush(waiting, (event.seq, next(numbers), Audited(event, envelope)))
        read[partition] = (behind, times + 1)
