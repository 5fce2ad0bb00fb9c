"""Alerting: what people on call are told of grants, and of each command under one."""

from __future__ import annotations

import json

import pytest

from toolgate.processors.case import Case, Envelope
from toolgate.processors.grants import Grant
from toolgate.schemas.codec import Codec
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Alert, Control, Intent, Reason
from toolgate.streams.gate.alerting import of_call, of_word
from toolgate.streams.gate.items import Item, Reading
from toolgate.streams.ports import Ask, Decision

UNTIL = 1_790_000_000_000
GRANT = Grant("g1", ("pay", "ma*"), UNTIL, 1, "double charges", ("ann", "ben"))
CASE = Case(
    Envelope("intents", 2, 7, 1_000, b"r", b"v"),
    Intent("i", "call", "acme", "w", "r", "a", "pay", params='{"iban":"XX-1"}'),
    "d",
    cost_micros=50_000,
    grant=GRANT,
    waived=(Reason("RULE_DENIED", "large", 'too large (params.iban is "XX-1")'),),
)
DECISION = Decision(7, 12, 1_001, 3, "APPROVE", True, (), (), (), (), None, False, "", "p")
WORD = Control(
    "g1", "grant", "workflow", "acme/w", "double charges", ("ann", "ben"), version=1, expires_at=UNTIL,
    tools=("pay", "ma*"),
)  # fmt: skip


def told(word, **fields):
    """The alert of a control record at offset 5."""
    envelope = Envelope("control", 0, 5, 900, b"k", b"v")
    return of_word(Item(Reading(envelope, word), Ask(5, 900, "RECORDED"), **fields), DECISION)


def test_each_command_under_a_grant_is_alerted():
    """Who allowed it and what it would have been refused for; nothing of its parameters."""
    alert = of_call(CASE, DECISION, "2-7")
    assert alert == Alert(
        alert_id="command/2-7",
        kind="break_glass",
        severity="warning",
        tenant="acme",
        workflow_id="w",
        run_id="r",
        subject="2-7",
        summary="pay in run r of workflow w was approved under grant g1",
        evidence=alert.evidence,
        seq=12,
        clk=1_001,
    )
    assert json.loads(alert.evidence) == {
        "agent_id": "a",
        "cost_micros": 50_000,
        "grant": "g1",
        "issued_by": ["ann", "ben"],
        "reason": "double charges",
        "tool": "pay",
        "waived": [{"code": "RULE_DENIED", "rule": "large"}],
    }
    assert b"XX-1" not in Codec(Alert).encode(alert)


def test_what_the_policy_allows_alerts_nobody():
    """It is as any other command."""
    assert of_call(changed(CASE, grant=None, waived=()), DECISION, "2-7") is None


@pytest.mark.parametrize(
    ("word", "kind", "severity", "where", "summary"),
    [
        (
            WORD,
            "grant",
            "critical",
            ("acme", "w", ""),
            "workflow acme/w may call pay, ma* until 2026-09-21T14:13:20Z, by ann and ben",
        ),
        (
            changed(WORD, scope="run", value="r1"),
            "grant",
            "critical",
            ("", "", "r1"),
            "run r1 may call pay, ma* until 2026-09-21T14:13:20Z, by ann and ben",
        ),
        (
            changed(WORD, tools=(), expires_at=None, issued_by=("ann",), reason="all is well"),
            "grant_ended",
            "info",
            ("acme", "w", ""),
            "workflow acme/w has no grant any more, by ann",
        ),
    ],
)
def test_a_grant_and_its_end_are_alerted(word, kind, severity, where, summary):
    """From the seq on from which they hold, under the record's place, which nobody can choose."""
    alert = told(word)
    assert (alert.alert_id, alert.subject, alert.seq, alert.clk) == ("control/5", "g1", 12, 1_001)
    assert (alert.kind, alert.severity, alert.summary) == (kind, severity, summary)  # names, nobody's words
    assert (alert.tenant, alert.workflow_id, alert.run_id) == where
    assert json.loads(alert.evidence) == {
        "issued_by": list(word.issued_by),
        "reason": word.reason,
        "tools": list(word.tools),
        "expires_at": word.expires_at,
    }


def test_what_grants_nothing_alerts_nobody():
    """A word that was refused, and any other kind."""
    assert told(WORD, refused=Reason("BAD_IDENTITY")) is None
    assert told(changed(WORD, kind="kill")) is None
