"""What somebody changed in a log is found where it was changed."""

from __future__ import annotations

import copy

import pytest
from contracted import RATES, Contracted
from replays import QUIET, Kept, lived
from universe import Universe
from universe_policies import CONTRACTED_FILES, FILES

from toolgate.schemas.codec import Codec
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Intent, Op
from toolgate.streams.errors import LostRecordsError
from toolgate.streams.ports import UnavailableError


@pytest.fixture(scope="module")
def made() -> Kept:
    """A history without faults: nothing is excused."""
    return lived(Universe(4), FILES, rates=QUIET)


@pytest.fixture
def history(made: Kept) -> Kept:
    """The same for each test."""
    return copy.deepcopy(made)


@pytest.fixture(scope="module")
def unswitched() -> Kept:
    """A history without control: the folder beside the workers is in force throughout."""
    return lived(Universe(4), FILES, 300, {**QUIET, "control": 0.0})


def _some(history, fits):
    """An event in the middle."""
    found = [event for event in history.events() if fits(event)]
    return found[len(found) // 2]


def _dearer(event):
    """The event with another amount in its reservation."""
    ops = []
    for op in event.ops:
        if op.op == "reserve":
            *head, parts, sets = op.args
            name, unit, amount, *rest = parts[0]
            op = Op("reserve", (*head, ((name, unit, amount + 1, *rest), *parts[1:]), sets))  # noqa: PLW2901
        ops.append(op)
    return changed(event, ops=tuple(ops))


def _reworded(event):
    """The event with another text of its first reason."""
    return changed(event, reasons=(changed(event.reasons[0], because="because"), *event.reasons[1:]))


def _approved(event):
    return event.verdict == "APPROVE"


def _denied(event):
    return event.verdict == "DENY"


@pytest.mark.parametrize(
    ("fits", "change", "field"),
    [
        (_approved, lambda event: changed(event, verdict="DENY"), "verdict"),
        (_denied, lambda event: changed(event, verdict="APPROVE"), "verdict"),
        (_approved, _dearer, "ops"),
        (_denied, _reworded, "reasons"),
        (_approved, lambda event: changed(event, policy_digest="0" * 32), "policy_digest"),
        (_approved, lambda event: changed(event, clk=event.clk + 1), "clk"),
        (_approved, lambda event: changed(event, clk=event.clk - 1), "clk"),
        (_approved, lambda event: changed(event, ctl=event.ctl + 100), "ctl"),
        (_approved, lambda event: changed(event, run_id="another"), "run_id"),
        (_approved, lambda event: changed(event, kid="another"), "kid"),
        (
            lambda event: event.after is not None,
            lambda event: changed(event, after=event.after + 1000),
            "after",
        ),
        (lambda event: event.topic == "results", lambda event: changed(event, note="void and late"), "note"),
    ],
)
def test_a_changed_event_is_named_with_the_field(history, fits, change, field):
    """The difference has the input's and the event's places, and what was recorded and what would be."""
    event = _some(history, fits)
    history.change(event.seq, change)
    first = history.replay().first
    assert (first.seq, first.place) == (event.seq, f"{event.topic}[{event.partition}]@{event.offset}")
    assert field in [one.name for one in first.fields]
    assert all(one.recorded != one.replayed for one in first.fields)


@pytest.mark.parametrize("place", [0.2, 0.5, 0.8])
def test_a_missing_event_is_named(history, place):
    """By its seq, where a later event says that it was committed, or by its input, where the next one comes first."""
    events = history.events()
    event = events[int(len(events) * place)]
    history.change(event.seq, lambda _: None)
    reason = history.replay().first.reason
    assert f"no event has seq {event.seq}," in reason or (
        f"no event tells of {event.topic}[{event.partition}]@{event.offset}," in reason
    )


def test_the_last_event_is_told_as_undecided_when_it_is_missing(history):
    """Nothing in the log tells it from an input that the gate has not come to."""
    history.change(history.events()[-1].seq, lambda _: None)
    found = history.replay()
    assert (found.first, found.undecided) == (None, 1)


def test_two_events_that_changed_places_are_found_at_the_first(history):
    """The order of decisions is what the accounts follow."""
    one = _some(history, lambda event: event.topic == "intents")
    other = next(
        event
        for event in history.events()
        if event.seq > one.seq and (event.topic, event.partition) == (one.topic, one.partition)
    )
    history.change(one.seq, lambda event: changed(event, seq=0))
    history.change(other.seq, lambda event: changed(event, seq=one.seq))
    history.change(0, lambda event: changed(event, seq=other.seq))
    first = history.replay().first
    assert (first.seq, first.offset) == (one.seq, other.offset)
    assert f"no event tells of {one.topic}[{one.partition}]@{one.offset}" in first.reason


def test_an_event_that_stands_twice_is_named(history):
    """Whichever partition the copy lies in."""
    event = _some(history, _approved)
    copied = next(
        one
        for one in history.log["audit", event.partition]
        if str(event.seq).encode() in dict(one.headers).values()
    )
    history.log["audit", (event.partition + 1) % 3].append(copied)
    assert history.replay().first.reason == f"seq {event.seq} stands in the audit twice"


def test_a_changed_input_is_named(history):
    """By the digest of its content, and by whatever follows from that."""
    event = _some(history, _approved)
    codec, log = Codec(Intent), history.log["intents", event.partition]
    place = next(n for n, one in enumerate(log) if one.offset == event.offset)
    intent = codec.decode(log[place].value)
    intent = changed(intent, declared_cost_micros=(intent.declared_cost_micros or 0) + 1)
    log[place] = changed(log[place], value=codec.encode(intent))
    first = history.replay().first
    assert (first.seq, first.offset) == (event.seq, event.offset)
    assert "digest" in [one.name for one in first.fields]


def test_an_input_that_is_gone_is_named(history):
    """An event without its input proves nothing."""
    event = _some(history, _approved)
    log = history.log["intents", event.partition]
    log[:] = [one for one in log if one.offset != event.offset]
    first = history.replay().first
    assert first.seq == event.seq
    assert f"has no record at {event.offset}" in first.reason


def test_changed_headers_are_named(history):
    """They say which decision an event is of."""
    event = _some(history, _approved)
    log = history.log["audit", event.partition]
    place = next(n for n, one in enumerate(log) if str(event.seq).encode() in dict(one.headers).values())
    log[place] = changed(log[place], headers=())
    first = history.replay().first
    assert (first.seq, [one.name for one in first.fields]) == (event.seq, ["headers"])


def test_the_first_decision_under_other_policies_differs(unswitched):
    """By the digest, which every event names, also where the verdict is the same."""
    files = {**FILES, "policies/w.yaml": FILES["policies/w.yaml"] + b"  denied_tools: [look]\n"}
    found = unswitched.replay(files)
    assert (found.decisions, found.first.seq) == (1, 1)
    assert "policy_digest" in [one.name for one in found.first.fields]


def test_what_came_after_the_log_was_opened_is_left_out(history):
    """A gate may go on deciding meanwhile."""
    events = history.events()
    history.seq_max = events[len(events) // 2].seq
    found = history.replay()
    assert (found.first, found.decisions) == (None, len(events) // 2 + 1)
    assert found.undecided == len(events) - found.decisions


def test_a_log_that_was_cut_off_cannot_be_replayed(history):
    """What was decided on lost inputs cannot be decided again."""
    history.begin = 5
    with pytest.raises(LostRecordsError, match="begins at offset 5"):
        history.replay()


def test_without_the_folder_of_a_gate_that_had_one_nothing_is_decided(unswitched):
    """Who replays must have what the workers had beside them."""
    with pytest.raises(UnavailableError, match="no policies are in force"):
        unswitched.replay({})


def test_a_forged_approval_is_found_although_decisions_were_lost():
    """What lost decisions took explains a denial, never an approval."""
    for seed in range(200, 204):
        history = lived(Contracted(seed), CONTRACTED_FILES, rates=RATES)
        event = _some(history, lambda one: _denied(one) and one.topic == "intents")
        history.change(event.seq, lambda one: changed(one, verdict="APPROVE"))
        assert history.replay().first.seq == event.seq
