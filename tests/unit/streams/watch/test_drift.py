"""Drift: seldom a false alarm, never silent about a real shift, and quick."""

from __future__ import annotations

import json
from collections import Counter
from math import inf, pi, sin, sqrt
from random import Random

import pytest

from toolgate.streams.watch.drift import (
    BASELINE_MAX,
    BASELINE_MIN,
    CALLS_MIN,
    COST_SHIFT_MIN,
    MIX_SHIFT_MIN,
    shifted_cost,
    shifted_mix,
)

USUAL = {"read_order": 60, "read_customer": 25, "issue_refund": 10, "send_mail": 5}


def window(rng, calls, weights):
    """One window of a workflow whose calls are drawn independently."""
    return Counter(rng.choices(list(weights), weights=list(weights.values()), k=calls))


def shifted(share):
    """The usual mix, but this share of the calls is refunds instead."""
    mix = {tool: weight * (1 - share) for tool, weight in USUAL.items()}
    return {**mix, "issue_refund": mix["issue_refund"] + share * sum(USUAL.values())}


def busy_by_day(quarter):
    """Calls of a quarter of an hour: 30 at night, 500 at noon."""
    return int(30 + 470 * sin(pi * quarter / 96) ** 4)


def rate_limit(n, trials):
    """The stated rate, and four standard deviations of a share of as many trials."""
    stated = 1 / (n + 1)
    return stated + 4 * sqrt(stated * (1 - stated) / trials)


def test_mixes_that_have_not_changed_are_told_as_often_as_stated():
    """Small windows, so that chance alone passes the practical size, and of any number of calls."""
    rng, trials, told = Random(8), 2_000, 0
    windows = [window(rng, rng.randint(CALLS_MIN, 40), USUAL) for _ in range(BASELINE_MIN + trials)]
    for end in range(BASELINE_MIN, len(windows)):
        told += shifted_mix(windows[end], windows[end - BASELINE_MIN : end]) is not None
    assert 1 / (BASELINE_MIN + 1) / 2 <= told / trials <= rate_limit(BASELINE_MIN, trials)


def test_costs_that_have_not_changed_are_told_as_often_as_stated():
    """Heavy tails change nothing: the rate holds whatever the distribution, and is not far from it."""
    rng, trials, told = Random(9), 3_000, 0
    for _ in range(trials):
        costs = [(int(1_000 * rng.paretovariate(1.1)), CALLS_MIN) for _ in range(BASELINE_MIN + 1)]
        told += shifted_cost(costs[-1], costs[:-1]) is not None
    assert 1 / (BASELINE_MIN + 1) / 2 <= told / trials <= rate_limit(BASELINE_MIN, trials)


@pytest.mark.parametrize("share", [0.25, 0.4])
def test_a_mix_that_has_changed_by_day_is_told_although_nights_are_noisy(share):
    """A window of thirty calls is far from its baseline by chance; that hides nothing of a busy one."""
    rng, trials, told = Random(10), 20, 0
    for _ in range(trials):
        windows = [window(rng, busy_by_day(quarter), USUAL) for quarter in range(2 * 96)]
        told += shifted_mix(window(rng, 500, shifted(share)), windows) is not None
    assert told >= 0.9 * trials


def test_a_cost_that_has_doubled_is_told():
    """And one that has halved; one that is a tenth higher is not, however sure."""
    history = [(1_000 * 50 + quarter, 50) for quarter in range(BASELINE_MIN)]
    for factor in (2, 0.5):
        assert shifted_cost((int(50_000 * factor), 50), history) is not None
    assert shifted_cost((55_000, 50), history) is None


def test_a_burst_is_not_its_own_baseline():
    """A window with more calls than all others together is compared with the others."""
    rng = Random(11)
    windows = [window(rng, 30, USUAL) for _ in range(BASELINE_MIN)]
    assert shifted_mix({"issue_refund": 100_000}, windows) is not None


