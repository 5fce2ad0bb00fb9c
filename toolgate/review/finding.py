"""Finding: what somebody says of a completed command, signed, on its way to the watch."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from toolgate.schemas.codec import Codec
from toolgate.schemas.headers import event_headers
from toolgate.schemas.records import Review
from toolgate.sdk.sender import Sender

if TYPE_CHECKING:
    from toolgate.processors.keyring import StarterKey
    from toolgate.schemas.records import Command
    from toolgate.schemas.registry import Registry
    from toolgate.streams.settings import Settings

REVIEWS = "reviews"
SOURCE = "/toolgate/approvers"


class Finder:
    """Signs and sends what one person finds. For one thread.

    Raises:
        UnreachableError: Kafka does not answer.
    """

    def __init__(self, settings: Settings, key: StarterKey, registry: Registry | None = None) -> None:
        self._key = key
        self._codec = Codec(Review, registry)
        self._sender = Sender(settings, key)

    def say(self, command: Command, finding: str, minutes: int, comment: str) -> Review:
        """Say what was found: right, wrong or unsure; returns when Kafka has it.

        Args:
            command: which, as it was approved.
            finding: a Finding.
            minutes: that it took to look, for the price of an outcome.
            comment: why, for people.

        Raises:
            NotSentError: Kafka did not take it.
        """
        review = Review(
            review_id=f"review-{secrets.token_hex(8)}",
            command_id=command.command_id,
            tenant=command.tenant,
            workflow_id=command.workflow_id,
            run_id=command.run_id,
            policy_digest=command.policy_digest,
            reviewer=self._key.kid,
            finding=finding,
            comment=comment,
            minutes=minutes,
            approved_at=command.approved_at,
        )
        headers = event_headers("toolgate.review.v1", review.review_id, SOURCE, subject=command.run_id)
        # By workflow, as pulses: what is found counts where a workflow's figures are.
        key, value = command.workflow_id.encode(), self._codec.encode(review)
        self._sender.deliver(REVIEWS, key, value, headers, -1, "review", "say it again")
        return review
