"""What is written into Redis at a time while a ledger is rebuilt: bounded in number and in bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from toolgate.streams.ledger.chunks import chunks
from toolgate.streams.ledger.loading import SIZE, weight
from toolgate.streams.ledger.redis import CHUNK


@given(st.lists(st.integers(0, SIZE), max_size=60))
def test_everything_comes_once_in_its_order_and_never_much_too_much(weights):
    """A chunk ends with the value that passes the bound."""
    made = list(chunks(weights, count=CHUNK, size=SIZE, weight=lambda one: one))
    assert [one for chunk in made for one in chunk] == weights
    assert all(sum(chunk[:-1]) < SIZE for chunk in made)
    assert all(sum(chunk) >= SIZE for chunk in made[:-1])


def test_light_values_are_counted():
    """As reservations and events are."""
    assert [len(chunk) for chunk in chunks(range(2 * CHUNK + 1), count=CHUNK)] == [CHUNK, CHUNK, 1]


def test_an_account_weighs_what_it_holds():
    """Facts by their texts, sets by their records; a sum of money next to nothing."""
    texts = {f"n{number}": "x" * 4_000 for number in range(16)}
    assert 64_000 < weight(("f:r", [texts, 1, 2])) < 66_000
    assert weight(("w:k", [{"x" * 100: 5}, 0, 1, 2])) == 64 + 109
    assert weight(("f:r", [{"n": "\u20ac" * 1_000}, 1, 2])) > 3_000
    assert weight(("c:k", [1, 0, 1, 2])) == 64
