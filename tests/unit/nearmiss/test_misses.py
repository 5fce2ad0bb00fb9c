"""Single denials: nearest first, filtered, bounded."""

from __future__ import annotations

import pytest
from console_site import NOW, denial

from toolgate.nearmiss.misses import FAR, Filters, NearMisses, nearness
from toolgate.schemas.records import Reason


@pytest.mark.parametrize(
    ("reasons", "near"),
    [
        ([Reason("A", limit=100, distance=3)], 0.03),
        ([Reason("A", limit=100, distance=3), Reason("B", limit=10, distance=5)], 0.5),
        ([Reason("A", limit=100, distance=3), Reason("B")], FAR),
        ([Reason("A", limit=0, distance=3)], 3),
        ([Reason("A", distance=2)], 2),
        ([], FAR),
    ],
)
def test_the_furthest_reason_counts(reasons, near):
    """All of them would have to go; one without a figure is as far as can be."""
    assert nearness(reasons) == near


def test_the_nearest_come_first():
    """Of equals the newest; what no figure tells comes last."""
    near = NearMisses()
    for seq, distance in enumerate((50, 1, None, 7, 1)):
        near.take(denial(seq, Reason("A", limit=100, distance=distance)), NOW + seq)
    assert [miss.denial.seq for miss in near.nearest(Filters(), 9)] == [4, 1, 3, 0, 2]
    assert len(near.nearest(Filters(), 2)) == 2


def test_only_the_newest_are_kept():
    """Memory has a bound, the count has none."""
    near = NearMisses(kept=3)
    for seq in range(10):
        near.take(denial(seq), NOW)
    assert (near.seen, sorted(miss.denial.seq for miss in near.nearest(Filters(), 99))) == (10, [7, 8, 9])
    assert near.find(0, 9) is not None
    assert near.find(0, 1) is None
