"""Checks: each finds what it is for, and nothing in what is right."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from toolgate.demo.checks import LEDGER, run_checks
from toolgate.demo.evidence import Evidence
from toolgate.schemas.records import AuditEvent, Command, Op
from toolgate.streams.ledger.fold import Fold


def event(seq: int, offset: int, **fields: Any) -> AuditEvent:
    """An approval of an intent, with these fields changed."""
    base: dict[str, Any] = {
        "seq": seq,
        "gen": "g",
        "ctl": 0,
        "clk": 1_000,
        "stable": 0,
        "visible": (),
        "topic": "intents",
        "partition": 0,
        "offset": offset,
        "append_time": 1_000,
        "first": True,
        "verdict": "APPROVE",
        "intent_id": f"i-{offset}",
        "digest": f"d-{offset}",
        "params_digest": "",
        "tenant": "t",
        "workflow_id": "w",
        "run_id": "r",
        "agent_id": "a",
        "tool": "pay",
        "tool_version": "1",
        "dry_run": False,
        "command_id": f"0-{offset}",
        "cost_micros": 0,
        "reasons": (),
        "ops": (Op("count", (f"run:r:{offset}", 1, 0)),),
        "balances": (),
        "policy_digest": "",
        "schema_id": 1,
        "code_version": "1",
        "kid": "k",
    }
    return AuditEvent(**base | fields)


def command(about: AuditEvent, **fields: Any) -> Command:
    """The command of an approval."""
    made = Command(
        command_id=about.command_id,
        intent_id=about.intent_id,
        seq=about.seq,
        ctl=0,
        tenant="t",
        workflow_id="w",
        run_id="r",
        agent_id="a",
        tool="pay",
        tool_version="1",
        params="{}",
        digest=about.digest,
        policy_digest="",
        idempotent=False,
        approved_at=0,
        expires_at=0,
        reserved_cost_micros=0,
    )
    return replace(made, **fields)


FIRST = event(1, 0)
DENIED = event(2, 1, verdict="DENY", command_id="")
AGAIN = event(3, 2, verdict="DUPLICATE", first=False, first_seq=1, intent_id="i-0", command_id="", ops=())
RESULT = event(4, 0, topic="results", verdict="RECORDED", first=False, intent_id="i-0", ops=())
AUDIT = (FIRST, DENIED, AGAIN, RESULT)


def folded(audit: tuple[AuditEvent, ...]) -> dict[str, Any]:
    """The ledger as the audit gives it."""
    fold = Fold()
    for one in audit:
        fold.add(one)
    return fold.state()


def evidence(**fields: Any) -> Evidence:
    """A clean history, with these parts changed; the ledger is the audit's fold unless given."""
    audit = fields.get("audit", AUDIT)
    base: dict[str, Any] = {
        "inputs": {("intents", 0): (0, 1, 2), ("results", 0): (0,)},
        "audit": audit,
        "commands": (command(FIRST),),
        "denials": (),
        "held": 0,
        "drafts": 0,
        "quarantined": 0,
        "ledger": {},
    }
    made = Evidence(**base | fields)
    return made if "ledger" in fields else replace(made, ledger=folded(AUDIT))


def found(made: Evidence) -> dict[str, tuple[str, ...]]:
    """Differences by the first word of the check."""
    return {check.name.split()[0]: check.differences for check in run_checks(made)}


def test_a_clean_history_holds():
    """An approval, a denial, a duplicate and a result."""
    assert found(evidence()) == {"audit": (), "one": (), "commands": (), "Redis": ()}


@pytest.mark.parametrize(
    ("changed", "check", "difference"),
    [
        ({"audit": AUDIT[:3]}, "audit", "results[0] at 0 has no audit event"),
        (
            {"audit": (*AUDIT, replace(RESULT, seq=5))},
            "audit",
            "results[0] at 0 has 2 audit events",
        ),
        (
            {"inputs": {("intents", 0): (0, 1), ("results", 0): (0,)}},
            "audit",
            "intents[0] at 2 is audited, and there is no such record",
        ),
        (
            {"audit": (FIRST, DENIED, replace(AGAIN, first=True), RESULT)},
            "one",
            "intents[0] at 2 (seq 3) decides i-0 first, and so does intents[0] at 0 (seq 1)",
        ),
        (
            {"audit": (FIRST, DENIED, replace(AGAIN, first_seq=2), RESULT)},
            "one",
            "intents[0] at 2 (seq 3) of i-0 is no first decision and repeats none",
        ),
        (
            {"audit": (FIRST, DENIED, replace(AGAIN, verdict="APPROVE"), RESULT)},
            "one",
            "intents[0] at 2 (seq 3) approves i-0 again",
        ),
        ({"commands": ()}, "commands", "approval 0-0 of d-0 (seq 1) lacks 1 command(s)"),
        (
            {"commands": (command(FIRST), command(FIRST))},
            "commands",
            "command 0-0 of d-0 (seq 1) is 1 more than was approved",
        ),
        (
            {"commands": (command(FIRST, digest="other"),)},
            "commands",
            "command 0-0 of other (seq 1) is 1 more than was approved",
        ),
        (
            {"ledger": folded(AUDIT) | {"clk": 7}},
            "Redis",
            "clk: the audit says 1000, Redis has 7",
        ),
        (
            {"ledger": folded(AUDIT) | {"accounts": {}}},
            "Redis",
            "accounts n:run:r:0: the audit says [1, 1000, 0], Redis has None",
        ),
        (
            {"audit": (FIRST, replace(DENIED, seq=1), AGAIN, RESULT)},
            "Redis",
            "the audit cannot be folded: seq 1 after 1",
        ),
    ],
)
def test_a_broken_promise_is_named_with_its_place(changed, check, difference):
    """The check that is for it finds it."""
    assert difference in found(evidence(**changed))[check]


def test_the_ledger_check_has_a_name_of_its_own():
    """The summary looks it up by name."""
    assert [check.holds for check in run_checks(evidence()) if check.name == LEDGER] == [True]
