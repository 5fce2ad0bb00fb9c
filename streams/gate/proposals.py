"""Proposals: the records of what waits for people, holds and drafts. Pure; the bodies stay in their intents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolgate.processors.approval_terms import terms_of
from toolgate.processors.holds import opened
from toolgate.processors.shown import diff_of, earlier_of, inverse_of
from toolgate.schemas.records import Draft, Hold

if TYPE_CHECKING:
    from toolgate.processors.approval_terms import ApprovalTerms
    from toolgate.processors.case import Case
    from toolgate.processors.holds import OpenHold
    from toolgate.schemas.records import Reason
    from toolgate.streams.ports import Decision

OPEN = "open"
_BETWEEN = ", "  # names of owners have neither


def id_of(record: Hold | Draft) -> str:
    """The id that votes name."""
    return record.hold_id if isinstance(record, Hold) else record.draft_id


def hold_of(case: Case, decision: Decision, reasons: tuple[Reason, ...]) -> Hold:
    """The hold of a call, open; whoever votes on it names its digest and its policy's."""
    terms = terms_of(case)
    hold = opened(case, decision.policy_digest, terms)
    return Hold(
        hold_id=hold.hold_id,
        state=OPEN,
        **_asked(case),
        **told_of(hold, decision, reasons),
        **_owned(hold, terms),
    )


def draft_of(case: Case, decision: Decision, reasons: tuple[Reason, ...]) -> Draft:
    """The draft that a write became, open."""
    terms = terms_of(case)
    hold = opened(case, decision.policy_digest, terms)
    told = told_of(hold, decision, reasons) | _asked(case) | _owned(hold, terms)
    return Draft(draft_id=hold.hold_id, state=OPEN, twin=hold.twin, **told)


def _owned(hold: OpenHold, terms: ApprovalTerms) -> dict[str, Any]:
    """What is said only when it opens: the gate itself makes nothing of it, so no vote is held against it."""
    return {"owner": _BETWEEN.join(terms.owners), "answer_by": hold.time_ms + terms.answer_ms}


def owners_of(record: Hold | Draft) -> tuple[str, ...]:
    """Who sees to it, as its policy names them."""
    return tuple(record.owner.split(_BETWEEN)) if record.owner else ()


def _asked(case: Case) -> dict[str, Any]:
    """What is said of the call once, when its hold or draft is opened: votes are about nothing else."""
    return {
        "diff": diff_of(case),
        "cost_micros": case.cost_micros,
        "records": case.records,
        "inverse": inverse_of(case),
        "earlier": earlier_of(case),
    }


def told_of(hold: OpenHold, decision: Decision, reasons: tuple[Reason, ...]) -> dict[str, Any]:
    """What is said of a hold or a draft in every state."""
    partition, _, offset = hold.hold_id.partition("-")
    return {
        "intent_id": hold.intent_id,
        "seq": decision.seq,
        "clk": decision.clk,
        "tenant": hold.tenant,
        "workflow_id": hold.workflow_id,
        "run_id": hold.run_id,
        "agent_id": hold.agent_id,
        "tool": hold.tool,
        "tool_version": hold.tool_version,
        "digest": hold.digest,
        "policy_digest": hold.policy_digest,
        "approvals_needed": hold.approvers,
        "roles": hold.roles,
        "expires_at": hold.expires_at,
        "reasons": reasons,
        "body_partition": int(partition),
        "body_offset": int(offset),
    }
