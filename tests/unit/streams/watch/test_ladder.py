"""The ladder: down by itself and once for a cause, never up."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.streams.watch.ladder import (
    COOL_DOWN_MS,
    RISE_MS,
    RISE_RUNS,
    Broken,
    Move,
    Standing,
    above,
    below,
    decide,
    may_rise,
    rung,
)

NOW_MS = 100 * COOL_DOWN_MS
MODES = ("enforce", "canary:50%", "canary:10%", "canary: 5%", "draft_only", "read_only", "shadow")
TIGHTER = {mode: place for place, mode in enumerate(MODES)}


def broken(then, since_ms=NOW_MS - COOL_DOWN_MS, slo="denial_rate"):
    """An objective that is broken, by figures of the last hour."""
    return Broken(slo, then, since_ms, {"value": 0.5, "max": 0.2, "count": 40})


def ordered(standing, *found):
    """The mode that is ordered, or None."""
    move = decide(standing, found, now_ms=NOW_MS)
    return move and move.mode


@pytest.mark.parametrize(
    ("mode", "number", "down"),
    [
        ("enforce", 3, "canary:10%"),
        ("canary:50%", 2, "draft_only"),
        ("canary: 5%", 2, "draft_only"),
        ("draft_only", 1, "shadow"),
        ("shadow", 0, None),
        ("read_only", None, None),
    ],
)
def test_the_rungs(mode, number, down):
    """Four, and read_only beside them."""
    assert (rung(mode), below(mode)) == (number, down)


@pytest.mark.parametrize(
    ("policy", "orders", "mode"),
    [
        ("enforce", (), "enforce"),
        ("enforce", ("enforce", "draft_only"), "draft_only"),
        ("canary:10%", ("enforce",), "canary:10%"),
        ("canary:10%", ("canary:50%",), "canary:10%"),
        ("enforce", ("canary:50%", "canary: 5%"), "canary: 5%"),
        ("draft_only", ("canary:10%",), "draft_only"),
        ("draft_only", ("read_only",), "read_only"),
        ("read_only", ("shadow",), "shadow"),
    ],
)
def test_the_tightest_holds(policy, orders, mode):
    """Of what the policy says and people or the watch have ordered."""
    assert Standing(policy, orders).mode == mode


@pytest.mark.parametrize(
    ("policy", "then", "expected"),
    [
        ("enforce", ("alert",), None),
        ("enforce", ("demote",), "canary:10%"),
        ("enforce", ("demote", "demote"), "canary:10%"),  # two causes of one time are one rung
        ("enforce", ("draft_only",), "draft_only"),
        ("enforce", ("alert", "demote", "draft_only"), "draft_only"),  # the tightest
        ("canary:10%", ("demote",), "draft_only"),
        ("draft_only", ("draft_only",), None),
        ("draft_only", ("demote",), "shadow"),
        ("draft_only", ("demote", "draft_only"), "shadow"),
        ("shadow", ("demote", "draft_only"), None),
        ("read_only", ("demote", "draft_only"), None),
        ("enforce", (), None),
    ],
)
def test_what_is_broken_tightens_the_mode(policy, then, expected):
    """One rung for demote, to draft_only for draft_only, nothing for alert."""
    assert ordered(Standing(policy), *map(broken, then)) == expected


@pytest.mark.parametrize(
    ("moved_ago", "figures_of", "demoted", "drafted"),
    [
        (3 * COOL_DOWN_MS, COOL_DOWN_MS, True, True),
        (COOL_DOWN_MS, COOL_DOWN_MS, True, True),
        (COOL_DOWN_MS - 1, COOL_DOWN_MS - 1, False, True),  # too soon
        (2 * COOL_DOWN_MS, 2 * COOL_DOWN_MS + 1, False, True),  # figures of the rung above
    ],
)
def test_a_cause_costs_one_rung(moved_ago, figures_of, demoted, drafted):
    """A second fall needs figures from after the first; where to stop needs no second figures."""
    standing = Standing("enforce", ("canary:10%",), moved_ms=NOW_MS - moved_ago)
    assert (ordered(standing, broken("demote", NOW_MS - figures_of)) is not None) == demoted
    assert (ordered(standing, broken("draft_only", NOW_MS - figures_of)) is not None) == drafted


@pytest.mark.parametrize("then", ["demote", "draft_only"])
@pytest.mark.parametrize("raised_ago", [60_000, 2 * COOL_DOWN_MS])
def test_what_a_person_has_loosened_is_judged_by_what_came_after(then, raised_ago):
    """The figures for which it fell do not throw it down again; new ones do, however soon."""
    raised_ms = NOW_MS - raised_ago
    standing = Standing("enforce", ("enforce",), moved_ms=raised_ms, raised_ms=raised_ms)
    assert ordered(standing, broken(then, raised_ms - 1)) is None
    assert ordered(standing, broken(then, raised_ms)) is not None


def test_a_move_has_the_figures_that_caused_it():
    """Those that only alert, or asked for less than there is, caused nothing."""
    found = [broken("alert", slo="success_rate"), broken("demote"), broken("draft_only", slo="unit_cost")]
    move = decide(Standing("canary:10%"), found, now_ms=NOW_MS)
    figures = {"value": 0.5, "max": 0.2, "count": 40, "since_ms": NOW_MS - COOL_DOWN_MS}
    assert move == Move(
        "draft_only",
        {
            "was": "canary:10%",
            "to": "draft_only",
            "because": [
                {**figures, "slo": "denial_rate", "then": "demote"},
                {**figures, "slo": "unit_cost", "then": "draft_only"},
            ],
            "judged_at_ms": NOW_MS,
        },
    )
    assert json.loads(json.dumps(move.evidence)) == move.evidence


TIMES = st.integers(0, NOW_MS)


@given(
    st.sampled_from(MODES),
    st.lists(st.sampled_from(MODES), max_size=3),
    st.lists(st.tuples(st.sampled_from(["alert", "demote", "draft_only"]), TIMES), max_size=4),
    TIMES,
    TIMES,
)
def test_no_order_loosens(policy, orders, found, moved_ms, raised_ms):
    """Whatever is broken whenever: what is ordered is tighter than what stands, and one rung down or draft_only."""
    standing = Standing(policy, tuple(orders), moved_ms, raised_ms)
    mode = ordered(standing, *(broken(then, since_ms) for then, since_ms in found))
    if mode is not None:
        assert TIGHTER[mode] > TIGHTER[standing.mode]
        assert mode in {below(standing.mode), "draft_only"}


def test_one_cause_that_lasts_falls_one_rung_a_cool_down():
    """From enforce to shadow in no less than two of them, judged every minute by what came after each move."""
    standing, moves = Standing("enforce"), []
    minute_ms = 60_000
    for now_ms in range(NOW_MS, NOW_MS + 3 * COOL_DOWN_MS, minute_ms):
        since_ms = max(now_ms - COOL_DOWN_MS, standing.moved_ms)
        move = decide(standing, [broken("demote", since_ms)], now_ms=now_ms)
        if move:
            moves.append((move.mode, (now_ms - NOW_MS) // minute_ms))
            standing = Standing("enforce", (move.mode,), moved_ms=now_ms)
    assert moves == [("canary:10%", 0), ("draft_only", 60), ("shadow", 120)]


@pytest.mark.parametrize(
    ("policy", "orders", "up"),
    [
        ("enforce", ("shadow",), "draft_only"),
        ("enforce", ("draft_only",), "canary:10%"),
        ("canary:50%", ("draft_only",), "canary:50%"),  # as the policy has it
        ("canary:50%", ("canary:10%",), "canary:50%"),
        ("canary:50%", (), "enforce"),
        ("enforce", ("canary:10%",), "enforce"),
        ("enforce", (), None),
        ("enforce", ("read_only",), None),
    ],
)
def test_the_next_rung_up(policy, orders, up):
    """What a person could order next."""
    assert above(Standing(policy, orders)) == up


def test_says_what_speaks_for_the_next_rung():
    """A day on this one, enough runs, every objective kept: nothing is missing."""
    standing = Standing("enforce", ("draft_only",), moved_ms=NOW_MS - RISE_MS)
    slos = {"success_rate": False, "denial_rate": False}
    assert may_rise(standing, runs=RISE_RUNS, slos=slos, now_ms=NOW_MS) == {
        "mode": "draft_only",
        "next": "canary:10%",
        "by": "order",
        "on_rung_ms": RISE_MS,
        "runs": RISE_RUNS,
        "broken": {"denial_rate": False, "success_rate": False},
        "lacks": [],
    }


def test_says_what_is_missing_for_the_next_rung():
    """In sentences for people; a policy that is as tight cannot be loosened by an order."""
    slos = {"success_rate": None, "denial_rate": True}
    said = may_rise(Standing("draft_only", moved_ms=NOW_MS - 60_000), runs=12, slos=slos, now_ms=NOW_MS)
    assert (said["next"], said["by"]) == ("canary:10%", "policy")
    assert said["lacks"] == [
        "on this rung for 1 of 1440 minutes",
        "12 of 50 runs",
        "denial_rate was broken",
        "success_rate was not judged: too little happened",
    ]
    top = may_rise(Standing("enforce"), runs=RISE_RUNS, slos={}, now_ms=NOW_MS)
    assert (top["next"], top["lacks"]) == (None, ["no rung is above enforce"])
