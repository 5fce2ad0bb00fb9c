"""Told: what is said of a decision: its reasons, what did not count in shadow, and what the verdict would have been.

Pure. A stored decision that the chain of this process would not have made is refused here: it must not be published
under this process's name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.processors.reasons import Code
from toolgate.processors.refusals import refusal
from toolgate.processors.shadow import would_have
from toolgate.processors.verdicts import ordered
from toolgate.schemas.enums import Verdict
from toolgate.schemas.frozen import changed, frozen
from toolgate.schemas.records import Reason

if TYPE_CHECKING:
    from toolgate.processors.case import Case
    from toolgate.streams.gate.items import Item
    from toolgate.streams.ports import Decision


class DisagreementError(Exception):
    """A stored decision that this process would not have made: it must not publish it under its own name."""


@frozen
class Told:
    """Why a decision is what it is. `reasons` are of the published verdict, the most severe first."""

    reasons: tuple[Reason, ...] = ()
    shadow_reasons: tuple[Reason, ...] = ()  # those that did not count
    would_have: str = ""  # the verdict if nothing were in shadow; "" where nothing is
    grant: str = ""  # control id of the grant that the call was judged under; "" for none
    waived: tuple[Reason, ...] = ()  # those that did not count because of it


NOTHING = Told()


def told_of(item: Item, decision: Decision) -> Told:
    """What is said of a decision.

    Raises:
        DisagreementError: a decision stored by an earlier worker is not what this one's chain says.
    """
    told, case = _told_of(item, decision), item.case
    if case is None or case.grant is None or decision.verdict == Verdict.DUPLICATE or decision.conflict:
        return told
    return changed(told, grant=case.grant.control_id, waived=case.waived)


def _told_of(item: Item, decision: Decision) -> Told:
    case = item.case
    if case is None and item.ask.verdict != Verdict.APPROVE:
        return _of_no_case(item, decision)
    if decision.verdict == Verdict.DUPLICATE:
        return NOTHING
    if decision.conflict:
        because = "this id was used before with other content"
        return Told((Reason(Code.ID_CONFLICT, "intent_id", because),))
    refusals = _refusals(item, decision)
    if case is None:  # a run contract that nothing speaks against but, perhaps, the ledger
        return Told(ordered(refusals))
    recorded = case.verdict == Verdict.RECORDED
    if not refusals and not recorded and not case.shadow_reasons:
        return Told(case.reasons) if case.reasons else NOTHING  # the chain has ordered them
    return _with_shadow(case, refusals, recorded=recorded)


def _refusals(item: Item, decision: Decision) -> tuple[Reason, ...]:
    """What the ledger refused of what was asked; DisagreementError where it was asked something else."""
    ask, refused = item.ask, decision.refused
    claims = ask.always + ask.claims
    agreed = decision.verdict == (
        Verdict.DENY if refused and ask.verdict != Verdict.RECORDED else ask.verdict
    )
    fits = not refused or max(refused)[0] < len(claims)
    if not agreed or not fits or decision.policy_digest != ask.policy_digest:
        raise _disagreement(item, decision, ask.verdict)
    return tuple(refusal(claims[index], level) for index, level in refused)


def _with_shadow(case: Case, refusals: tuple[Reason, ...], *, recorded: bool) -> Told:
    """The ledger's reasons go to the others, or to those that do not count where the case is in shadow."""
    reasons = case.reasons if recorded else ordered((*case.reasons, *refusals))
    shadow = ordered((*case.shadow_reasons, *refusals)) if recorded else case.shadow_reasons
    return Told(reasons, shadow, would_have(case, reasons, shadow))


def _of_no_case(item: Item, decision: Decision) -> Told:
    """Of a result, a control record or a contract that does not count, and of what could not be read."""
    # Read by one worker and unreadable to another: an approval would be audited without its command.
    if decision.verdict != item.ask.verdict:
        raise _disagreement(item, decision, item.ask.verdict)
    if item.refused and decision.ops:
        raise DisagreementError(f"what counted at seq {decision.seq} does not count now")
    if item.refused:
        return Told((item.refused,))
    # Whatever settles has a note: else a result or a release would be audited that the ledger was not asked about.
    if item.ask.settle and not decision.note:
        raise DisagreementError(f"what did not count at seq {decision.seq} counts now")
    if item.reading.problem is not None:
        code, detail = item.reading.problem
        return Told((Reason(code.upper(), "decode", detail),))
    return NOTHING


def _disagreement(item: Item, decision: Decision, verdict: str) -> DisagreementError:
    envelope = item.reading.envelope
    return DisagreementError(
        f"{envelope.topic}-{envelope.partition}-{envelope.offset} was decided {decision.verdict} at seq "
        f"{decision.seq} under policy {decision.policy_digest}; "
        f"this worker says {verdict} under {item.ask.policy_digest}"
    )
