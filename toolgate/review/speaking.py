"""Speaking: one signed vote about an item that the audit alone answers, and what it says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.inspection.awaiting import awaited
from toolgate.review.ballot import VOTES, Ballot
from toolgate.review.errors import VoteRefusedError
from toolgate.review.unresolved import TOPIC
from toolgate.schemas.codec import Codec
from toolgate.schemas.records import AuditEvent
from toolgate.sdk.errors import NoAnswerError
from toolgate.streams.gate.voted import REFUSED

if TYPE_CHECKING:
    from toolgate.inspection.search import Readers
    from toolgate.processors.keyring import StarterKey
    from toolgate.review.items import Item
    from toolgate.schemas.records import Vote
    from toolgate.schemas.registry import Registry
    from toolgate.streams.settings import Settings


class Speaker:
    """Somebody with a key. For one thread.

    Args:
        settings: where Kafka is and which prefix.
        readers: of its topics.
        key: the private key of an operator or an approver.
        registry: where schema ids come from.
    """

    def __init__(
        self, settings: Settings, readers: Readers, key: StarterKey, registry: Registry | None = None
    ) -> None:
        self.kid = key.kid
        self._settings = settings
        self._readers = readers
        self._ballot = Ballot(settings, key, registry)
        self._codec = Codec(AuditEvent, registry)

    def say(self, item: Item, vote: Vote, timeout_s: float) -> AuditEvent:
        """Sign a vote, send it, and wait until the gate has decided about it; what the audit says of it.

        Raises:
            VoteRefusedError: it does not count; says why.
            NotSentError: Kafka did not take it.
            NoAnswerError: nothing is said of it in time: the gate does not run.
        """
        partition = item.place[1]
        reader = self._readers(TOPIC)
        since = reader.span(partition)[1]
        self._ballot.cast(vote, partition)
        event = awaited(
            reader,
            {partition: since},
            self._codec,
            lambda one: one.topic == VOTES and one.intent_id == f"vote/{vote.vote_id}",
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
        return event
