"""Releasing: one signed word on what nobody knew, or nobody could read, and what the gate makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolgate.inspection.awaiting import awaited
from toolgate.review.ballot import Ballot, new_vote_id
from toolgate.review.errors import VoteRefusedError
from toolgate.review.items import ItemKind
from toolgate.review.unresolved import TOPIC, Begun
from toolgate.schemas.codec import Codec
from toolgate.schemas.enums import Choice
from toolgate.schemas.records import AuditEvent, Vote
from toolgate.sdk.errors import NoAnswerError
from toolgate.streams.gate.voted import REFUSED

if TYPE_CHECKING:
    from toolgate.inspection.search import Readers
    from toolgate.processors.keyring import StarterKey
    from toolgate.review.items import Item
    from toolgate.schemas.registry import Registry
    from toolgate.streams.settings import Settings

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


class Releaser:
    """Somebody who releases. For one thread.

    Args:
        settings: where Kafka is and which prefix.
        readers: of its topics.
        key: the private key of an operator or an approver.
        registry: where schema ids come from.
    """

    def __init__(
        self, settings: Settings, readers: Readers, key: StarterKey, registry: Registry | None = None
    ) -> None:
        self._settings = settings
        self._readers = readers
        self._kid = key.kid
        self._ballot = Ballot(settings, key, registry)
        self._codec = Codec(AuditEvent, registry)

    def release(self, item: Item, word: Word | None, comment: str, timeout_s: float) -> AuditEvent:
        """Sign a release, send it, and wait until the gate has decided about it; what the audit says of it.

        Raises:
            VoteRefusedError: it changes nothing; says why.
            NotSentError: Kafka did not take it.
            NoAnswerError: nothing is said of it in time: the gate does not run.
        """
        vote = release_vote(item, self._kid, word, comment)
        partition = item.place[1]
        reader = self._readers(TOPIC)
        since = reader.span(partition)[1]
        self._ballot.cast(vote, partition)
        event = awaited(
            reader,
            {partition: since},
            self._codec,
            lambda one: one.topic == "votes" and one.intent_id == f"vote/{vote.vote_id}",
            timeout_s,
        )
        if event is None:
            raise NoAnswerError(
                f"nothing was said of vote {vote.vote_id} in {timeout_s:g} s",
                where=self._settings.topic(TOPIC),
                remedy="see that a gate runs",
            )
        if event.note == REFUSED:
            raise VoteRefusedError("; ".join(r.because or r.code for r in event.reasons), item.id)
        if event.note in _WHY:
            raise VoteRefusedError(_WHY[event.note], item.id)
        return event
