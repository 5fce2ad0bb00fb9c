"""Proposals: the records of what waits for people, holds and drafts. Pure; the bodies stay in their intents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.processors.approval_terms import terms_of
from toolgate.processors.capture import shown_params
from toolgate.processors.case import place_of
from toolgate.processors.catalogue import PROPOSAL
from toolgate.schemas.records import Draft, Hold

if TYPE_CHECKING:
    from toolgate.processors.case import Case
    from toolgate.schemas.records import Reason
    from toolgate.streams.ports import Decision

OPEN = "open"


def hold_of(case: Case, decision: Decision, reasons: tuple[Reason, ...]) -> Hold:
    """The hold of a call, open; whoever votes on it names its digest and its policy's."""
    intent, tool = case.intent, case.tool
    if tool is None:
        raise AssertionError("a held call has no tool")
    terms = terms_of(case)
    return Hold(
        hold_id=place_of(case),
        intent_id=intent.intent_id,
        seq=decision.seq,
        clk=decision.clk,
        tenant=intent.tenant,
        workflow_id=intent.workflow_id,
        run_id=intent.run_id,
        agent_id=intent.agent_id,
        tool=tool.name,
        tool_version=tool.version,
        digest=case.digest,
        policy_digest=decision.policy_digest,
        approvals_needed=terms.approvers,
        roles=terms.roles,
        expires_at=case.envelope.time_ms + terms.wait_ms,
        state=OPEN,
        reasons=reasons,
        diff=shown_params(case),
        cost_micros=case.cost_micros,
        records=case.records,
        body_topic=case.envelope.topic,
        body_partition=case.envelope.partition,
        body_offset=case.envelope.offset,
    )


def draft_of(case: Case, decision: Decision, reasons: tuple[Reason, ...]) -> Draft:
    """The draft that a write became, open."""
    intent, tool = case.intent, case.tool
    if tool is None:
        raise AssertionError("a drafted call has no tool")
    return Draft(
        draft_id=place_of(case),
        intent_id=intent.intent_id,
        seq=decision.seq,
        clk=decision.clk,
        tenant=intent.tenant,
        workflow_id=intent.workflow_id,
        run_id=intent.run_id,
        agent_id=intent.agent_id,
        tool=tool.name,
        tool_version=tool.version,
        twin="" if tool.draft == PROPOSAL else tool.draft,
        digest=case.digest,
        policy_digest=decision.policy_digest,
        state=OPEN,
        reasons=reasons,
        body_topic=case.envelope.topic,
        body_partition=case.envelope.partition,
        body_offset=case.envelope.offset,
    )
