"""Every law is named when one change breaks it, with the record that does."""

from __future__ import annotations

import pytest
from past import approved, at, started

from toolgate.schemas.frozen import changed

# --- totality, order, clock ---


def test_an_audit_event_about_nothing(past):
    """An input that was never there."""
    event = past.event(started)
    place = (event.topic, event.partition, event.offset)
    past.envelopes = [e for e in past.envelopes if (e.topic, e.partition, e.offset) != place]
    assert past.wrong() == {"totality": [at(event)]}


def test_an_input_without_an_audit_event_leaves_a_gap_too(past):
    """Its seq is missing, and some later event calls it stable."""
    event = past.event(started)
    past.drop("audit", event.seq)
    found = past.wrong()
    assert set(found) == {"totality", "order"}
    assert found["totality"] == [f"{event.topic}[{event.partition}]@{event.offset}"]


def test_an_input_that_is_audited_twice(past):
    """The second has the first one's seq."""
    event = past.event(started)
    past.repeat("audit", event.seq)
    place = f"{event.topic}[{event.partition}]@{event.offset}"
    assert past.wrong() == {"totality": [place], "order": [at(event)]}


def test_decisions_of_a_partition_in_another_order_than_its_offsets(past):
    """Two events that change places."""
    found = past.events(started)
    first, second = next((a, b) for a in found for b in found if a.seq < b.seq and a.partition == b.partition)
    past.change("audit", first.seq, offset=second.offset, digest=second.digest)
    past.change("audit", second.seq, offset=first.offset, digest=first.digest)
    assert set(past.wrong()) == {"order"}
    assert at(changed(second, offset=first.offset)) in past.wrong()["order"]


def test_a_generation_that_returns(past):
    """An event of another generation in the middle of one."""
    events = past.events()
    i = next(i for i in range(1, len(events) - 1) if events[i - 1].gen == events[i].gen == events[i + 1].gen)
    past.change("audit", events[i].seq, gen="another")
    assert past.wrong() == {"order": [at(events[i + 1])]}


def test_a_seq_that_is_missing_at_the_end(past):
    """Nothing was discarded in the generation that stands."""
    last = past.events()[-1]
    for topic in ("audit", "commands", "outcomes", "denials", "holds", "drafts"):
        if any(e.topic == topic and past.record(e).seq == last.seq for e in past.envelopes):
            past.change(topic, last.seq, seq=last.seq + 1)
    assert past.wrong() == {"order": [at(changed(last, seq=last.seq + 1))]}


def test_a_clock_that_runs_back(past):
    """One millisecond is enough."""
    events = past.events()
    i = next(i for i in range(1, len(events)) if started(events[i]))
    past.change("audit", events[i].seq, clk=events[i - 1].clk - 1)
    found = past.wrong()
    assert set(found) == {"clock"}
    assert set(found["clock"]) == {at(events[i])}


def test_an_input_that_is_not_what_was_decided(past):
    """A record whose bytes were changed after the decision: its approval stands, for something else."""
    event = past.event(approved)
    place = (event.topic, event.partition, event.offset)
    i = next(i for i, e in enumerate(past.envelopes) if (e.topic, e.partition, e.offset) == place)
    intent = past.envelopes[i]
    past.envelopes[i] = changed(intent, value=intent.value.replace(b"default", b"another"))
    assert past.wrong() == {"content": [at(event)]}


# --- first ---


@pytest.mark.parametrize(
    "fields",
    [{"first": True, "first_seq": None}, {"first_seq": 1}, {"first_seq": 10**6}, {"digest": "0" * 32}],
    ids=str,
)
def test_a_duplicate_that_does_not_repeat_its_first_decision(past, fields):
    """A second first decision, one that names another, one that names none, and one of another content."""
    event = past.events(lambda e: e.verdict == "DUPLICATE" and e.topic == "intents")[-1]
    past.change("audit", event.seq, **fields)
    laws = {"first", "content"} if "digest" in fields else {"first"}  # it is not what was written, either
    assert {law: set(places) for law, places in past.wrong().items()} == {law: {at(event)} for law in laws}


def test_an_approval_that_is_no_first_decision(past):
    """Its id could be used again."""
    used = {e.intent_id for e in past.events(lambda e: not e.first)}
    event = past.event(lambda e: approved(e) and e.intent_id not in used)
    past.change("audit", event.seq, first=False)
    assert past.wrong() == {"first": [at(event)]}


# --- what is written beside the audit ---


