"""Voting: one signed vote on what waits, and what the gate makes of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from toolgate.inspection.awaiting import awaited
from toolgate.inspection.search import Readers
from toolgate.inspection.stretches import record_at
from toolgate.processors.voting import carrying
from toolgate.review.ballot import Ballot, new_vote_id
from toolgate.review.errors import VoteRefusedError
from toolgate.review.waiting import TOPICS, Waiting, read
from toolgate.schemas.codec import Codec
from toolgate.schemas.enums import Choice
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Vote
from toolgate.sdk.errors import NoAnswerError
from toolgate.streams.errors import RefusedError
from toolgate.streams.gate.proposals import OPEN

if TYPE_CHECKING:
    from types import TracebackType

    from toolgate.processors.case import Envelope
    from toolgate.processors.keyring import StarterKey
    from toolgate.schemas.records import Draft, Hold
    from toolgate.schemas.registry import Registry
    from toolgate.streams.settings import Settings

TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Cast:
    """A vote that counts, and how what it was about stands since."""

    vote: Vote
    told: Hold | Draft


class Reviewer:
    """Somebody who votes. A context manager; for one thread.

    Args:
        settings: where Kafka is and which prefix.
        key: the private key of an approver, or of a starter who withdraws.
        registry: where schema ids come from.

    Raises:
        UnreachableError: Kafka does not answer.
    """

    def __init__(self, settings: Settings, key: StarterKey, registry: Registry | None = None) -> None:
        self._settings = settings
        self._key = key
        self._registry = registry
        self._readers = Readers(settings)
        self._ballot = Ballot(settings, key, registry)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._readers.__exit__(kind, error, trace)

    def find(self, wanted: str) -> Waiting:
        """What waits under an id.

        Raises:
            VoteRefusedError: nothing does, or it is over.
        """
        found = read(self._readers, self._registry).by_id.get(wanted)
        if found is None:
            raise VoteRefusedError(f"nothing waits as {wanted!r}", wanted)
        state = found.state(time.time_ns() // 1_000_000)
        if state != OPEN:
            raise VoteRefusedError(f"it is over: {found.kind} {wanted} is {state}", wanted)
        return found

    def intent(self, waiting: Waiting) -> Envelope:
        """The intent that waits, as it lies on its topic.

        Raises:
            RefusedError: it is no longer kept, or intents may not be read.
        """
        held = waiting.opened
        partition, offset = held.body_partition, held.body_offset
        envelope = record_at(self._readers(held.body_topic), partition, offset)
        if envelope is not None:
            return envelope
        raise RefusedError(
            "the intent is no longer there",
            where=f"{self._settings.topic(held.body_topic)}[{partition}] at {offset}",
            remedy="let the agent ask again",
        )

    def vote(self, waiting: Waiting, choice: Choice, comment: str = "", timeout_s: float = TIMEOUT_S) -> Cast:
        """Sign a vote, send it, and wait until the gate has decided about it.

        Args:
            waiting: as `find` gives it: the vote is about exactly what was seen there.
            choice: approve, reject or withdraw.
            comment: why, for people.
            timeout_s: seconds to wait for the answer.

        Raises:
            VoteRefusedError: it changes nothing; says why.
            NotSentError: Kafka did not take it.
            NoAnswerError: nothing is said of it in time: the gate does not run, or does not know the key.
        """
        held = waiting.opened
        vote = Vote(
            vote_id=new_vote_id(),
            hold_id=waiting.id,
            run_id=held.run_id,
            approver=self._key.kid,
            choice=choice.value,
            digest=held.digest,
            policy_digest=held.policy_digest,
            comment=comment,
        )
        if choice == Choice.APPROVE:
            vote = changed(vote, **carrying(self.intent(waiting)))
        topic = "holds" if waiting.kind == "hold" else "drafts"
        since = self._readers(topic).span(waiting.partition)[1]
        self._ballot.cast(vote, waiting.partition)
        told = self._told(topic, waiting.partition, since, vote, timeout_s)
        if told.refused:
            raise VoteRefusedError(told.refused, waiting.id)
        return Cast(vote, told)

    def _told(self, topic: str, partition: int, since: int, vote: Vote, timeout_s: float) -> Hold | Draft:
        codec: Codec[Any] = Codec(TOPICS[topic], self._registry)
        told: Hold | Draft | None = awaited(
            self._readers(topic),
            {partition: since},
            codec,
            lambda record: record.vote_id == vote.vote_id,
            timeout_s,
        )
        if told is not None:
            return told
        raise NoAnswerError(
            f"nothing was said of vote {vote.vote_id} in {timeout_s:g} s",
            where=self._settings.topic(topic),
            remedy="see that a gate runs and that its keyring has this key as an approver's; the audit says more",
        )
