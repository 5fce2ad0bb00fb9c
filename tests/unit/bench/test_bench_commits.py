"""Transactions as the broker's own topic shows them."""

from __future__ import annotations

import pytest

from bench.commits import Commit, Entry, transactions


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([], []),
        ([(0, 5, 0, 3)], [(5, 3)]),
        ([(0, 5, 0, 3), (1, 6, 1, 4)], [(6, 7)]),  # neighbours: two partitions of one transaction
        ([(0, 5, 0, 3), (2, 9, 0, 8)], [(5, 3), (9, 5)]),  # a marker between them: two transactions
        ([(0, 5, 0, 0), (1, 5, 1, 0), (3, 9, 0, 2)], [(9, 2)]),  # one that took nothing
        ([(4, 1, 0, 2), (5, 1, 1, 2), (7, 2, 1, 4), (8, 2, 0, 9)], [(1, 4), (2, 9)]),
    ],
)
def test_neighbours_are_one_transaction_and_offsets_are_what_it_took(entries, expected):
    """Each entry is (position, time, partition, offset reached)."""
    assert transactions(Entry(*entry) for entry in entries) == [Commit(*commit) for commit in expected]
