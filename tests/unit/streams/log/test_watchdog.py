"""The watchdog: what counts as standing still, and for how long."""

from __future__ import annotations

import pytest

from toolgate.streams.log.watchdog import Watchdog

HERE, THERE = ("intents", 0), ("intents", 1)


class Clock:
    """Seconds, set by hand."""

    now = 100.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.mark.parametrize(
    ("seen", "stuck"),
    [
        ([(0, 5, 9), (2, 5, 9)], True),
        ([(0, 5, 9), (1.9, 5, 9)], False),
        ([(0, 5, 9), (1, 6, 9), (2, 6, 9)], False),
        ([(0, 5, 9), (1, 6, 9), (3, 6, 9)], True),
        ([(0, 9, 9), (60, 9, 9)], False),
        ([(0, 5, 9), (1, 9, 9), (2, 9, 12), (3, 9, 12)], False),
        ([(0, 5, 9), (2, 5, 5)], False),
    ],
    ids=[
        "behind for as long as the limit",
        "behind for less",
        "moved meanwhile",
        "moved, then stood",
        "at the end, however long",
        "caught up meanwhile",
        "the end came back to it",
    ],
)
def test_is_stuck_only_when_behind_without_moving_for_the_limit(seen, stuck):
    """Each row is what was seen: (second, position, end); the last answer counts."""
    clock = Clock()
    dog = Watchdog(2.0, clock)
    answers = []
    for second, position, end in seen:
        clock.now = 100.0 + second
        answers.append(dog.saw(HERE, position, end))

    assert answers[-1] is stuck
    assert not any(answers[:-1])


def test_partitions_are_watched_one_by_one():
    """One that moves does not excuse another."""
    clock = Clock()
    dog = Watchdog(2.0, clock)
    dog.saw(HERE, 5, 9)
    dog.saw(THERE, 5, 9)
    clock.now += 2

    assert dog.saw(HERE, 5, 9)
    assert not dog.saw(THERE, 6, 9)


@pytest.mark.parametrize("how", [lambda dog: dog.forget(HERE), lambda dog: dog.keep([THERE])])
def test_a_forgotten_partition_begins_anew(how):
    """A partition that was revoked, paused or sent elsewhere has not been silent."""
    clock = Clock()
    dog = Watchdog(2.0, clock)
    dog.saw(HERE, 5, 9)
    clock.now += 2
    how(dog)

    assert dog.standing_since(HERE) is None
    assert not dog.saw(HERE, 5, 9)
    assert dog.standing_since(HERE) == clock.now
