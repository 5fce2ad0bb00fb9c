"""The ballot: signed votes on their way to the gate."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from toolgate.schemas.codec import Codec
from toolgate.schemas.headers import event_headers
from toolgate.schemas.records import Vote
from toolgate.sdk.sender import Sender

if TYPE_CHECKING:
    from toolgate.processors.keyring import StarterKey
    from toolgate.schemas.registry import Registry
    from toolgate.streams.settings import Settings

VOTES = "votes"
SOURCE = "/toolgate/approvers"


def new_vote_id() -> str:
    """One that nobody has used."""
    return f"vote-{secrets.token_hex(8)}"


class Ballot:
    """Signs and sends votes with one key. For one thread."""

    def __init__(self, settings: Settings, key: StarterKey, registry: Registry | None = None) -> None:
        self._codec = Codec(Vote, registry)
        self._sender = Sender(settings, key)

    def cast(self, vote: Vote, partition: int) -> None:
        """Send a vote, and wait until Kafka has it.

        Raises:
            NotSentError: Kafka did not take it.
        """
        headers = event_headers("toolgate.vote.v1", vote.vote_id, SOURCE, subject=vote.run_id)
        value = self._codec.encode(vote)
        key = vote.run_id.encode()
        self._sender.deliver(VOTES, key, value, headers, partition, "vote", "vote again")
