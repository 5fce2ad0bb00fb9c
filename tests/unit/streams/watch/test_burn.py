"""Burn rates: which pair of windows fires, and what it says."""

from __future__ import annotations

import json
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.streams.watch.burn import PAIRS, WINDOWS_S, burn_rate, burning

DAYS_30_MS = 30 * 86_400_000
ALLOWED_PPM = 10_000  # one in a hundred
FAST, SLOW = PAIRS
COUNTS = st.integers(0, 1_000)
SHARES = st.tuples(COUNTS, COUNTS).map(lambda pair: (min(pair), max(pair)))


def judged(windows, allowed_ppm=ALLOWED_PPM, count_min=20):
    """The pair that fires, by the bad ones of a thousand or (bad, total) of each window, the shortest first."""
    found = [(one, 1_000) if isinstance(one, int) else one for one in windows]
    by_window = dict(zip(WINDOWS_S, found, strict=True))
    return burning(by_window, allowed_ppm=allowed_ppm, period_ms=DAYS_30_MS, count_min=count_min)


@pytest.mark.parametrize(
    ("m5", "m30", "h1", "h6", "pair"),
    [
        (0, 0, 0, 0, None),
        (145, 0, 145, 0, FAST),
        (144, 0, 144, 0, None),  # at the factor is not above it
        (145, 0, 144, 0, None),
        (144, 0, 145, 0, None),  # it has stopped
        (0, 61, 0, 61, SLOW),
        (0, 60, 0, 60, None),
        (0, 0, 0, 61, None),
        (145, 61, 145, 61, FAST),  # both: the faster one is told
        (61, 61, 61, 61, SLOW),
        (1_000, 1_000, (19, 19), (19, 19), None),  # too little to mean it
        ((1, 1), 0, (20, 20), 0, FAST),
        ((0, 0), 0, 1_000, 0, None),  # nothing happens any more
    ],
)
def test_a_pair_fires_when_both_its_windows_burn(m5, m30, h1, h6, pair):
    """Of a thousand events, ten are allowed to be bad."""
    found = judged((m5, m30, h1, h6))
    assert (found and found.pair) == pair


def test_the_evidence_has_the_figures_of_both_windows():
    """Burn rates, counts, and the share of the period's budget that the long window took: at 14.4 in 1h it is 2 %."""
    found = judged(((15, 50), 0, 144_000 // 999 + 1, 0))
    assert found is not None
    assert json.loads(json.dumps(found.evidence)) == {
        "windows_s": [3_600, 300],
        "factor": 14.4,
        "burn": [14.5, 30.0],
        "bad": [145, 15],
        "count": [1_000, 50],
        "allowed": 0.01,
        "budget_burnt": 0.0201,
    }


def test_where_nothing_is_allowed_anything_bad_fires():
    """The rate has no figure then."""
    found = judged((1, 0, 1, 0), allowed_ppm=0)
    assert found is not None
    assert json.loads(json.dumps(found.evidence))["burn"] == [None, None]
    assert judged((0, 0, 0, 0), allowed_ppm=0) is None
    assert burn_rate(1, 5, 0) == inf


@pytest.mark.parametrize(
    ("allowed_ppm", "pair"),
    [(1, FAST), (69_444, FAST), (69_445, SLOW), (166_666, SLOW), (166_667, None)],
)
def test_a_loose_objective_cannot_burn_fast(allowed_ppm, pair):
    """More than everything cannot be bad."""
    found = judged((1_000, 1_000, 1_000, 1_000), allowed_ppm)
    assert (found and found.pair) == pair


@given(SHARES, SHARES, SHARES, SHARES, st.integers(0, 166_666))
def test_more_bad_events_end_no_alert(m5, m30, h1, h6, allowed_ppm):
    """What fires goes on firing when everything is worse."""
    if judged((m5, m30, h1, h6), allowed_ppm) is not None:
        worse = [(total, total) for _, total in (m5, m30, h1, h6)]
        assert judged(worse, allowed_ppm) is not None


@given(SHARES, st.integers(1, 1_000_000))
def test_a_budget_burnt_at_one_lasts_the_period(share, allowed_ppm):
    """A rate of one is the allowed share; twice the allowance halves the rate."""
    bad, total = share
    rate = burn_rate(bad, total, allowed_ppm)
    assert burn_rate(bad, total, allowed_ppm * 2) == pytest.approx(rate / 2)
    assert (rate <= 1) == (bad * 1_000_000 <= allowed_ppm * total)
