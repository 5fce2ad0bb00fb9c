"""One line for one record, whatever it holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.cli.lines import line
from toolgate.inspection.decoding import Decoder
from toolgate.processors.case import Envelope
from toolgate.schemas.codec import Codec, EncodeError
from toolgate.schemas.records import Alert, Control, Outcome, Pulse, Reason, Result, Tick
from toolgate.streams.topics import TOPICS

DECODER = Decoder()


@given(
    st.sampled_from([topic.name for topic in TOPICS]),
    st.none() | st.binary(max_size=80),
    st.binary(max_size=20),
    st.binary(max_size=20),
)
def test_whatever_lies_on_a_topic_becomes_one_harmless_line(topic, value, key, detail):
    """Nothing moves a cursor or begins a second line."""
    headers = (("tg-reason", detail), ("tg-detail", detail), ("tg-source", detail))
    entry = DECODER.entry(Envelope(topic, 1, 2, 1_000, key, value, headers))
    assert line(entry).plain.isprintable()


@given(st.text(max_size=40), st.text(max_size=40))
def test_what_an_agent_wrote_cannot_act_on_a_terminal(body, error):
    """Escape sequences, line breaks and marks of direction stand there as their escapes."""
    record = Result("0-0", "i", "r", "tool", "d", "ok", "desk", body=body, error=error)
    try:
        value = Codec(Result).encode(record)
    except EncodeError:  # a lone surrogate has no encoding
        return
    entry = DECODER.entry(Envelope("results", 0, 0, 1, b"r", value))
    assert entry.record == record
    assert line(entry).plain.isprintable()


@pytest.mark.parametrize(
    ("topic", "record", "told"),
    [
        ("control", Control("c", "kill", "all", "", "fire", ("ann", "ben")), "kill all by ann, ben: fire"),
        (
            "control",
            Control("c", "mode", "all", "", "odd", ("eye",), mode="shadow", evidence='{"denial_rate":0.4}'),
            'mode all shadow by eye: odd  {"denial_rate":0.4}',
        ),
        (
            "outcomes",
            Outcome("i", "d", 7, "DENY", ("RATE_LIMITED",), retryable=True),
            "seq 7  RATE_LIMITED  try again",
        ),
        (
            "pulse",
            Pulse("t", "w", "0", 1, 3, 2, 1, 0, 0, 0, 0, 350_000, {"X": 1}, {}),
            "3 intents: 2 approved, 1 denied  $0.35  X:1",
        ),
        (
            "pulse",
            Pulse("t", "w", "0", 1, *[0] * 8, {}, {}, finished={"failed": 1}, results={"ok": 2, "error": 1}),
            "0 intents:   $0.00    runs: failed:1  ends: error:1 ok:2",
        ),
        ("outcomes", Outcome("i", "d", 7, "HOLD", ("X",), hold_id="0-1"), "seq 7  X  hold 0-1"),
        (
            "alerts",
            Alert("a-1", "break_glass", "critical", "t", "w", "r", "0-1", "look", "{}", 7, 1),
            "critical break_glass a-1 t w r: look",
        ),
        (
            "alerts",
            Alert("a-1", "grant", "critical", "t", "w", "r", "g1", "look", '{"reason":"fire"}', 7, 1),
            "t w r: look: fire",
        ),
        ("ticks", Tick("r", "hold_expiry", "h", 9), "run_id=r  what=hold_expiry  ref=h  due_at=9"),
        (
            "results",
            Result("0-1", "i", "r", "pay", "d", "error", "desk", error="no"),
            "error   pay command 0-1",
        ),
    ],
)
def test_a_record_is_told_in_its_own_words(topic, record, told):
    """Those that have none of their own are told field by field."""
    value = Codec(type(record)).encode(record)
    assert told in line(DECODER.entry(Envelope(topic, 0, 0, 1_000, b"r", value))).plain


def test_an_audit_event_says_what_it_was_and_why(written):
    """Place, verdict, reasons with what was missing; a repetition names the first decision and costs nothing."""
    reason = Reason("BUDGET_EXCEEDED", "budgets[0]", "$0.03 over")
    at = written.intent()
    written.decided(at, verdict="DENY", reasons=(reason,), cost_micros=10_000)
    written.decided(at, verdict="DUPLICATE", first=False, first_seq=1, cost_micros=10_000)
    denied, again = (line(DECODER.entry(e)).plain for e in written("audit").lines[at.partition])
    assert f"intents[{at.partition}]@0" in denied
    assert "BUDGET_EXCEEDED budgets[0]: $0.03 over  $0.01" in denied
    assert again.endswith("first decided at seq 1")
    assert "$" not in again


def test_what_waits_for_people_says_what_and_for_whom(written):
    """A hold with what would be done and who must approve it, a draft with what makes it."""
    reason = Reason("HELD_BY_RULE", "large", "over $50")
    held, drafted = written.intent(), written.intent(intent_id="i-2")
    written.decided(held, verdict="HOLD", reasons=(reason,))
    written.decided(drafted, verdict="DRAFT", reasons=(reason,), intent_id="i-2")
    (hold,), (draft,) = (written(topic).lines[held.partition] for topic in ("holds", "drafts"))
    told = line(DECODER.entry(hold)).plain
    assert (
        'open seq 1 pay {"params":{"id":"x"}} w/ann run r intent i-1  needs 2 of cfo, lead until 1970' in told
    )
    assert told.endswith("HELD_BY_RULE large: over $50")
    assert (
        "open seq 2 pay by propose w/ann run r intent i-2  HELD_BY_RULE large"
        in line(DECODER.entry(draft)).plain
    )


def test_an_audit_event_says_what_would_have_been(written):
    """Behind what is, with its reasons."""
    reason = Reason("RULE_DENIED", "large", "over $50")
    at = written.intent()
    written.decided(at, would_have="DENY", shadow_reasons=(reason,))
    (told,) = (line(DECODER.entry(e)).plain for e in written("audit").lines[at.partition])
    assert told.endswith("would have: DENY RULE_DENIED large: over $50")
