"""Releasing: what people say of a command whose outcome nobody knew, or of a record that nobody could read. Pure.

It approves nothing. Of a command it settles the reservation, once, as a late result would; a record is only put aside:
whoever wrote it has to write it again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from toolgate.processors.amounts import USD_MICROS
from toolgate.processors.claims import RELEASED, Settle
from toolgate.processors.identity import check_vote
from toolgate.processors.reasons import Code
from toolgate.processors.settling import amount_fault
from toolgate.processors.voting import astray_fault, form_fault, refused
from toolgate.schemas.frozen import frozen
from toolgate.schemas.records import Reason

if TYPE_CHECKING:
    from toolgate.processors.case import Envelope
    from toolgate.processors.world import World
    from toolgate.schemas.records import Vote

COMMAND = re.compile(r"[0-9]{1,9}-[0-9]{1,18}")
RECORD = re.compile(r"[a-z]{1,32}-([0-9]{1,9})-[0-9]{1,18}")


@frozen
class Release:
    """What a release asks of the ledger: nothing of a record, `settle` of a command. `voter`: whose word it is."""

    voter: str
    settle: Settle | None


def release_of(vote: Vote, envelope: Envelope, world: World) -> Release | Reason:
    """What a release does, or why it changes nothing; `envelope` is the vote's."""
    voter = check_vote(world.keys, envelope, vote)
    if isinstance(voter, str):
        return Reason(Code.BAD_IDENTITY, "identity", voter)
    if fault := form_fault(vote) or _fault(vote) or place_fault(vote, envelope, world):
        return refused(fault)
    if not COMMAND.fullmatch(vote.hold_id):
        return Release(voter.kid, None)
    costs = () if vote.cost_micros is None else ((USD_MICROS, vote.cost_micros),)
    return Release(
        voter.kid,
        Settle(vote.hold_id, vote.digest, vote.tool, void=not vote.happened, actuals=costs, says=RELEASED),
    )


def _fault(vote: Vote) -> str:
    if fault := amount_fault(vote.cost_micros):
        return f"cost_micros {fault}"
    if COMMAND.fullmatch(vote.hold_id):
        if vote.happened is None:
            return "it does not say whether the effect happened"
        return "what has not happened has no cost" if vote.cost_micros and not vote.happened else ""
    if not RECORD.fullmatch(vote.hold_id):
        return f"{vote.hold_id[:64]!r} is neither a command nor the place of a record"
    return "of a record that nobody could read nothing happened" if vote.happened or vote.cost_micros else ""


def place_fault(vote: Vote, envelope: Envelope, world: World) -> str:
    """A command's is decided in its run's order; a record's lies with it, so that who reads one reads the other."""
    if record := RECORD.fullmatch(vote.hold_id):
        return "" if int(record[1]) == envelope.partition else f"the record lies in partition {record[1]}"
    return astray_fault(envelope, vote.run_id, vote.hold_id, world.partitions)
