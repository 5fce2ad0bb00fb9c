"""Projection: when an account is full, by laws, and what does not disturb it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.streams.watch.projection import STEPS_MIN, exhausted_in_ms

MINUTE_MS = 60_000
RISES = st.lists(st.integers(0, 1_000), min_size=STEPS_MIN, max_size=12)


def series(*rises, limit=1_000, used=0, step_ms=MINUTE_MS):
    """An account that is looked at every minute, and by how much it rose in each."""
    samples = [(0, used, limit)]
    for rise in rises:
        time_ms, before, _ = samples[-1]
        samples.append((time_ms + step_ms, before + rise, limit))
    return samples


@pytest.mark.parametrize(
    ("samples", "minutes"),
    [
        (series(10, 10, 10, 10, 10), 95),  # used evenly: the slope
        (series(0, 0, 700, 0, 0), None),  # one big call says nothing of those to come
        (series(10, 10, 700, 10, 10), 26),  # ... and nothing of those beside it
        (series(30, 0, 0, 30, 0, 0, 30, 0, 0), 121 + 1 / 3),  # used every third minute is not idle
        (series(20, 20, -5, 20, 20, 20), 60 + 1 / 3),  # what was given back lowers the pace
        (series(30, -5, -5, -5, -3), None),  # it falls
        (series(0, 0, 0, 0, 0), None),
        (series(10, 10, 10), None),  # too short a series
        (series(250, 250, 250, 250), 0),  # full
        (series(500, 500, 500), 0),  # more than full, whatever the series
        ([], None),
        (series(100, 100, 100, 100, 100, -500, 10, 10, 10, 10), 96),  # it began anew
        (series(100, 100, 100, 100, 100, -500, 10, 10, 10), None),
    ],
)
def test_says_when_an_account_is_full(samples, minutes):
    """In minutes from the newest sample; None: not at this pace."""
    found = exhausted_in_ms(samples)
    assert found == (minutes if minutes is None else pytest.approx(minutes * MINUTE_MS))


def test_several_samples_of_one_time_are_one():
    """The last of them counts."""
    twice = [
        sample for time_ms, used, limit in series(10, 10, 10, 10, 10) for sample in [(time_ms, 0, limit)] * 2
    ]
    twice[1::2] = series(10, 10, 10, 10, 10)
    assert exhausted_in_ms(twice) == 95 * MINUTE_MS


def test_a_limit_that_was_raised_counts_at_once():
    """Samples before it say how fast, not how far."""
    *before, (time_ms, used, _) = series(10, 10, 10, 10, 10, limit=60)
    assert exhausted_in_ms([*before, (time_ms, used, 1_050)]) == 100 * MINUTE_MS


@given(RISES, st.integers(1, 10**6), st.integers(2, 1_000))
def test_it_is_the_same_in_any_unit_of_money(rises, limit, times):
    """Micro-dollars or cents: the time is the same."""
    larger = series(*(rise * times for rise in rises), limit=limit * times)
    assert exhausted_in_ms(series(*rises, limit=limit)) == exhausted_in_ms(larger)


@given(RISES, st.integers(1, 10**6), st.integers(2, 60))
def test_it_scales_with_time(rises, limit, times):
    """What goes on at a tenth of the pace lasts ten times as long, but for rounding."""
    fast = exhausted_in_ms(series(*rises, limit=limit, step_ms=1_000))
    slow = exhausted_in_ms(series(*rises, limit=limit, step_ms=1_000 * times))
    assert (fast is None) == (slow is None)
    if fast is not None and slow is not None:
        assert fast * times <= slow < (fast + 1) * times


@given(RISES, st.integers(1, 10**6), st.integers(1, 10**6))
def test_more_room_lasts_longer(rises, limit, more):
    """A higher limit is never reached sooner."""
    now, later = (exhausted_in_ms(series(*rises, limit=room)) for room in (limit, limit + more))
    assert later is None or (now is not None and now <= later)


@given(RISES, st.integers(1, 1_000))
def test_a_higher_pace_is_never_later(rises, more):
    """Every step rises by as much more, to the same amount that is left."""
    room = 5_000
    left = [series(*steps, limit=sum(steps) + room) for steps in (rises, [rise + more for rise in rises])]
    slow, fast = map(exhausted_in_ms, left)
    assert fast is not None
    assert slow is None or fast <= slow


@given(RISES, st.integers(0, 12), st.integers(10_000, 10**6))
def test_one_big_call_changes_no_pace(rises, at, big):
    """Another step, wherever it stands and however big, projects the same as one that is bigger still."""
    found = []
    for size in (big, big * 7):
        steps = [*rises[:at], size, *rises[at:]]
        found.append(exhausted_in_ms(series(*steps, limit=sum(steps) + 5_000)))
    assert found[0] == found[1]
