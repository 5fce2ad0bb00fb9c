"""Outcomes that nobody knows, under every fault of the model."""

from __future__ import annotations

from collections import Counter

import pytest
from judged import judged
from released import RATES, SETTLES, Released


@pytest.mark.parametrize("seed", [4, 5])
def test_what_people_say_of_outcomes_settles_each_once(seed):
    """By the checker, by `toolgate verify` and by `toolgate replay`; the ledger is the fold of it all."""
    universe = Released(seed)
    universe.live(1500, RATES)
    assert universe.rest()
    assert universe.violations() == []
    assert judged(universe) == []
    notes = Counter(event.note for event in universe.released())
    assert notes.keys() & SETTLES, notes
    assert notes["ended"], notes
