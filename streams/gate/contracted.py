"""Contracted: what is said of a run contract that was decided, to whoever starts the run and in the audit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.processors.reasons import Code
from toolgate.schemas.enums import Verdict
from toolgate.schemas.records import Outcome

if TYPE_CHECKING:
    from toolgate.schemas.records import Reason, RunContract
    from toolgate.streams.gate.items import Item
    from toolgate.streams.ports import Decision

# Notes of the audit; a result whose writer may not speak for its command is refused as well.
ACCEPTED, REFUSED = "accepted", "refused"


def outcome_of(
    item: Item, contract: RunContract, decision: Decision, reasons: tuple[Reason, ...]
) -> Outcome | None:
    """What its writer is told, under the contract's id; nobody is told whose writer is not proven.

    The verdict is RECORDED for one that counts, DENY for one that does not, DUPLICATE for one that was sent again.
    """
    if any(reason.code == Code.BAD_IDENTITY for reason in reasons):
        return None
    told = Verdict.DENY if reasons else Verdict.RECORDED
    return Outcome(
        intent_id=contract.contract_id,
        digest=item.reading.digest,
        seq=decision.seq,
        verdict=Verdict.DUPLICATE.value if decision.verdict == Verdict.DUPLICATE else told.value,
        codes=tuple(dict.fromkeys(reason.code for reason in reasons)),
    )


def note_of(item: Item, decision: Decision) -> str:
    """What the audit notes: whether it counts; "" of one that was sent again."""
    if decision.verdict == Verdict.DUPLICATE:
        return ""
    return REFUSED if item.refused or decision.verdict == Verdict.DENY else ACCEPTED
