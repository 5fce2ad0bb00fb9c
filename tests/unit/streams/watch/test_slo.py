"""SLOs: which objectives of a policy are broken by a window's figures."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.streams.watch.slo import allowed_ppm_of, bad_of, judge_ratio, judge_unit_cost

TABLE = [
    ("success_rate", 95, 100, 950_000, False),  # at the limit is kept
    ("success_rate", 94, 100, 950_000, True),
    ("success_rate", 100, 100, 1_000_000, False),
    ("success_rate", 99, 100, 1_000_000, True),
    ("success_rate", 0, 19, 950_000, None),  # too few runs to say
    ("success_rate", 0, 20, 950_000, True),
    ("denial_rate", 20, 100, 200_000, False),
    ("denial_rate", 21, 100, 200_000, True),
    ("denial_rate", 1, 100, 0, True),
    ("denial_rate", 0, 100, 0, False),
    ("intervention_rate", 150, 100, 1_000_000, True),  # more words than intents
    ("tool_error_rate", 0, 0, 200_000, None),
]


@pytest.mark.parametrize(("slo", "part", "whole", "limit_ppm", "broken"), TABLE)
def test_ratios_are_kept_or_broken(slo, part, whole, limit_ppm, broken):
    """At least twenty events; a success rate has a least, the others a highest."""
    assert judge_ratio(slo, part, whole, limit_ppm=limit_ppm, count_min=20).broken is broken


@pytest.mark.parametrize(
    ("cost", "succeeded", "finished", "broken", "value"),
    [
        (10_000_000, 20, 20, False, 500_000),
        (10_000_001, 20, 20, True, 500_001),  # rounded up: what is above looks so
        (9_999_999, 20, 20, False, 500_000),
        (10_000_000, 10, 20, True, 1_000_000),  # those that failed are paid by those that succeeded
        (1, 0, 20, True, None),
        (0, 0, 20, False, None),
        (10_000_000, 1, 19, None, 10_000_000),
        (0, 0, 0, None, None),
    ],
)
def test_a_run_that_succeeded_costs_at_most_so_much(cost, succeeded, finished, broken, value):
    """Half a dollar, over at least twenty runs that finished."""
    judged = judge_unit_cost(cost, succeeded, finished, max_micros=500_000, count_min=20)
    assert (judged.broken, judged.figures["value_micros"]) == (broken, value)


def test_figures_say_what_was_judged():
    """The value beside its limit, and what it was counted from."""
    rate = judge_ratio("success_rate", 90, 100, limit_ppm=950_000, count_min=20)
    assert json.loads(json.dumps(rate.figures)) == {
        "slo": "success_rate",
        "value": 0.9,
        "min": 0.95,
        "part": 90,
        "count": 100,
    }
    assert "max" in judge_ratio("denial_rate", 0, 0, limit_ppm=1, count_min=1).figures
    cost = judge_unit_cost(7, 2, 3, max_micros=5, count_min=1)
    assert json.loads(json.dumps(cost.figures)) == {
        "slo": "unit_cost",
        "value_micros": 4,
        "max_micros": 5,
        "cost_micros": 7,
        "succeeded": 2,
        "count": 3,
    }


def test_nothing_is_judged_of_nothing():
    """A least count of none is one."""
    assert judge_ratio("success_rate", 0, 0, limit_ppm=950_000, count_min=0).broken is None


@given(
    st.sampled_from(["success_rate", "denial_rate"]),
    st.integers(0, 1_000),
    st.integers(1, 1_000),
    st.integers(0, 1_000_000),
)
def test_the_error_budget_says_the_same(slo, part, whole, limit_ppm):
    """An objective is broken where more than the allowed share is bad."""
    part = min(part, whole)
    broken = judge_ratio(slo, part, whole, limit_ppm=limit_ppm, count_min=1).broken
    value = part * 1_000_000
    assert broken == (value < limit_ppm * whole if slo == "success_rate" else value > limit_ppm * whole)
    assert broken == (bad_of(slo, part, whole) * 1_000_000 > allowed_ppm_of(slo, limit_ppm) * whole)


@given(st.integers(0, 10**12), st.integers(1, 10**4), st.integers(0, 10**9))
def test_a_unit_cost_is_broken_where_it_looks_so(cost, succeeded, max_micros):
    """The value that is shown is above the limit exactly when it is broken."""
    judged = judge_unit_cost(cost, succeeded, succeeded, max_micros=max_micros, count_min=1)
    value = judged.figures["value_micros"]
    assert isinstance(value, int)
    assert judged.broken == (value > max_micros)
