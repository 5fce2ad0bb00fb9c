"""Voted: what is said of a hold after a vote or a tick: to people on its topic, to the agent once it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.processors.holds import LATE
from toolgate.processors.reasons import Code
from toolgate.schemas.enums import Choice, Verdict
from toolgate.schemas.records import Draft, Hold, Outcome, Tick, Vote
from toolgate.streams.gate.proposals import OPEN, told_of

if TYPE_CHECKING:
    from toolgate.processors.holds import OpenHold
    from toolgate.schemas.records import Reason
    from toolgate.streams.gate.items import Item
    from toolgate.streams.ports import Decision

# States of a hold, and notes of the audit. A draft that is approved is promoted.
APPROVED, PROMOTED, DENIED = "approved", "promoted", "denied"
REJECTED, WITHDRAWN, EXPIRED = "rejected", "withdrawn", "expired"
COUNTED, REFUSED = "counted", "refused"
RELEASED = "released"  # of a record that could not be read
TAKEN, TAKEN_OVER, GIVEN_BACK = "taken", "taken_over", "given_back"  # of whatever waits
ENDS = frozenset({APPROVED, PROMOTED, DENIED, REJECTED, WITHDRAWN, EXPIRED})
ASSIGNED = {Choice.TAKE: TAKEN, Choice.TAKE_OVER: TAKEN_OVER, Choice.GIVE_BACK: GIVEN_BACK}

_CODES = {REJECTED: Code.HOLD_REJECTED, WITHDRAWN: Code.HOLD_WITHDRAWN, EXPIRED: Code.HOLD_EXPIRED}


def state_of(item: Item, decision: Decision, reasons: tuple[Reason, ...]) -> str:
    """How a hold stands after a word on it; "" where nothing is said: there is none, or the voter is a stranger."""
    record, hold = item.reading.record, item.hold
    if hold is None or decision.verdict == Verdict.DUPLICATE:
        return ""
    if isinstance(record, Tick):
        return "" if item.refused else EXPIRED
    if not item.voter:
        return ""
    if not _counts(item, decision) or item.after is not None:
        return OPEN  # of one that came too late, a tick will say so
    if item.case is not None:
        return _judged(hold, decision, reasons)
    return REJECTED if isinstance(record, Vote) and record.choice == Choice.REJECT else WITHDRAWN


def _judged(hold: OpenHold, decision: Decision, reasons: tuple[Reason, ...]) -> str:
    if decision.verdict == Verdict.APPROVE:
        return APPROVED if hold.kind == Verdict.HOLD else PROMOTED
    return EXPIRED if any(reason.rule == LATE for reason in reasons) else DENIED


def _counts(item: Item, decision: Decision) -> bool:
    """Whether a word changed something: a late one does not, but the last vote ends its hold all the same."""
    late = item.case is None and decision.verdict == Verdict.DENY
    return not (item.refused or decision.conflict or late)


def note_of(item: Item, decision: Decision, reasons: tuple[Reason, ...]) -> str:
    """What the audit notes of a vote or a tick; "" of one that was sent again."""
    if decision.verdict == Verdict.DUPLICATE:
        return ""
    if not _counts(item, decision):
        return REFUSED
    state = state_of(item, decision, reasons)
    return COUNTED if state == OPEN else state


def record_of(item: Item, decision: Decision, reasons: tuple[Reason, ...]) -> Hold | Draft | None:
    """What people are told on the topic where it was opened; nothing of what a stranger wrote."""
    state, hold, vote = state_of(item, decision, reasons), item.hold, item.reading.record
    if not state or hold is None:
        return None
    told = told_of(hold, decision, reasons) | {"state": state, "approvals": _approvals(item, hold, state)}
    if isinstance(vote, Vote):
        why = "; ".join(reason.because or reason.code for reason in reasons)
        told |= {
            "vote_id": vote.vote_id,
            "voter": item.voter,
            "choice": vote.choice,
            "comment": vote.comment,
            "refused": "" if _counts(item, decision) else why,
        }
    if hold.kind == Verdict.DRAFT:
        return Draft(draft_id=hold.hold_id, twin=hold.twin, **told)
    return Hold(hold_id=hold.hold_id, **told)


def _approvals(item: Item, hold: OpenHold, state: str) -> tuple[str, ...]:
    if item.after is not None and state == OPEN:
        return item.after.approvals
    return (*hold.approvals, item.voter) if state in {APPROVED, PROMOTED} else hold.approvals


def outcome_of(item: Item, decision: Decision, reasons: tuple[Reason, ...]) -> Outcome | None:
    """What the agent is told of a hold that ended without being judged again."""
    hold, state = item.hold, state_of(item, decision, reasons)
    if hold is None or item.case is not None or state not in _CODES:
        return None
    return Outcome(
        intent_id=hold.intent_id,
        digest=hold.digest,
        seq=decision.seq,
        verdict=Verdict.DENY.value,
        codes=(_CODES[state].value,),
        hold_id=hold.hold_id,
    )
