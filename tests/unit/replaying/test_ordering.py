"""The audit in the order of seq, without holding it."""

from __future__ import annotations

from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from toolgate.replaying import ordering
from toolgate.replaying.ordering import in_order

if TYPE_CHECKING:
    from collections.abc import Iterator

LATE = 40  # how far behind its place an event may be published


def published(random: Random, count: int, partitions: int) -> list[list[Any]]:
    """Events of each partition as they are published: some late, and every one knows what was committed before."""
    order = sorted(
        range(1, count + 1), key=lambda seq: seq + random.choice((0, 0, 0, random.randrange(LATE)))
    )
    found: list[list[Any]] = [[] for _ in range(partitions)]
    left = set(order)
    for seq in order:
        stable = min(left) - 1
        found[random.randrange(partitions)].append(
            SimpleNamespace(head=SimpleNamespace(seq=seq, stable=stable))
        )
        left.discard(seq)
    return found


@pytest.mark.parametrize("seed", range(20))
def test_every_event_comes_in_the_order_of_seq_with_gaps_or_without(seed):
    """However late some of them were published, and whatever a rebuild has dropped."""
    random = Random(seed)
    partitions = published(random, 1000, random.randrange(1, 6))
    if seed % 2:
        partitions = [[one for one in found if random.random() < 0.9] for found in partitions]
    expected = sorted(one.head.seq for found in partitions for one in found)
    made: Any = in_order([iter(found) for found in partitions], lambda one: one)  # type: ignore[arg-type]
    assert [one.head.seq for one in made] == expected


def test_no_more_is_read_than_the_next_event_needs(monkeypatch):
    """A log of any length is replayed in the same memory."""
    monkeypatch.setattr(ordering, "SOME", 10)
    read = 0

    def counted(found: list[Any]) -> Iterator[Any]:
        nonlocal read
        for one in found:
            read += 1
            yield one

    partitions = published(Random(1), 4000, 4)
    made: Any = in_order([counted(found) for found in partitions], lambda one: one)  # type: ignore[arg-type]
    ahead = max(read - n for n, _ in enumerate(made))
    assert ahead < 10 * LATE
