"""Repeats: loops and retry storms of a run, in bounded memory."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.streams.watch.repeats import (
    ENTRIES_MAX,
    LOOP_MIN,
    STORM_MIN,
    WINDOW_MS,
    Repeat,
    after_denial,
    after_result,
)

SECOND_MS = 1_000


def told(*events, every_ms=SECOND_MS):
    """What is told of a run's events, `<tool>=<body>` for a result and `<tool>!` for a denial: (place, kind)."""
    memory, found = {}, []
    for place, event in enumerate(events):
        memory, repeat = happen(memory, event, (place + 1) * every_ms)
        found += [(place, repeat.kind)] if repeat else []
    return found


def happen(memory, event, time_ms):
    """One event more, with a memory that was written and read in between."""
    memory = json.loads(json.dumps(memory))
    if event.endswith("!"):
        return after_denial(memory, tool=event[:-1], params_digest="p", time_ms=time_ms)
    tool, body = event.split("=")
    return after_result(memory, tool=tool, params_digest="p", body_digest=body, time_ms=time_ms)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (["a=1"] * (LOOP_MIN - 1), []),
        (["a=1"] * LOOP_MIN, [(4, "loop")]),
        (["a=1"] * 3 * LOOP_MIN, [(4, "loop")]),  # told once
        (["a=1", "b=1"] * LOOP_MIN, [(8, "loop"), (9, "loop")]),  # going round in two calls
        (["a=1", "a=2"] * LOOP_MIN, []),  # each says something new
        ([*["a=1"] * 4, "a=2", *["a=1"] * 4], []),
        ([*["a=1"] * 5, *["a=2"] * 5], [(4, "loop"), (9, "loop")]),
        (["a!"] * (STORM_MIN - 1), []),
        (["a!"] * STORM_MIN, [(4, "retry_storm")]),
        (["a!"] * 3 * STORM_MIN, [(4, "retry_storm")]),
        (["a!", "b!"] * 3, []),
        ([*["a!"] * 4, "b=1", "a!"], []),  # something new came in between
        ([*["a!"] * 4, "b=1", *["a!"] * 5], [(9, "retry_storm")]),
        (["b=1", *["a!", "b=1"] * 5], [(9, "retry_storm"), (8, "loop")]),  # nothing new in between
        ([*["a!"] * 5, "b=1", *["a!"] * 5], [(4, "retry_storm"), (10, "retry_storm")]),
        (["a=1", "a!"] * 4, []),  # approved and denied are not counted together
    ],
)
def test_tells_loops_and_storms_once(events, expected):
    """At the event that completes them."""
    assert sorted(told(*events)) == sorted(expected)


@pytest.mark.parametrize("event", ["a=1", "a!"])
def test_what_is_far_apart_is_no_repeat(event):
    """Five times within ten minutes, not five times in an hour."""
    assert told(*[event] * 20, every_ms=WINDOW_MS // 4) == []
    assert told(*[event] * 20, every_ms=WINDOW_MS // 4 - 1) != []


@pytest.mark.parametrize("event", ["a=1", "a!"])
def test_one_that_ended_is_told_again(event):
    """After ten minutes without another it is a new one, and says when it began."""
    memory, repeats = {}, []
    for time_ms in [*range(10, 15), *range(WINDOW_MS + 100, WINDOW_MS + 105)]:
        memory, repeat = happen(memory, event, time_ms)
        repeats += [repeat] if repeat else []
    kind = repeats[0].kind
    later_ms = WINDOW_MS + 100
    assert repeats == [Repeat(kind, 10, 14, 5), Repeat(kind, later_ms, later_ms + 4, 5)]


def test_other_parameters_are_another_call():
    """Going through a list is no loop."""
    memory, found = {}, []
    for page in range(3 * LOOP_MIN):
        memory, repeat = after_result(
            memory, tool="a", params_digest=str(page), body_digest="1", time_ms=page
        )
        found.append(repeat)
    assert found == [None] * 3 * LOOP_MIN


def test_news_that_come_late_are_put_where_they_belong():
    """Results and denials are on two topics: what was denied before the news counts no more."""
    memory = {}
    for time_ms in (10, 20, 30, 40):
        memory, _ = happen(memory, "a!", time_ms)
    memory, _ = happen(memory, "b=1", 25)
    found = []
    for time_ms in (50, 15, 60, 70):
        memory, repeat = happen(memory, "a!", time_ms)
        found += [repeat] if repeat else []
    assert found == [Repeat("retry_storm", 30, 70, 5)]


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["=1", "=2", "!"]),
        st.integers(0, 3 * ENTRIES_MAX).map(lambda name: f"tool{name}"),
        st.integers(0, 2 * WINDOW_MS),
    ),
    max_size=120,
)


@given(EVENTS)
def test_a_run_remembers_little(events):
    """However many tools it asks for, in any order of times; and what it remembers is plain data."""
    memory = {}
    for kind, tool, time_ms in events:
        memory, _ = happen(memory, tool + kind, time_ms)
        assert len(memory["entries"]) <= ENTRIES_MAX
        assert all(len(entry["times"]) <= 5 for entry in memory["entries"].values())
    assert len(json.dumps(memory)) <= ENTRIES_MAX * 200 + 200


@given(EVENTS)
def test_what_was_remembered_before_is_left_as_it_was(events):
    """A memory that was handed in is not changed: a table may still hold it."""
    memory = {}
    for kind, tool, time_ms in events:
        before = json.dumps(memory)
        after, _ = (
            after_denial(memory, tool=tool, params_digest="p", time_ms=time_ms)
            if kind == "!"
            else after_result(memory, tool=tool, params_digest="p", body_digest=kind, time_ms=time_ms)
        )
        assert json.dumps(memory) == before
        memory = after
