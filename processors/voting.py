"""Voting: what one vote, or one tick, does to the hold that it is about. Pure."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from typing import TYPE_CHECKING, Any

from toolgate.processors.case import Envelope
from toolgate.processors.holds import approved_by, ended, in_time, kept
from toolgate.processors.identity import check_vote
from toolgate.processors.names import id_fault
from toolgate.processors.placement import astray
from toolgate.processors.reasons import Code
from toolgate.schemas.enums import Choice, Verdict
from toolgate.schemas.frozen import changed, frozen
from toolgate.schemas.headers import KID, MAC
from toolgate.schemas.records import Reason

if TYPE_CHECKING:
    from toolgate.processors.case import Case
    from toolgate.processors.claims import Claim
    from toolgate.processors.holds import OpenHold
    from toolgate.processors.identity import Voter
    from toolgate.processors.world import World
    from toolgate.schemas.records import Tick, Vote

INTENTS = "intents"
HOLD_EXPIRY = "hold_expiry"  # what a tick says that is due
COMMENT_CHARS_MAX = 1_000
_PLACE = re.compile(r"(0|[1-9][0-9]{0,8})-(0|[1-9][0-9]{0,17})")

_WAITING = {
    Verdict.RECORDED: "its workflow is in shadow now, where nothing is commanded",
    Verdict.HOLD: "more people, or others, must decide about it now than have: the agent must ask again",
    Verdict.DRAFT: "it would become a draft now, and not be held: the agent must ask again",
}


@frozen
class Step:
    """What a word does to a hold.

    Attributes:
        refused: why it changes nothing.
        voter: key id of who votes, once that is proven.
        after: the hold as it stands then; None where the word ends it.
        claims: what is asked of the ledger.
        last: it is the last approval: the call is judged again, and what comes of that ends the hold.
    """

    refused: Reason | None = None
    voter: str = ""
    after: OpenHold | None = None
    claims: tuple[Claim, ...] = ()
    last: bool = False


def seen_id(vote: Vote) -> str:
    """What a vote's id is remembered under: ids of intents have no slash, so neither uses up the other's."""
    return f"vote/{vote.vote_id}"


def refused(because: str) -> Reason:
    """The reason of a vote that changes nothing."""
    return Reason(Code.VOTE_REFUSED, "vote", because)


def nothing_waits(hold_id: str, run_id: str) -> Reason:
    """... of one whose hold is not there."""
    return refused(f"nothing waits as {hold_id[:64]} in run {run_id[:128]}: it is over, or never was")


def step_of_tick(tick: Tick, hold: OpenHold, time_ms: int) -> Step:
    """A hold ends when it has expired; who says so does not matter.

    Args:
        tick: what is said to be due.
        hold: what it is about.
        time_ms: when the broker appended the tick.
    """
    if tick.what != HOLD_EXPIRY:
        return Step(refused(f"{tick.what[:64]!r} is nothing that comes due here"))
    if time_ms < hold.expires_at:
        return Step(refused(f"the hold has {hold.expires_at - time_ms} ms left"))
    return Step(claims=(ended(hold),))


def step_of_vote(vote: Vote, hold: OpenHold, envelope: Envelope, world: World) -> Step:
    """What a vote does to its hold as it stands; `envelope` is the vote's."""
    voter = check_vote(world.keys, envelope, vote)
    if isinstance(voter, str):
        return Step(Reason(Code.BAD_IDENTITY, "identity", voter))
    if fault := form_fault(vote) or _fault(vote, hold, voter, world):
        return Step(refused(fault), voter.kid)
    if vote.choice != Choice.APPROVE:
        return Step(None, voter.kid, None, (in_time(hold), ended(hold)))
    after = approved_by(changed(hold, approvals=_still(hold, world)), voter.kid)
    if len(after.approvals) < hold.approvers:
        return Step(None, voter.kid, after, (in_time(hold), kept(after)))
    return Step(None, voter.kid, last=True)


