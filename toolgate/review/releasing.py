"""Releasing: one signed word on what nobody knew, or nobody could read, and what the gate makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolgate.review.ballot import new_vote_id
from toolgate.review.errors import VoteRefusedError
from toolgate.review.items import ItemKind
from toolgate.review.unresolved import Begun
from toolgate.schemas.enums import Choice
from toolgate.schemas.records import Vote

if TYPE_CHECKING:
    from toolgate.review.items import Item
    from toolgate.review.speaking import Speaker
    from toolgate.schemas.records import AuditEvent

# What the gate has made of a release that counts, by the note of its audit event.
MEANINGS = {
    "void": "what was reserved for it is free again",
    "settled": "it is settled with what you said",
    "late": "it is settled with what you said",
    "uncovered": "it is settled; it cost more than was there",
    "ended": "it had been settled before: that stays",
    "unknown": "the ledger has forgotten its reservation: it stays spent in full",
    "released": "it is put aside; nothing was done",
}
_WHY = {
    "running": "its executor has time until the command expires; then it counts",
    "mismatch": "it names another call than the one that was commanded",
}


@dataclass(frozen=True, slots=True)
class Word:
    """What happened to a command: whether its effect did, and what it cost; None: what was reserved."""

    happened: bool
    cost_micros: int | None = None


def release_vote(item: Item, kid: str, word: Word | None, comment: str = "") -> Vote:
    """The vote that releases an item.

    Args:
        item: an outcome or a record.
        kid: key id of who signs.
        word: what happened; None of a record.
        comment: for people.

    Raises:
        VoteRefusedError: it is not of that kind.
    """
    if item.kind not in {ItemKind.OUTCOME, ItemKind.RECORD}:
        raise VoteRefusedError(f"it is a {item.kind}: approve, promote, reject or withdraw it", item.id)
    if (item.kind == ItemKind.OUTCOME) != (word is not None):
        wanted = (
            "say what happened: --happened or --did-not"
            if word is None
            else "nothing happened: say so of commands"
        )
        raise VoteRefusedError(f"it is the {item.kind} {item.id}; {wanted}", item.id)
    begun = item.subject if isinstance(item.subject, Begun) else None
    return Vote(
        vote_id=new_vote_id(),
        hold_id=item.id,
        run_id=item.run_id,
        approver=kid,
        choice=Choice.RELEASE.value,
        digest=begun.digest if begun else "",
        policy_digest=begun.approved.policy_digest if begun else "",
        comment=comment,
        tool=item.tool,
        happened=word.happened if word else None,
        cost_micros=word.cost_micros if word else None,
        tenant=item.tenant if begun else "",
        workflow_id=item.workflow_id if begun else "",
    )


def released(speaker: Speaker, item: Item, word: Word | None, comment: str, timeout_s: float) -> AuditEvent:
    """Release an item, and wait until the gate has decided about it; what the audit says of it.

    Raises:
        VoteRefusedError: it changes nothing; says why.
        NotSentError, NoAnswerError: as `Speaker.say`.
    """
    event = speaker.say(item, release_vote(item, speaker.kid, word, comment), timeout_s)
    if event.note in _WHY:
        raise VoteRefusedError(_WHY[event.note], item.id)
    return event
