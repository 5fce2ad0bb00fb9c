"""Waiting for results: an intent is judged when the gate has read what its agent had read."""

from __future__ import annotations

import pytest

from toolgate.processors.case import Envelope
from toolgate.schemas.records import Intent
from toolgate.streams.gate.items import Reading
from toolgate.streams.gate.waiting import PATIENCE_MS, Waiting

INTENTS, RESULTS = ("intents", 0), ("results", 0)


class Clock:
    """A clock that is set by hand."""

    now = 0

    def __call__(self) -> int:
        """Milliseconds."""
        return self.now


@pytest.fixture
def clock():
    """It begins at 0."""
    return Clock()


@pytest.fixture
def waiting(clock):
    """Over a log whose results end at 10."""
    return Waiting(lambda _tp: 10, clock)


def intent(offset, seen_to=None, partition=0):
    """An intent whose agent has read the results up to `seen_to`."""
    record = Intent("i", "call", "t", "w", "r", "a", "tool", results_seen_to=seen_to)
    return Reading(Envelope("intents", partition, offset, 0, b"r", b"x"), record)


def offsets(readings):
    """What is ready: its offsets, and whether it names results that are not there."""
    return [(one.envelope.offset, one.unseen) for one in readings]


def test_what_the_gate_has_read_itself_is_judged(waiting):
    """Also what comes with the same batch."""
    ready, at = waiting.sort([intent(1), intent(2, 4)], {RESULTS: 5}, {})
    assert offsets(ready) == [(1, False), (2, False)]
    assert at == {}


def test_what_it_has_not_read_is_waited_for_and_all_behind_it(waiting):
    """Intents keep their order; those of other partitions go on."""
    ready, at = waiting.sort(
        [intent(1), intent(2, 5), intent(3), intent(8, partition=1)], {RESULTS: 5, ("results", 1): 0}, {}
    )
    assert offsets(ready) == [(1, False), (8, False)]
    assert at == {INTENTS: 2}
    assert offsets(waiting.sort([intent(2, 5), intent(3)], {RESULTS: 6}, {})[0]) == [(2, False), (3, False)]


def test_results_that_are_not_there_are_not_waited_for(waiting):
    """Whoever names them has not read them."""
    ready, at = waiting.sort([intent(2, 10), intent(3)], {RESULTS: 5}, {})
    assert offsets(ready) == [(2, True), (3, False)]
    assert at == {}


def test_results_that_never_come_are_not_waited_for_longer_than_so_long(waiting, clock):
    """An offset may hold a marker of a transaction, which nobody is given to read."""
    assert waiting.sort([intent(2, 9)], {RESULTS: 5}, {})[1] == {INTENTS: 2}
    clock.now = PATIENCE_MS - 1
    assert waiting.sort([intent(2, 9)], {RESULTS: 5}, {})[1] == {INTENTS: 2}
    clock.now = PATIENCE_MS
    assert offsets(waiting.sort([intent(2, 9)], {RESULTS: 5}, {})[0]) == [(2, True)]


def test_each_intent_is_waited_for_by_itself(waiting, clock):
    """The patience with one does not use up that with the next."""
    waiting.sort([intent(2, 9)], {RESULTS: 5}, {})
    clock.now = PATIENCE_MS
    waiting.sort([intent(2, 9)], {RESULTS: 10}, {})
    assert waiting.sort([intent(3, 9)], {RESULTS: 5}, {})[1] == {INTENTS: 3}


def test_a_partition_whose_results_another_worker_owns_is_never_approved_blindly(waiting):
    """It cannot know what they told: wait, then deny."""
    assert waiting.sort([intent(2, 3)], {}, {})[1] == {INTENTS: 2}


def test_results_that_were_decided_and_perhaps_never_committed_come_first(waiting, clock):
    """What they told is known already: what it decides is committed with them or not at all."""
    result = Reading(Envelope("results", 0, 6, 0, b"r", b"x"))
    ready, at = waiting.sort([intent(1), result], {RESULTS: 7}, {RESULTS: 8})
    assert offsets(ready) == [(6, False)]
    assert at == {INTENTS: 1}
    clock.now = PATIENCE_MS
    assert waiting.sort([intent(1)], {RESULTS: 7}, {RESULTS: 8})[1] == {INTENTS: 1}
    assert offsets(waiting.sort([intent(1)], {RESULTS: 8}, {RESULTS: 8})[0]) == [(1, False)]
