"""Events: what is told of holds, drafts, overdue items and alerts. Pure.

The same record gives the same event with the same id, whoever tells it and however often: receivers keep ids, and drop
what they have had.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import orjson

from toolgate.schemas.enums import AlertKind
from toolgate.schemas.records import Alert, Draft, Hold
from toolgate.schemas.strict_json import JsonError, loads_strict
from toolgate.streams.gate.proposals import OPEN, id_of

if TYPE_CHECKING:
    from toolgate.review.items import Item

_SHOWN_BYTES_MAX = 1_048_576
# Of an alert's evidence. What a call costs is often what it asks for: an amount. And people's words may hold anything.
_ASKED = frozenset({"cost_micros", "reason"})
_TIME_MS_MAX = 253_402_300_799_000  # the last second of the year 9999


class EventType(StrEnum):
    """What there is to tell."""

    HOLD_OPENED = "hold.opened"
    HOLD_ENDED = "hold.ended"
    DRAFT_OPENED = "draft.opened"
    DRAFT_ENDED = "draft.ended"
    ITEM_OVERDUE = "item.overdue"
    ALERT_RAISED = "alert.raised"
    SAMPLE_DRAWN = "sample.drawn"  # an alert as well, which wakes nobody


@dataclass(frozen=True, slots=True)
class Event:
    """Something to tell.

    Attributes:
        id: the same however often it is told.
        at_ms: when it happened, epoch milliseconds.
        workflow_id: whose; "" for no single one.
        data: for whoever is told, without what calls ask.
        asked: what the call asks, as its policy shows it, and what people have written; told only to endpoints that are
            shown parameters.
    """

    id: str
    type: EventType
    at_ms: int
    workflow_id: str
    data: dict[str, Any]
    asked: dict[str, Any] | None = None

    def body(self, *, parameters: bool) -> bytes:
        """The request's body: the same bytes whenever it is told."""
        data = self.data | self.asked if parameters and self.asked is not None else self.data
        return orjson.dumps({"type": self.type, "timestamp": _iso(self.at_ms), "data": data})


def of_record(record: Hold | Draft | Alert, at_ms: int, prefix: str) -> Event | None:
    """What a record tells; None of a vote that ends nothing.

    Args:
        record: of holds, drafts or alerts.
        at_ms: when the broker appended it; 0: it does not say, then it is as old as its decision.
        prefix: of the topics; ids of several do not meet.
    """
    if isinstance(record, Alert):
        return _alert(record, prefix)
    if record.refused or (record.state == OPEN and record.vote_id):
        return None
    word = "opened" if record.state == OPEN else "ended"
    kind = "hold" if isinstance(record, Hold) else "draft"
    event_type = EventType(f"{kind}.{word}")
    name = _id(prefix, event_type, id_of(record))
    event = Event(name, event_type, at_ms or record.clk, record.workflow_id, _waiting(record, kind))
    return replace(event, asked=_asked(record)) if word == "opened" else event


def of_overdue(item: Item, prefix: str) -> Event:
    """What is told once somebody should have answered."""
    data = {
        "id": item.id,
        "kind": item.kind,
        "tenant": item.tenant,
        "workflow_id": item.workflow_id,
        "run_id": item.run_id,
        "agent_id": item.agent_id,
        "tool": item.tool,
        "owner": item.owner,
        "roles": item.roles,
        "since": _iso(item.since_ms),
        "answer_by": _iso(item.answer_by_ms),
        "expires_at": _iso(item.expires_ms) if item.expires_ms else None,
    }
    name = _id(prefix, EventType.ITEM_OVERDUE, f"{item.kind}\n{item.id}\n{item.answer_by_ms}")
    return Event(name, EventType.ITEM_OVERDUE, item.answer_by_ms, item.workflow_id, data)


def _alert(alert: Alert, prefix: str) -> Event:
    evidence = _json(alert.evidence)
    known = evidence if isinstance(evidence, dict) else {}
    shown = {name: value for name, value in known.items() if name not in _ASKED}
    data = {
        "id": alert.alert_id,
        "kind": alert.kind,
        "severity": alert.severity,
        "tenant": alert.tenant,
        "workflow_id": alert.workflow_id,
        "run_id": alert.run_id,
        "subject": alert.subject,
        "summary": alert.summary,
        "evidence": shown,
        "seq": alert.seq,
    }
    # Whoever raises it again dates it again: the ledger's time is that of its cause.
    told = EventType.SAMPLE_DRAWN if alert.kind == AlertKind.SAMPLE else EventType.ALERT_RAISED
    name = _id(prefix, told, alert.alert_id)
    return Event(name, told, alert.clk, alert.workflow_id, data, {"evidence": evidence})


def _waiting(record: Hold | Draft, kind: str) -> dict[str, Any]:
    return {
        "id": id_of(record),
        "kind": kind,
        "state": record.state,
        "tenant": record.tenant,
        "workflow_id": record.workflow_id,
        "run_id": record.run_id,
        "agent_id": record.agent_id,
        "intent_id": record.intent_id,
        "tool": record.tool,
        "tool_version": record.tool_version,
        "policy_digest": record.policy_digest,
        "seq": record.seq,
        "approvals_needed": record.approvals_needed,
        "approvals": record.approvals,
        "roles": record.roles,
        "owner": record.owner,
        "answer_by": _iso(record.answer_by) if record.answer_by else None,
        "expires_at": _iso(record.expires_at),
        "voter": record.voter,
        "choice": record.choice,
        # A rule's own sentence is its author's; others may quote what was asked.
        "reasons": [{"code": reason.code, "rule": reason.rule} for reason in record.reasons],
    }


def _asked(record: Hold | Draft) -> dict[str, Any]:
    """What an approver sees of the call: parameters as far as its policy does not redact them.

    The digest with it: of what is guessed, it says whether it is so.
    """
    return {
        "asked": _json(record.diff),
        "digest": record.digest,
        "records": record.records,
        "cost_micros": record.cost_micros,
        "why": [reason.because for reason in record.reasons if reason.because],
    }


def _json(text: str) -> Any:
    try:
        return loads_strict(text, max_bytes=_SHOWN_BYTES_MAX)
    except JsonError:
        return text


def _id(prefix: str, event_type: EventType, subject: str) -> str:
    """Of letters that a header takes, whatever the subject is called."""
    return "msg_" + blake2b(f"{prefix}\n{event_type}\n{subject}".encode(), digest_size=16).hexdigest()


def _iso(time_ms: int) -> str:
    """A time that has no date is the nearest that has: no record may be one that nobody can be told of."""
    return (
        datetime.fromtimestamp(min(max(time_ms, 0), _TIME_MS_MAX) / 1000, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )
