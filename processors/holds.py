"""Holds: what waits for people, a held call or a draft, from its opening to the one word that ends it.

An open hold is kept among the facts of its run: so it has its place in the ledger's order, and is there again when the
ledger is rebuilt. Votes count only while it stands there. The last one brings the call before the chain again, and
whatever comes of that ends the hold in the same atom; so do a rejection, the workflow's own withdrawal and expiry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolgate.processors.case import place_of
from toolgate.processors.catalogue import PROPOSAL
from toolgate.processors.claims import FACT_BYTES_MAX, Deadline, Label, Remember
from toolgate.processors.names import ID_CHARS_MAX
from toolgate.processors.reasons import Code
from toolgate.schemas.enums import Verdict
from toolgate.schemas.frozen import changed, frozen, names_of
from toolgate.schemas.strict_json import dumps_canonical, loads_strict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolgate.processors.approval_terms import ApprovalTerms
    from toolgate.processors.case import Case

LATE = "hold.expires_at"
_APPROVAL_BYTES = ID_CHARS_MAX + 3  # a key id in JSON, with its quotes and comma
_NAME = "~hold\x1f"  # no fact has such a name
_FULL = Label(Code.HOLDS_EXCEEDED, "approvals", "run", "bytes")
_LATE = Label(Code.VOTE_REFUSED, LATE, "run", "ms")


@frozen
class OpenHold:
    """What waits: all that a vote is held against, and what is told of it in the end."""

    hold_id: str  # place of the intent: also the id of the command that it may become
    kind: str  # Verdict.HOLD or Verdict.DRAFT
    twin: str  # of a draft: the tool that makes it
    intent_id: str
    tenant: str
    workflow_id: str
    run_id: str
    agent_id: str
    tool: str
    tool_version: str
    digest: str  # of the intent
    policy_digest: str
    approvers: int
    roles: tuple[str, ...]
    time_ms: int  # when the intent was appended
    expires_at: int
    approvals: tuple[str, ...] = ()  # key ids


_FIELDS = names_of(OpenHold)


def opened(case: Case, policy_digest: str, terms: ApprovalTerms) -> OpenHold:
    """The hold of a call that the chain has held or drafted."""
    intent, tool, time_ms = case.intent, case.tool, case.envelope.time_ms
    if tool is None:
        raise AssertionError("a held call has no tool")
    return OpenHold(
        hold_id=place_of(case),
        kind=case.verdict.value,
        twin=tool.draft if case.verdict == Verdict.DRAFT and tool.draft != PROPOSAL else "",
        intent_id=intent.intent_id,
        tenant=intent.tenant,
        workflow_id=intent.workflow_id,
        run_id=intent.run_id,
        agent_id=intent.agent_id,
        tool=tool.name,
        tool_version=tool.version,
        digest=case.digest,
        policy_digest=policy_digest,
        approvers=terms.approvers,
        roles=terms.roles,
        time_ms=time_ms,
        expires_at=time_ms + terms.wait_ms,
    )


def kept(hold: OpenHold, *, new: bool = False) -> Remember:
    """The claim that keeps a hold as it stands now; that of a new one is refused where its run keeps too much.

    It takes the room of all its approvals from the beginning: one that counts must not find that there is none.
    """
    room = " " * (_APPROVAL_BYTES * (hold.approvers - len(hold.approvals)))
    text = dumps_canonical({**fields_of(hold), "room": room})
    return Remember(hold.run_id, _NAME + hold.hold_id, text, label=_FULL, must=new)


def ended(hold: OpenHold) -> Remember:
    """The claim that ends it."""
    return Remember(hold.run_id, _NAME + hold.hold_id, "")


def in_time(hold: OpenHold) -> Deadline:
    """The claim that it has not expired."""
    return Deadline(hold.expires_at, _LATE)


def open_hold(facts: Mapping[str, str], hold_id: str) -> OpenHold | None:
    """The hold among what a run remembers."""
    text = facts.get(_NAME + hold_id)
    return hold_of(loads_strict(text, max_bytes=FACT_BYTES_MAX)) if text else None


def hold_of(fields: Mapping[str, Any]) -> OpenHold:
    """The hold of `fields_of`."""
    told = {name: fields[name] for name in _FIELDS}
    return OpenHold(**{**told, "roles": tuple(told["roles"]), "approvals": tuple(told["approvals"])})


def fields_of(hold: OpenHold) -> dict[str, Any]:
    """A hold as plain data."""
    return {name: getattr(hold, name) for name in _FIELDS}


def approved_by(hold: OpenHold, kid: str) -> OpenHold:
    """The hold with one more approval."""
    return changed(hold, approvals=(*hold.approvals, kid))
