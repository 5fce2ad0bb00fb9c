"""What can go wrong between a person and what waits for them."""

from __future__ import annotations

from toolgate.streams.errors import ToolgateError


class VoteRefusedError(ToolgateError):
    """A vote changes nothing: there is nothing to decide about, or the gate refuses it. Nothing has changed."""

    def __init__(self, why: str, wanted: str) -> None:
        super().__init__(why, where=f"the vote on {wanted}", remedy="see what waits: toolgate queue")
