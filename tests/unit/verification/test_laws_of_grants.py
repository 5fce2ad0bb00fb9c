"""What is done under a grant is covered by it, and told to people on call: each change that breaks this is named."""

from __future__ import annotations

import pytest
from past import approved, at

from toolgate.schemas.codec import Codec
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Control, Reason

CODEC = Codec(Control)


def marked(event):
    """A command that only a grant allows."""
    return bool(event.grant) and approved(event)


def word_of(past, event):
    """Where the grant of an event stands on the control topic, and what it says."""
    found = ((e, CODEC.decode(e.value)) for e in past.envelopes if e.topic == "control")
    return next((e, word) for e, word in found if word.control_id == event.grant)


def say_otherwise(past, event, **fields):
    """Change what the grant of an event says, as if the gate had taken it so; returns its own audit event."""
    envelope, word = word_of(past, event)
    value = CODEC.encode(changed(word, **fields))
    past.envelopes[past.envelopes.index(envelope)] = changed(envelope, value=value)
    given = next(e for e in past.events() if (e.topic, e.offset) == ("control", envelope.offset))
    digest = CODEC.read(value).digest
    past.change("audit", given.seq, digest=digest)
    return given


def test_a_good_history_with_grants(grants):
    """Nothing is wrong with it, and grants are used in it, ended and refused."""
    assert grants.wrong() == {}
    assert len(grants.events(marked)) > 3


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"grant": "g-other"}, "does not stand for it"),
        ({"grant": ""}, "of no name, which does not stand for it"),
        ({"waived": ()}, "waives nothing"),
        ({"waived": (Reason("BUDGET_EXCEEDED", "budgets[0]"),)}, "waives BUDGET_EXCEEDED"),
        ({"waived": (Reason("RULE_DENIED"), Reason("KILLED"))}, "waives KILLED"),
    ],
)
def test_a_decision_under_a_grant_that_does_not_allow_it(grants, fields, what):
    """It names another, none that stands, or one that widens what none may."""
    event = grants.event(marked)
    grants.change("audit", event.seq, **fields)
    if "grant" in fields:
        grants.change("commands", event.seq, **fields)
    found = [finding for finding in grants.report().findings.listed() if finding.law == "grant"]
    assert [str(finding.place) for finding in found] == [at(event)]
    assert what in found[0].what


@pytest.mark.parametrize(
    "fields", [{"tools": ("mail",)}, {"value": "other"}, {"tools": (), "expires_at": None}]
)
def test_a_grant_that_does_not_cover_what_was_done_under_it(grants, fields):
    """Another tool, another workflow or run, or none at all."""
    event = grants.event(marked)
    say_otherwise(grants, event, **fields)
    assert at(event) in grants.wrong()["grant"]


def test_a_command_after_the_end_of_its_grant(grants):
    """By the ledger's clock."""
    event = grants.event(marked)
    say_otherwise(grants, event, expires_at=event.clk - 1)
    assert at(event) in grants.wrong()["grant"]


def test_a_command_that_may_begin_after_the_end_of_its_grant(grants):
    """It was decided in time; who carries it out would not be."""
    event = grants.event(marked)
    _, word = word_of(grants, event)
    grants.change("commands", event.seq, expires_at=word.expires_at + 1)
    assert grants.wrong() == {"grant": [at(event)]}


@pytest.mark.parametrize("fields", [{"issued_by": ("ann",)}, {"issued_by": ("ann", "ann")}, {"reason": " "}])
def test_a_grant_that_the_gate_should_have_refused(grants, fields):
    """One person's, or nobody knows why."""
    given = say_otherwise(grants, grants.event(marked), **fields)
    assert grants.wrong() == {"grant": [at(given)]}


def test_a_grant_that_is_too_long(grants):
    """Counted from its append."""
    event = grants.event(marked)
    envelope, _ = word_of(grants, event)
    given = say_otherwise(grants, event, expires_at=envelope.time_ms + 4 * 3_600_000 + 1)
    assert at(given) in grants.wrong()["grant"]


def test_a_command_that_says_nothing_of_its_grant(grants):
    """Whoever carries it out would not know."""
    event = grants.event(marked)
    place = grants.envelopes[grants.place("commands", event.seq)]
    grants.change("commands", event.seq, grant="")
    assert grants.wrong() == {"command": [f"commands[{place.partition}]@{place.offset} (seq {event.seq})"]}


def test_nobody_on_call_is_told(grants):
    """Of a command, and of the grant itself."""
    event = grants.event(marked)
    envelope, _ = word_of(grants, event)
    given = next(e for e in grants.events() if (e.topic, e.offset) == ("control", envelope.offset))
    for one in (event, given):
        grants.drop("alerts", one.seq)
    assert grants.wrong() == {"grant": [at(one) for one in sorted((event, given), key=lambda one: one.seq)]}


def test_what_the_watch_alerts_is_its_own_affair(grants):
    """An alert that no decision makes is no finding."""
    event = grants.event(marked)
    grants.repeat("alerts", event.seq, alert_id="a", kind="slow_detection", subject="", seq=0)
    grants.repeat("alerts", event.seq, alert_id="b", kind="slow_detection", subject="")
    assert grants.wrong() == {}
