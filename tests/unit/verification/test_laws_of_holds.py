"""What waits for people: no double use, no approval of one's own, none that is stale; each breach is named."""

from __future__ import annotations

import pytest
from past import at
from written import EVENT

from toolgate.schemas.frozen import changed
from toolgate.verification.findings import Findings
from toolgate.verification.holds import Holds


def of(note):
    """Events that come to this."""
    return lambda event: event.note == note


def opening(past, event):
    """Topic of what an event is about, and the decision that opened it."""
    (held,) = past.events(lambda e: e.topic == "intents" and f"{e.partition}-{e.offset}" == event.command_id)
    return {"HOLD": "holds", "DRAFT": "drafts"}[held.verdict], held


def found(past, event):
    """What the law of holds says of an event."""
    return [f.what for f in past.report().findings.listed() if f.law == "hold" and str(f.place) == at(event)]


def test_a_good_history_with_votes(votes):
    """Nothing is wrong with it, and votes count in it, promote and come too late."""
    assert votes.wrong() == {}
    assert all(votes.events(of(note)) for note in ("counted", "promoted", "expired"))


@pytest.mark.parametrize("note", ["counted", "promoted"])
@pytest.mark.parametrize(
    "fields",
    [{"kid": "a"}, {"kid": "a", "agent_id": "b"}, {"kid": ""}],
    ids=["own", "own, disguised", "nobody"],
)
def test_an_approval_by_the_one_who_asked(votes, note, fields):
    """Also where its event names another agent than the hold; or by nobody."""
    event = votes.event(of(note))
    votes.change("audit", event.seq, **fields)
    assert [what for what in found(votes, event) if "who may not approve" in what]


def said(*words):
    """What the law says of words on a hold whose record is no longer kept, each a note and who says it."""
    findings = Findings()
    holds = Holds("holds", findings)
    holds.see(changed(EVENT, verdict="HOLD"), None)
    for note, kid in words:
        topic = "ticks" if note == "expired" else "votes"
        holds.see(changed(EVENT, topic=topic, note=note, kid=kid, verdict="RECORDED", command_id="0-0"), None)
    return [one.what for one in findings.listed()]


def test_an_approval_by_the_same_one_again():
    """Two different ones are needed."""
    assert said(("counted", "bob"), ("counted", "eve")) == []
    again = "counts bob, who may not approve 0-0 (again)"
    assert said(("counted", "bob"), ("counted", "eve"), ("approved", "bob")) == [again]


@pytest.mark.parametrize("end", ["approved", "promoted", "denied", "rejected", "withdrawn", "expired"])
@pytest.mark.parametrize("note", ["counted", "approved", "denied", "rejected", "withdrawn", "expired"])
def test_what_is_over_is_used_again(end, note):
    """By a vote, or by a tick; one that changes nothing may come."""
    assert said((end, "bob"), ("refused", "eve")) == []
    assert said((end, "bob"), (note, "eve")) == [f"is {note}, and 0-0 was {end} before"]


# What the hold says otherwise, of a vote that counts or of the last one -> what is found.
STALE = {
    "in time": ("counted", lambda e: {"expires_at": e.clk - 1}, "counts after"),
    "in time, the last": ("promoted", lambda e: {"expires_at": e.clk - 1}, "counts after"),
    "other policies": ("counted", lambda _: {"policy_digest": "0" * 32}, "another policy set"),
    "other policies, the last": ("promoted", lambda _: {"policy_digest": "0" * 32}, "another policy set"),
    "more people": ("promoted", lambda _: {"approvals_needed": 2}, "by 1, and 2 are needed"),
    "another call": ("promoted", lambda _: {"digest": "0" * 32}, "approves another call"),
    "not yet": ("expired", lambda e: {"expires_at": e.clk + 1}, "which has time until"),
}


@pytest.mark.parametrize("name", STALE)
def test_an_approval_that_is_stale(votes, name):
    """Too late, under other policies, of another call, or by too few; nor does anything expire early."""
    note, says, told = STALE[name]
    event = votes.event(of(note))
    topic, held = opening(votes, event)
    votes.change(topic, held.seq, **says(event))
    assert [what for what in found(votes, event) if told in what]


@pytest.mark.parametrize("note", ["counted", "promoted", "expired"])
def test_people_are_told_something_else(votes, note):
    """A state that is not what was decided."""
    event = votes.event(of(note))
    votes.change(opening(votes, event)[0], event.seq, state="withdrawn")
    assert found(votes, event) == [f"is {note}, and people are told withdrawn"]
