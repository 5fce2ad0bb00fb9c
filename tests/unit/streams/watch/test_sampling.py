"""Sampling: fair, the same for everyone, and what reviews say of all commands."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.streams.watch.sampling import Estimate, Stratum, chosen, estimate, wilson

SEED = b"of these tests"
IDS = [f"{partition}-{offset}" for partition in range(4) for offset in range(5_000)]
GOLDEN = [
    "0-36",
    "0-69",
    "0-77",
    "0-78",
    "0-83",
    "0-91",
    "0-115",
    "0-129",
    "0-134",
    "0-168",
    "0-183",
    "0-190",
    "0-199",
]


@pytest.mark.parametrize("share_ppm", [0, 1, 10_000, 50_000, 500_000, 999_999, 1_000_000])
def test_as_many_are_chosen_as_the_share_says(share_ppm):
    """Within five standard deviations; none at nothing, all at 100 %."""
    found = sum(chosen(one, share_ppm, SEED) for one in IDS)
    share = share_ppm / 1_000_000
    assert abs(found - share * len(IDS)) <= 5 * sqrt(share * (1 - share) * len(IDS))


def test_neither_partition_nor_neighbours_matter():
    """Each partition has its share, and one that is chosen says nothing of the next."""
    taken = [chosen(one, 500_000, SEED) for one in IDS]
    by_partition = [sum(taken[begin : begin + 5_000]) for begin in range(0, len(IDS), 5_000)]
    assert all(abs(found - 2_500) <= 5 * sqrt(1_250) for found in by_partition)
    alike = sum(one == following for one, following in pairwise(taken))
    assert abs(alike - len(IDS) / 2) <= 5 * sqrt(len(IDS) / 4)


def test_what_is_chosen_is_for_ever_and_for_everyone():
    """These ids under this seed, whichever release looks; another seed chooses others."""
    assert [one for one in IDS[:200] if chosen(one, 50_000, SEED)] == GOLDEN
    assert [one for one in IDS[:200] if chosen(one, 50_000, b"another")] != GOLDEN


@given(st.integers(0, 10**9), st.integers(0, 1_000_000), st.integers(0, 1_000_000))
def test_what_a_small_share_chooses_a_larger_one_does_too(offset, share_ppm, other_ppm):
    """Raising the share takes nothing out."""
    less, more = sorted((share_ppm, other_ppm))
    assert chosen(f"0-{offset}", less, SEED) <= chosen(f"0-{offset}", more, SEED)


@pytest.mark.parametrize(
    ("wrong", "judged", "low", "high"),
    [
        (0, 0, 0.0, 1.0),
        (0, 10, 0.0, 0.2775),
        (1, 10, 0.0179, 0.4042),
        (5, 10, 0.2366, 0.7634),
        (10, 10, 0.7225, 1.0),
        (50, 1_000, 0.0381, 0.0653),
    ],
)
def test_the_interval_is_wilsons(wrong, judged, low, high):
    """Figures of the published tables."""
    assert wilson(wrong, judged) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


@given(st.integers(0, 10_000), st.integers(1, 10_000))
def test_the_interval_is_around_the_share_and_symmetric(one, other):
    """It lies within 0 and 1, and the rate of right ones has the mirror of it."""
    wrong, judged = min(one, other), max(one, other)
    low, high = wilson(wrong, judged)
    assert 0 <= low <= wrong / judged <= high <= 1
    assert (1 - high, 1 - low) == pytest.approx(wilson(judged - wrong, judged))


def test_a_stratum_weighs_what_was_completed_in_it():
    """Where a tenth of some and all of others were looked at, the latter say little of the whole."""
    found = estimate(
        [Stratum(completed=10_000, right=90, wrong=10), Stratum(completed=100, right=0, wrong=100)]
    )
    assert found is not None
    assert found.rate == pytest.approx((10_000 * 0.1 + 100) / 10_100)
    assert (found.wrong, found.judged, found.unseen) == (1_100, 200, 0)
    assert found.low < found.rate < found.high


def test_one_stratum_has_the_plain_interval():
    """However many were completed."""
    found = estimate([Stratum(completed=1_000, right=95, wrong=5)])
    assert found == Estimate(0.05, *wilson(5, 100), wrong=50, judged=100, unseen=0)


def test_nothing_is_said_of_what_nobody_looked_at():
    """It is told how many that are."""
    seen, unseen = Stratum(100, 9, 1), Stratum(completed=40, right=0, wrong=0)
    found = estimate([seen, unseen])
    assert found is not None
    assert (found.rate, found.wrong, found.unseen) == (pytest.approx(0.1), 10, 40)
    assert estimate([unseen]) is None
    assert estimate([]) is None


def test_the_estimate_is_unbiased_and_its_interval_holds():
    """Two versions with different shares and rates: on average the truth, and within the interval in most trials."""
    rng, trials, held, total = Random(8), 100, 0, 0.0
    versions = ((1_000, 100_000, 0.3), (500, 400_000, 0.05))
    truth = (1_000 * 0.3 + 500 * 0.05) / 1_500
    for trial in range(trials):
        strata = []
        for completed, share_ppm, rate in versions:
            looked = sum(chosen(f"{trial}-{share_ppm}-{one}", share_ppm, SEED) for one in range(completed))
            wrong = sum(rng.random() < rate for _ in range(looked))
            strata.append(Stratum(completed, looked - wrong, wrong))
        found = estimate(strata)
        assert found is not None
        total += found.rate
        held += found.low <= truth <= found.high
    assert total / trials == pytest.approx(truth, abs=0.01)
    assert held / trials >= 0.9
