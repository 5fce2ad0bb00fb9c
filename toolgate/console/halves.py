"""Halves: what takes two signatures waits in the server's memory, signed by the first, until a second signs.

A lift or a grant names both who sign it, and the second is not known yet: so the first signs one record for each of the
others, and exactly one of these is ever sent. No key is used after its owner has gone.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from toolgate.schemas.frozen import changed
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
            raise ControlRefusedError("the first signature is about something else", where="the record")
        return _Said(self.signature)


@dataclass(frozen=True, slots=True)
class Half:
    """A record that one of its two signers has signed."""

    word: Control
    first: Presigned


@dataclass(frozen=True, slots=True)
class Proposal:
    """A record that waits for its second signer; `halves` by the key ids of those who may be that."""

    id: str
    word: Control  # signed by nobody: what is asked, and by whom as the only issuer
    at_s: float
    halves: Mapping[str, Half]

    @property
    def by(self) -> str:
        """Key id of the first."""
        return self.word.issued_by[0]


def half_signed(
    key: StarterKey, others: Iterable[str], word: Control, message: Callable[[Control], bytes]
) -> dict[str, Half]:
    """What the first signs: a record for each who may be the second.

    Args:
        key: the first's.
        others: key ids of those who may be the second.
        word: the record but for its second issuer.
        message: what is signed of a record.
    """
    halves = {}
    for other in others:
        made = changed(word, issued_by=(key.kid, other))
        text = message(made)
        halves[other] = Half(made, Presigned(text, key.pair.sign(text).signature))
    return halves


class Proposals:
    """What waits for a second signature. For one thread at a time, as the event loop is.

    Args:
        clock: seconds that never run back.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._waiting: OrderedDict[str, Proposal] = OrderedDict()

    def add(self, word: Control, halves: Mapping[str, Half]) -> Proposal:
        """One more, in the place of the same person's about the same; beyond the limit the oldest goes."""
        for same in [one for one in self.all() if _about(one.word) == _about(word)]:
            del self._waiting[same.id]
        made = Proposal(secrets.token_hex(8), word, self._clock(), halves)
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
        """It is being said, or was taken back."""
        self._waiting.pop(proposal_id, None)

    def put_back(self, proposal: Proposal) -> None:
        """It was not said after all: it waits as long as it would have."""
        self._waiting[proposal.id] = proposal


def _about(word: Control) -> tuple[str, str, str, tuple[str, ...]]:
    return word.kind, word.scope, word.value, word.issued_by
