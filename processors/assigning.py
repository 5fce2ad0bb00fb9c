"""Assigning: who sees to what waits for people: taken, taken over from somebody, or given back. Pure.

It decides nothing and gives nobody a right: the ledger is asked nothing, votes count as before. Who has an item is a
fold of what is noted of these words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.processors.identity import check_vote
from toolgate.processors.reasons import Code
from toolgate.processors.releasing import COMMAND, RECORD, place_fault
from toolgate.processors.voting import form_fault, refused
from toolgate.schemas.enums import Choice
from toolgate.schemas.records import Reason

if TYPE_CHECKING:
    from toolgate.processors.case import Envelope
    from toolgate.processors.world import World
    from toolgate.schemas.records import Vote


def assigned_by(vote: Vote, envelope: Envelope, world: World) -> str | Reason:
    """Key id of who says who sees to an item, or why that changes nothing; `envelope` is the vote's."""
    voter = check_vote(world.keys, envelope, vote)
    if isinstance(voter, str):
        return Reason(Code.BAD_IDENTITY, "identity", voter)
    if fault := form_fault(vote) or _fault(vote) or place_fault(vote, envelope, world):
        return refused(fault)
    return voter.kid


def _fault(vote: Vote) -> str:
    if not COMMAND.fullmatch(vote.hold_id) and not RECORD.fullmatch(vote.hold_id):
        return f"{vote.hold_id[:64]!r} names nothing that waits for people"
    if vote.choice == Choice.TAKE_OVER and not vote.comment.strip():
        return "who takes something over from somebody says why"
    return ""
