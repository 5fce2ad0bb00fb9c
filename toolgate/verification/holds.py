"""Holds: what waits for people ends once, and is approved by enough different ones, in time, as it was asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from toolgate.verification.findings import Law

if TYPE_CHECKING:
    from toolgate.schemas.records import AuditEvent
    from toolgate.verification.findings import Findings

WORDS = frozenset({"votes", "ticks"})
COUNTED = "counted"
APPROVED = frozenset({"approved", "promoted"})
ENDS = APPROVED | {"denied", "rejected", "withdrawn", "expired"}
_MAKES = {"holds": "HOLD", "drafts": "DRAFT"}


@dataclass(slots=True)
class _Held:
    """What waits: its record as it was opened, None: no longer kept; who asked, who approved, and how it ended."""

    opened: Any
    asker: str
    approvers: set[str] = field(default_factory=set)
    end: str = ""


class Holds:
    """What was told of holds, or of drafts, event by event."""

    def __init__(self, topic: str, findings: Findings) -> None:
        self._makes = _MAKES.get(topic, "")
        self._findings = findings
        self._held: dict[str, _Held] = {}

    def opens(self, event: AuditEvent) -> bool:
        """Whether an event leaves something for people here."""
        return event.verdict == self._makes and not event.dry_run

    def knows(self, event: AuditEvent) -> bool:
        """Whether a word is about something that was opened here."""
        return event.command_id in self._held

    def wants(self, event: AuditEvent) -> bool:
        """Whether a word must be told here: one that counts."""
        return self.knows(event) and (event.note == COUNTED or event.note in ENDS)

    def see(self, event: AuditEvent, record: Any) -> None:
        """An event that leaves something here, or a word about it, with what was told; None: no longer kept."""
        if event.topic not in WORDS:
            self._held[f"{event.partition}-{event.offset}"] = _Held(record, event.agent_id)
            return
        held = self._held[event.command_id]
        fault = self._fault(event, held, record)
        if fault:
            self._findings.at(Law.HOLD, event, fault)
        if event.note in ENDS:
            held.end = event.note

    def _fault(self, event: AuditEvent, held: _Held, record: Any) -> str:
        note, hold = event.note, held.opened
        state = "open" if note in {COUNTED, "refused"} else note
        if record is not None and record.state != state:
            return f"is {note}, and people are told {record.state}"
        if note == "refused":
            return ""
        if held.end:
            return f"is {note}, and {event.command_id} was {held.end} before"
        if event.topic == "ticks":
            early = hold is not None and event.clk < hold.expires_at
            return f"ends {event.command_id}, which has time until {hold.expires_at}" if early else ""
        return self._approval(event, held, hold) if note == COUNTED or note in APPROVED else ""

    def _approval(self, event: AuditEvent, held: _Held, hold: Any) -> str:
        # Who asked is what the decision that opened it says: a vote's own event could name anybody.
        if event.kid in held.approvers or event.kid == held.asker or not event.kid:
            return f"counts {event.kid or 'nobody'}, who may not approve {event.command_id} (again)"
        held.approvers.add(event.kid)
        return _against(event, hold, len(held.approvers)) if hold is not None else ""


def _against(event: AuditEvent, hold: Any, approvals: int) -> str:
    """What the hold itself says against an approval that counts, or ""."""
    if event.clk > hold.expires_at:
        return f"counts after {event.command_id} has expired at {hold.expires_at}"
    if event.policy_digest != hold.policy_digest:
        return f"counts under another policy set than the one that held {event.command_id}"
    if event.note == COUNTED:
        return ""
    if approvals < hold.approvals_needed:
        return f"is {event.note} by {approvals}, and {hold.approvals_needed} are needed"
    digests = {op.args[2] for op in event.ops if op.op == "reserve"}
    return f"approves another call than {event.command_id}" if digests - {hold.digest} else ""
