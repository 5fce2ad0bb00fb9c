"""Alerting: what people on call are told of a decision. Pure; written in the transaction of what it tells about.

Summaries are of names alone. What people have written, a grant's reason, stands in the evidence: whoever passes an
alert on can tell the two apart.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from toolgate.processors.grants import GRANT, ends
from toolgate.schemas.enums import AlertKind, Severity
from toolgate.schemas.records import Alert, Control
from toolgate.schemas.strict_json import dumps_canonical

if TYPE_CHECKING:
    from toolgate.processors.case import Case
    from toolgate.streams.gate.items import Item
    from toolgate.streams.ports import Decision


def of_call(case: Case, decision: Decision, command_id: str) -> Alert | None:
    """The alert of a command that a grant has let through; None of any other."""
    grant, intent = case.grant, case.intent
    if grant is None:
        return None
    what = f"{intent.tool} in run {intent.run_id} of workflow {intent.workflow_id}"
    return Alert(
        alert_id=f"command/{command_id}",
        kind=AlertKind.BREAK_GLASS.value,
        severity=Severity.WARNING.value,
        tenant=intent.tenant,
        workflow_id=intent.workflow_id,
        run_id=intent.run_id,
        subject=command_id,
        summary=f"{what} was approved under grant {grant.control_id}",
        evidence=dumps_canonical(
            {
                "grant": grant.control_id,
                "issued_by": list(grant.issued_by),
                "reason": grant.reason,
                "tool": intent.tool,
                "agent_id": intent.agent_id,
                "cost_micros": case.cost_micros,
                # Not their sentences: those show values of parameters.
                "waived": [{"code": str(reason.code), "rule": reason.rule} for reason in case.waived],
            }
        ),
        seq=decision.seq,
        clk=decision.clk,
    )


def of_word(item: Item, decision: Decision) -> Alert | None:
    """The alert of a control record that gives or ends a grant; None of any other, and of one that changes nothing."""
    word, envelope = item.reading.record, item.reading.envelope
    if not isinstance(word, Control) or word.kind != GRANT or item.refused:
        return None
    tenant, _, name = word.value.rpartition("/")
    target, who = f"{word.scope} {word.value}", " and ".join(word.issued_by)
    over = ends(word)
    what = "has no grant any more" if over else f"may call {_terms(word)}"
    return Alert(
        alert_id=f"control/{envelope.offset}",
        kind=(AlertKind.GRANT_ENDED if over else AlertKind.GRANT).value,
        severity=(Severity.INFO if over else Severity.CRITICAL).value,
        tenant=tenant,
        workflow_id=name if word.scope == "workflow" else "",
        run_id=name if word.scope == "run" else "",
        subject=word.control_id,
        summary=f"{target} {what}, by {who}",
        evidence=dumps_canonical(
            {
                "issued_by": list(word.issued_by),
                "reason": word.reason,
                "tools": list(word.tools),
                "expires_at": word.expires_at,
            }
        ),
        seq=decision.seq,
        clk=decision.clk,
    )


def _terms(word: Control) -> str:
    until = datetime.fromtimestamp((word.expires_at or 0) / 1_000, UTC)
    return f"{', '.join(word.tools)} until {until:%Y-%m-%dT%H:%M:%SZ}"