def _still(hold: OpenHold, world: World) -> tuple[str, ...]:
    """Those who have approved and still may: a key that was taken away approves nothing any more."""
    if world.keys.insecure_dev:
        return hold.approvals
    roles = frozenset(hold.roles)
    return tuple(
        kid
        for kid in hold.approvals
        if (key := world.keys.operators.get(kid)) is not None and key.approves_as & roles
    )


def still_waits(case: Case) -> str:
    """Why a call that was judged again for a last vote goes on waiting, or ""."""
    if any(reason.code == Code.BAD_IDENTITY for reason in case.reasons):
        return "the intent that it carries is not signed with a key of its workflow that holds now"
    return _WAITING.get(case.verdict, "")


def astray_fault(envelope: Envelope, run_id: str, hold_id: str, partitions: int) -> str:
    """Why a vote or a tick lies where its hold cannot be decided about in order, or ""."""
    if fault := astray(envelope, run_id, partitions):
        return fault
    home = hold_id.partition("-")[0]
    return "" if home == str(envelope.partition) else f"what it is about lies in partition {home[:20]}"


def form_fault(vote: Vote) -> str:
    """What is wrong with what every vote has, or ""."""
    if fault := id_fault(vote.vote_id):
        return f"vote_id {fault}"
    if len(vote.comment) > COMMENT_CHARS_MAX:
        return f"its comment has {len(vote.comment):,} characters, at most {COMMENT_CHARS_MAX:,} are allowed"
    if vote.choice not in set(Choice):
        return f"choice {vote.choice[:64]!r} is none of {', '.join(Choice)}"
    return ""


def _fault(vote: Vote, hold: OpenHold, voter: Voter, world: World) -> str:
    """Why a well-formed vote whose writer is proven changes nothing, or ""."""
    if vote.digest != hold.digest:
        return "it names another intent than the one that waits: digest differs"
    if vote.choice == Choice.WITHDRAW:
        return ""
    if voter.roles is not None and not voter.roles & frozenset(hold.roles):
        return f"key {voter.kid} has none of the roles {', '.join(hold.roles)}"
    if voter.kid == hold.agent_id:
        return "nobody decides about what they have asked for"
    return _approval_fault(vote, hold, voter, world) if vote.choice == Choice.APPROVE else ""


def _approval_fault(vote: Vote, hold: OpenHold, voter: Voter, world: World) -> str:
    if vote.policy_digest != hold.policy_digest:
        return "it names another policy set than the one that held the call: policy_digest differs"
    if hold.policy_digest != world.policies.digest:
        return (
            "other policies are in force now: this hold cannot be approved any more, the agent must ask again"
        )
    if voter.kid in hold.approvals:
        return f"key {voter.kid} has approved it already"
    return ""


def carrying(intent: Envelope) -> dict[str, Any]:
    """The fields of a vote that carry an intent, as it lies on its topic."""
    headers = dict(intent.headers)
    return {
        "intent": b64encode(intent.value or b"").decode(),
        "intent_kid": headers.get(KID, b"").decode("ascii", "replace"),
        "intent_mac": headers.get(MAC, b"").hex(),
    }


def carried(vote: Vote, time_ms: int) -> Envelope | None:
    """The intent that a vote carries, where it lay; None where that cannot be read.

    Args:
        vote: as it was written.
        time_ms: when the broker appended the intent.
    """
    place = _PLACE.fullmatch(vote.hold_id)
    try:
        value, tag = b64decode(vote.intent, validate=True), bytes.fromhex(vote.intent_mac)
    except (Base64Error, ValueError):
        return None
    if place is None:
        return None
    headers = ((KID, vote.intent_kid.encode()), (MAC, tag)) if vote.intent_kid else ()
    return Envelope(INTENTS, int(place[1]), int(place[2]), time_ms, vote.run_id.encode(), value, headers)
