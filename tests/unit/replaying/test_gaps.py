"""Which seqs are missing, and which were never committed."""

from __future__ import annotations

import pytest

from toolgate.replaying.gaps import Gaps
from toolgate.replaying.recorded import Head


def head(seq: int, stable: int, gen: str = "a") -> Head:
    """An event of a ledger's generation."""
    return Head(seq, gen, 0, 0, stable, (), "intents", 0, seq, 0, first=True, verdict="APPROVE")


@pytest.mark.parametrize(
    ("events", "missing", "lost"),
    [
        pytest.param([head(1, 0), head(2, 0), head(3, 1)], None, False, id="no gap"),
        pytest.param([head(1, 0), head(3, 1)], None, True, id="held by the ledger when the last was decided"),
        pytest.param([head(1, 0), head(3, 1), head(4, 1)], None, True, id="still held"),
        pytest.param([head(1, 0), head(3, 1), head(4, 3)], 2, False, id="committed, says the last"),
        pytest.param([head(1, 0), head(4, 1), head(5, 2)], 2, True, id="the first of two was"),
        pytest.param([head(1, 0), head(3, 1), head(4, 3, "b")], None, False, id="dropped by a rebuild"),
        pytest.param([head(1, 0), head(3, 2, "b"), head(4, 3, "b")], None, False, id="between two ledgers"),
    ],
)
def test_a_gap_is_judged_by_what_later_events_know(events, missing, lost):
    """A ledger holds back what is not committed: below `stable`, nothing of its generation may be missing."""
    gaps = Gaps()
    found = [gaps.see(event) for event in events]
    assert found[-1] == missing
    assert found[:-1] == [None] * (len(events) - 1)
    assert gaps.lost == lost
