"""Audited: what an audit event says of an input and its decision. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolgate.processors import capture, voting
from toolgate.processors.claims import Charge, Count, Distinct, Spend
from toolgate.processors.run_contract import seen_id
from toolgate.schemas.enums import ASSIGNS, Choice, Kind, ResultStatus, Verdict
from toolgate.schemas.headers import kid_of
from toolgate.schemas.records import Balance, Control, Intent, Result, RunContract, Tick, Vote
from toolgate.streams.gate import contracted, voted
from toolgate.streams.ledger.taking import UNRESOLVED

if TYPE_CHECKING:
    from toolgate.processors.case import Case
    from toolgate.processors.claims import Label
    from toolgate.schemas.records import Reason
    from toolgate.streams.gate.items import Item
    from toolgate.streams.ports import Decision

_METERED = frozenset({Charge, Count, Spend, Distinct})  # claims on accounts that fill up


def id_of(record: object) -> str:
    """The id that its writer gave it: what duplicates share."""
    match record:
        case Intent() | Result():
            return record.intent_id
        case RunContract():
            return seen_id(record)
        case Vote():
            return voting.seen_id(record)
    return ""


def run_of(record: object) -> str:
    """The run that it belongs to; "" of control, and of what could not be read."""
    return record.run_id if isinstance(record, Intent | Result | RunContract | Vote | Tick) else ""


def verdict_of(item: Item, decision: Decision) -> str:
    """Only calls are approved, since an approval is what a command comes from; all else is recorded."""
    if item.case is None or (item.hold and decision.conflict):
        word = isinstance(item.reading.record, RunContract | Vote | Tick)
        return Verdict.RECORDED.value if word and decision.verdict != Verdict.DUPLICATE else decision.verdict
    reported = item.case.intent.kind != Kind.CALL
    return Verdict.RECORDED.value if reported and decision.verdict == Verdict.APPROVE else decision.verdict


def captured_of(item: Item) -> str:
    """What is kept of its content: what a policy asks for, or the figures of a control record that counts."""
    if item.case:
        return capture.captured(item.case)
    record = item.reading.record
    return capture.evidence_of(record) if isinstance(record, Control) and not item.refused else "{}"


def command_id(case: Case, decision: Decision) -> str:
    """The command's id, or "" when the decision makes none."""
    makes = decision.verdict == Verdict.APPROVE and case.intent.kind == Kind.CALL and not case.intent.dry_run
    return case.reserve.reservation_id if makes and case.reserve else ""


def command_of(item: Item, decision: Decision) -> str:
    """The command that it makes or is about; of a release, and of who sees to it, also the place of a record."""
    record = item.reading.record
    if isinstance(record, Result):
        return record.command_id
    if isinstance(record, Vote) and (releases(item) or assigns(item)):
        return record.hold_id
    if item.hold:
        return item.hold.hold_id
    return command_id(item.case, decision) if item.case else ""


def tool_of(item: Item) -> str:
    """The tool of what it is about."""
    record = item.reading.record
    if isinstance(record, Intent | Result) or (isinstance(record, Vote) and releases(item)):
        return record.tool
    return item.hold.tool if item.hold else ""


def note_of(item: Item, decision: Decision, reasons: tuple[Reason, ...]) -> str:
    """What came of everything but an intent."""
    match item.reading.record:
        case Vote() if releases(item):
            return decision.note or voted.RELEASED
        case Vote() as vote if assigns(item):
            return voted.ASSIGNED[Choice(vote.choice)]
        case Vote() | Tick():
            return voted.note_of(item, decision, reasons)
        case RunContract():
            return contracted.note_of(item, decision)
        case Result() as result:
            return contracted.REFUSED if item.refused else _note_of_result(result, decision)
    return ""


def _note_of_result(result: Result, decision: Decision) -> str:
    if result.status == ResultStatus.UNKNOWN and decision.ops:  # also where all was spent at once
        return UNRESOLVED
    return decision.note or (ResultStatus.STARTED.value if result.status == ResultStatus.STARTED else "")


def releases(item: Item) -> bool:
    """Whether it is a release that counts."""
    record = item.reading.record
    return isinstance(record, Vote) and record.choice == Choice.RELEASE and not item.refused


def assigns(item: Item) -> bool:
    """Whether it counts as who sees to something."""
    record = item.reading.record
    return isinstance(record, Vote) and record.choice in ASSIGNS and not item.refused


def writer_of(item: Item) -> str:
    """The key id of who wrote it; nothing was proven of what does not count or cannot be read."""
    if item.hold or item.voter:
        return item.voter
    if item.case:
        return item.case.kid
    if item.refused or item.reading.record is None:
        return ""
    return kid_of(item.reading.envelope.headers)


def balances_of(case: Case, decision: Decision) -> list[tuple[Label, Balance]]:
    """How the accounts of an intent stand since, for people, each with the label of the claim on it."""
    found = []
    claim: Any  # the type checker does not see that only what fills up has a limit
    for claim, (account, used) in zip(case.claims, decision.after, strict=False):
        if type(claim) in _METERED and claim.max is not None:
            label = claim.label
            found.append((label, Balance(account, label.unit, used, claim.max)))
    return found
