"""Lifting takes two: one signs, and what they have signed waits in the server's memory until a second does.

A lift names both who sign it, and the second is not known yet: so the first signs one record for each of the others,
and exactly one of these is ever sent. No key is used after its owner has gone.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from toolgate.streams.errors import ControlRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from toolgate.processors.keyring import StarterKey
    from toolgate.schemas.records import Control

WAITS_S = 30 * 60
WAITING_MAX = 100


@dataclass(frozen=True, slots=True)
class _Said:
    signature: bytes


@dataclass(frozen=True, slots=True)
class Presigned:
    """A signature that was made before, over one message."""

    message: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    def sign(self, message: bytes) -> _Said:
        """The signature. Raises ControlRefusedError: of another message there is none."""
        if message != self.message:
            raise ControlRefusedError("the first signature is about something else", where="the lift")
        return _Said(self.signature)


@dataclass(frozen=True, slots=True)
class Half:
    """A record that one of its two signers has signed."""

    word: Control
    first: Presigned


@dataclass(frozen=True, slots=True)
class Proposal:
    """A lift that waits for its second signer; `halves` by the key ids of those who may be that."""

    id: str
    scope: str
    value: str
    reason: str
    by: str  # key id of the first
    at_s: float
    halves: Mapping[str, Half]


def half_signed(
    key: StarterKey,
    others: Iterable[str],
    word: Callable[[tuple[str, str]], Control],
    message: Callable[[Control], bytes],
) -> dict[str, Half]:
    """What the first signs: a record for each who may be the second.

    Args:
        key: the first's.
        others: key ids of the others who may lift.
        word: the record, by the key ids of both.
        message: what is signed of a record.
    """
    halves = {}
    for other in others:
        made = word((key.kid, other))
        text = message(made)
        halves[other] = Half(made, Presigned(text, key.pair.sign(text).signature))
    return halves


class Proposals:
    """The lifts that wait. For one thread at a time, as the event loop is.

    Args:
        clock: seconds that never run back.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._waiting: OrderedDict[str, Proposal] = OrderedDict()

    def add(self, scope: str, value: str, reason: str, by: str, halves: Mapping[str, Half]) -> Proposal:
        """One more, in the place of the same person's about the same; beyond the limit the oldest goes."""
        for same in [one for one in self.all() if (one.scope, one.value, one.by) == (scope, value, by)]:
            del self._waiting[same.id]
        made = Proposal(secrets.token_hex(8), scope, value, reason, by, self._clock(), halves)
        self._waiting[made.id] = made
        while len(self._waiting) > WAITING_MAX:
            self._waiting.popitem(last=False)
        return made

    def all(self) -> list[Proposal]:
        """Those that wait, the oldest first."""
        now = self._clock()
        for over in [one for one in self._waiting.values() if now - one.at_s > WAITS_S]:
            del self._waiting[over.id]
        return list(self._waiting.values())

    def find(self, proposal_id: str) -> Proposal | None:
        """One that waits."""
        return next((one for one in self.all() if one.id == proposal_id), None)

    def drop(self, proposal_id: str) -> None:
        """It was said, or taken back."""
        self._waiting.pop(proposal_id, None)