@pytest.mark.parametrize(
    ("topic", "law", "meant"),
    [
        ("commands", "command", approved),
        ("denials", "denial", lambda e: e.verdict == "DENY"),
        ("holds", "proposal", lambda e: e.verdict == "HOLD" and not e.dry_run),
        ("drafts", "proposal", lambda e: e.verdict == "DRAFT" and not e.dry_run),
        ("outcomes", "outcome", approved),
    ],
)
def test_a_decision_and_what_belongs_to_it(past, topic, law, meant):
    """One that is missing, one too many, one of another content, and one that was never decided."""
    event = past.event(meant)
    envelope = past.envelopes[past.place(topic, event.seq)]
    there = f"{topic}[{envelope.partition}]@{envelope.offset} (seq {event.seq})"
    before = past.envelopes
    for change, place in (
        (lambda: past.drop(topic, event.seq), at(event)),
        (lambda: past.change(topic, event.seq, digest="0" * 32), there),
    ):
        past.envelopes = list(before)
        change()
        assert past.wrong() == {law: [place]}
    for fields in ({}, {"seq": 10**6}):
        past.envelopes = list(before)
        past.repeat(topic, event.seq, **fields)
        last = past.envelopes[-1]
        said = f"{topic}[{last.partition}]@{last.offset} (seq {past.record(last).seq})"
        assert past.wrong() == {law: [said]}


@pytest.mark.parametrize("verdict", ["DENY", "DUPLICATE", "HOLD", "RECORDED"])
def test_a_command_for_what_was_not_approved(past, verdict):
    """Whatever else it says, its seq is that of another decision."""
    event = past.event(lambda e: e.topic == "intents" and e.verdict == verdict)
    of = past.event(approved)
    past.repeat("commands", of.seq, seq=event.seq, intent_id=event.intent_id)
    last = past.envelopes[-1]
    assert set(past.wrong()) == {"command"}
    assert f"commands[{last.partition}]@{last.offset} (seq {event.seq})" in past.wrong()["command"]


@pytest.mark.parametrize(
    "fields",
    [{"params": '{"id":"all"}'}, {"params": "{"}, {"agent_id": "eve"}, {"tool": "drop"}, {"ctl": 99}],
    ids=str,
)
def test_a_command_that_says_something_else_than_was_approved(past, fields):
    """The same digest and seq do not make it the same call."""
    event = past.event(approved)
    past.change("commands", event.seq, **fields)
    command = past.envelopes[past.place("commands", event.seq)]
    there = f"commands[{command.partition}]@{command.offset} (seq {event.seq})"
    assert past.wrong() == {"command": [there]}


def test_an_outcome_that_lies(past):
    """An agent is told of another verdict than stands in the audit."""
    event = past.event(lambda e: e.verdict == "DENY" and e.kid)
    past.change("outcomes", event.seq, verdict="APPROVE")
    envelope = past.envelopes[past.place("outcomes", event.seq)]
    there = f"outcomes[{envelope.partition}]@{envelope.offset} (seq {event.seq})"
    assert past.wrong() == {"outcome": [there]}


def test_noise_that_is_not_kept(past):
    """What could not be read is put aside, byte for byte, and nothing else is."""
    event = past.event(lambda e: e.verdict == "QUARANTINE")
    source = f"{event.topic}-{event.partition}-{event.offset}".encode()
    i = next(i for i, e in enumerate(past.envelopes) if ("tg-source", source) in e.headers)
    noise = past.envelopes.pop(i)
    assert past.wrong() == {"quarantine": [at(event)]}
    past.envelopes.insert(i, noise)
    past.envelopes.append(changed(noise, offset=9_999, headers=(("tg-source", b"intents-0-0"),)))
    assert past.wrong() == {"quarantine": [f"quarantine[{noise.partition}]@9999"]}


def test_an_audit_event_that_cannot_be_read(past):
    """It is named, and counts as missing; one that does not even begin as an event has no seq."""
    event = past.event(started)
    i = past.place("audit", event.seq)
    audit = past.envelopes[i]
    there = f"audit[{audit.partition}]@{audit.offset}"
    past.envelopes[i] = changed(audit, value=audit.value[:-1])
    found = past.wrong()
    assert (set(found), found["readable"]) == ({"readable", "order"}, [f"{there} (seq {event.seq})"])
    for value in (b"noise", None):
        past.envelopes[i] = changed(audit, value=value)
        found = past.wrong()
        assert (set(found), found["readable"]) == ({"readable", "order", "totality"}, [there])


def test_a_record_of_the_gate_that_cannot_be_read(past):
    """It is named, and what it should have said is missed."""
    event = past.event(approved)
    i = past.place("commands", event.seq)
    command = past.envelopes[i]
    past.envelopes[i] = changed(command, value=command.value[:-1])
    there = f"commands[{command.partition}]@{command.offset} (seq {event.seq})"
    assert past.wrong() == {"readable": [there], "command": [at(event)]}
