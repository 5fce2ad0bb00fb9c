"""Who sees to what, under every fault of the model."""

from __future__ import annotations

from collections import Counter

from assigned import NOTES, RATES, Assigned
from judged import judged


def test_who_sees_to_what_changes_nothing_else():
    """By the checker, by `toolgate verify` and by `toolgate replay`; the ledger is the fold of all the rest."""
    universe = Assigned(7)
    universe.live(1500, RATES)
    assert universe.rest()
    assert universe.violations() == []
    assert judged(universe) == []
    notes = Counter(event.note for event in universe.audit())
    assert notes.keys() >= NOTES, notes
