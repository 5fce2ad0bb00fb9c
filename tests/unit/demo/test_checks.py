"""Checks: each finds what it is for, and nothing in what is right."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from toolgate.demo.checks import LEDGER, check_limits, check_told, run_checks
from toolgate.demo.evidence import Evidence
from toolgate.demo.script import Step, Told
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import AuditEvent, Command, Op, Outcome, Reason, Visible
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
    return changed(made, **fields)


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
        "results": (),
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
            {"audit": (*AUDIT, changed(RESULT, seq=5))},
            "audit",
            "results[0] at 0 has 2 audit events",
        ),
        (
            {"inputs": {("intents", 0): (0, 1), ("results", 0): (0,)}},
            "audit",
            "intents[0] at 2 is audited, and there is no such record",
        ),
        (
            {"audit": (FIRST, DENIED, changed(AGAIN, first=True), RESULT)},
            "one",
            "intents[0] at 2 (seq 3) decides i-0 first, and so does intents[0] at 0 (seq 1)",
        ),
        (
            {"audit": (FIRST, DENIED, changed(AGAIN, first_seq=2), RESULT)},
            "one",
            "intents[0] at 2 (seq 3) of i-0 is no first decision and repeats none",
        ),
        (
            {"audit": (FIRST, DENIED, changed(AGAIN, verdict="APPROVE"), RESULT)},
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
            {"audit": (FIRST, changed(DENIED, seq=1), AGAIN, RESULT)},
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


def step(intent_id: str, verdict: str, seq: int, *codes: str) -> Step:
    """What an agent was told."""
    told = Told(Outcome(intent_id, "", seq, verdict, codes))
    return Step("good", "a", "r", intent_id, "pay", told, 0.0)


REASONED = changed(DENIED, reasons=(Reason("KILLED"), Reason("BLAST_RADIUS"), Reason("BLAST_RADIUS")))


@pytest.mark.parametrize(
    ("told", "differences"),
    [
        (step("i-0", "APPROVE", 1), ()),
        (step("i-1", "DENY", 2, "KILLED", "BLAST_RADIUS"), ()),
        (step("i-9", "APPROVE", 1), ("i-9 was told APPROVE, and was never decided",)),
        (
            step("i-1", "APPROVE", 2),
            ("i-1 was told ('APPROVE', 2), and the audit says ('DENY', 2, 'KILLED', 'BLAST_RADIUS')",),
        ),
        (
            step("i-1", "DENY", 2, "KILLED"),
            ("i-1 was told ('DENY', 2, 'KILLED'), and the audit says ('DENY', 2, 'KILLED', 'BLAST_RADIUS')",),
        ),
        (step("i-0", "APPROVE", 3), ("i-0 was told ('APPROVE', 3), and the audit says ('APPROVE', 1)",)),
    ],
)
def test_what_agents_were_told_is_what_stands(told, differences):
    """Verdict, place and codes of the first decision; a duplicate tells nobody anything."""
    audit = (FIRST, REASONED, AGAIN)
    assert check_told(evidence(audit=audit, ledger={}), [told]).differences == differences


def reserve(seq: int, amount: int, cap: int = 10) -> AuditEvent:
    """An approval that reserves from a shared account."""
    part = ("workflow:t/w:pot", "pots", amount, cap, "spend", 0)
    return event(seq, seq, ops=(Op("reserve", (f"0-{seq}", 9_000, "d", "pay", (part,), ())),))


def test_an_account_may_be_filled_to_its_limit():
    """And not beyond; the decision that went too far is named."""
    full = (reserve(1, 4), reserve(2, 6))
    assert check_limits(evidence(audit=full, ledger={})).holds
    over = check_limits(evidence(audit=(*full, reserve(3, 1)), ledger={}))
    assert over.differences == ("intents[0] at 3 (seq 3) takes workflow:t/w:pot to 11 pots of 10",)


def test_room_that_is_freed_counts_only_once_it_is_there():
    """What a settlement gives back may be taken only after the log says that it is available."""
    settled = event(2, 2, ops=(Op("settle", ("0-1", "settled", (("pots", 3, 7, 0),), ())),))
    early = check_limits(evidence(audit=(reserve(1, 10), settled, reserve(3, 7)), ledger={}))
    assert early.differences == ("intents[0] at 3 (seq 3) takes workflow:t/w:pot to 17 pots of 10",)
    later = changed(reserve(3, 7), visible=(Visible("intents", 0, 3),))
    assert check_limits(evidence(audit=(reserve(1, 10), settled, later), ledger={})).holds


def test_an_audit_out_of_order_is_no_proof_of_limits():
    """Whoever cannot fold it cannot say that a limit held."""
    [difference] = check_limits(evidence(audit=(reserve(2, 1), reserve(1, 1)), ledger={})).differences
    assert difference == "the audit cannot be folded: seq 1 after 2"