def test_a_lasting_shift_is_told_where_it_begins_and_becomes_the_baseline():
    """Of a shift that stays for a day, few windows are told, the first among them."""
    rng = Random(12)
    windows = [window(rng, 200, USUAL) for _ in range(2 * 96)]
    told = []
    for quarter in range(96):
        now = window(rng, 200, shifted(0.4))
        told += [quarter] if shifted_mix(now, windows) else []
        windows.append(now)
    assert told[0] == 0
    assert len(told) <= 12


def test_the_evidence_says_what_changed_from_what_to_what():
    """The name that changed most comes first, the baseline beside now, and the stated rate."""
    found = shifted_mix({"issue_refund": 50, "read_order": 50}, [{"read_order": 90, "send_mail": 10}] * 99)
    assert found is not None
    assert (found.size, found.rate) == (pytest.approx(0.5), 0.01)
    assert json.loads(json.dumps(found.evidence)) == {
        "calls": 100,
        "changes": [
            {"name": "issue_refund", "baseline": 0.0, "now": 0.5, "calls": 50},
            {"name": "read_order", "baseline": 0.9, "now": 0.5, "calls": 50},
            {"name": "send_mail", "baseline": 0.1, "now": 0.0, "calls": 0},
        ],
        "shift": 0.5,
        "shift_min": MIX_SHIFT_MIN,
        "baseline_shift_max": 0.0051,
        "baseline_windows": 99,
        "window_s": 900,
        "false_alarms": "at most 1 in 100 windows",
    }


def test_the_evidence_of_a_cost_says_how_many_times_as_dear():
    """In micro-dollars a call."""
    found = shifted_cost((3_000_000, 100), [(1_000_000, 100)] * 99)
    assert found is not None
    assert json.loads(json.dumps(found.evidence)) == {
        "calls": 100,
        "cost_per_call_micros": {"baseline": 10_000, "now": 30_000},
        "shift": 2.0,
        "shift_min": COST_SHIFT_MIN,
        "baseline_shift_max": 0.0198,
        "baseline_windows": 99,
        "window_s": 900,
        "false_alarms": "at most 1 in 100 windows",
    }


def test_costs_that_begin_or_end_are_shifts():
    """How many times as dear as nothing cannot be told; nothing at all is no shift."""
    begun = shifted_cost((100, 100), [(0, 100)] * 99)
    assert begun is not None
    assert (begun.size, begun.evidence["shift"]) == (inf, None)
    ended = shifted_cost((0, 100), [(100, 100)] * 99)
    assert ended is not None
    assert ended.size == 1.0
    assert shifted_cost((0, 100), [(0, 100)] * 99) is None


@pytest.mark.parametrize(
    ("calls", "baseline", "quiet"),
    [
        (CALLS_MIN, BASELINE_MIN, 0),
        (CALLS_MIN - 1, BASELINE_MIN, None),
        (CALLS_MIN, BASELINE_MIN - 1, None),
        (CALLS_MIN, BASELINE_MIN, 10),
        (0, BASELINE_MIN, None),
    ],
)
def test_too_little_says_nothing(calls, baseline, quiet):
    """Neither a window of few calls, nor a baseline of few windows; windows of few calls do not count to it."""
    few = [{"a": CALLS_MIN - 1}] * (quiet or 0)
    mix = shifted_mix({"b": calls}, [{"a": 100}] * baseline + few)
    cost = shifted_cost((10**9, calls), [(1, 100)] * baseline + [(1, CALLS_MIN - 1)] * (quiet or 0))
    assert (mix is None, cost is None) == (quiet is None, quiet is None)


def test_only_the_newest_windows_are_a_baseline():
    """What was so more than seven days ago is forgotten."""
    windows = [{"b": 100}] * 50 + [{"a": 100}] * BASELINE_MAX
    found = shifted_mix({"b": 100}, windows)
    assert found is not None
    assert found.evidence["baseline_windows"] == BASELINE_MAX
    assert found.rate == 1 / (BASELINE_MAX + 1)
