"""Assigning: one signed word on who sees to an item."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.inspection.stretches import record_at
from toolgate.review.ballot import VOTES, new_vote_id
from toolgate.review.errors import VoteRefusedError
from toolgate.schemas.codec import Codec, DecodeError
from toolgate.schemas.enums import Choice
from toolgate.schemas.records import Vote
from toolgate.streams.errors import RefusedError
from toolgate.streams.gate.proposals import OPEN

if TYPE_CHECKING:
    from toolgate.inspection.search import Readers
    from toolgate.review.assignees import Assignee
    from toolgate.review.items import Item
    from toolgate.schemas.registry import Registry


def assigning_vote(item: Item, choice: Choice, kid: str, comment: str = "") -> Vote:
    """The vote that takes an item, takes it over or gives it back.

    Args:
        item: as it stands.
        choice: one of `ASSIGNS`.
        kid: key id of who signs.
        comment: for people; who takes over says why.

    Raises:
        VoteRefusedError: it would change nothing.
    """
    if fault := _fault(item, choice, kid, comment):
        raise VoteRefusedError(fault, item.id)
    return Vote(
        vote_id=new_vote_id(),
        hold_id=item.id,
        run_id=item.run_id,
        approver=kid,
        choice=choice.value,
        digest="",
        policy_digest="",
        comment=comment,
    )


def _fault(item: Item, choice: Choice, kid: str, comment: str) -> str:
    has = item.assignee.kid if item.assignee else ""
    if item.state != OPEN:
        return f"it is over: {item.kind} {item.id} is {item.state}"
    if choice == Choice.GIVE_BACK:
        return "" if has == kid else f"{has or 'nobody'} has it, not {kid}"
    if has == kid:
        return f"{kid} has it already"
    if choice == Choice.TAKE:
        return f"{has} has it: take it over, and say why" if has else ""
    if not has:
        return "nobody has it: just take it"
    return "" if comment.strip() else f"who takes it over from {has} says why"


def reason_of(assignee: Assignee, readers: Readers, registry: Registry | None = None) -> str:
    """Why somebody has taken an item over; "" where nothing was said, or it cannot be read any more."""
    try:
        envelope = record_at(readers(VOTES), *assignee.place)
        vote = Codec(Vote, registry).decode(envelope.value) if envelope else None
    except (RefusedError, DecodeError):
        return ""
    return vote.comment if vote else ""
