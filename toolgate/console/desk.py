"""The desk: what pages ask of Kafka beside their views, and what people decide, signed with their own keys."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

from toolgate.console.halves import half_signed
from toolgate.inspection.policies import published
from toolgate.inspection.search import Readers
from toolgate.nearmiss.bodies import intents_at
from toolgate.processors.keyring import OPERATOR
from toolgate.review import orders
from toolgate.review.assigning import assigning_vote, reason_of
from toolgate.review.releasing import released
from toolgate.review.speaking import Speaker
from toolgate.review.voting import TIMEOUT_S, Reviewer
from toolgate.streams.operating import Operating

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

    from toolgate.console.halves import Half
    from toolgate.nearmiss.bodies import Place
    from toolgate.processors.control_state import ControlState
    from toolgate.processors.keyring import Keyring, StarterKey
    from toolgate.processors.policy import PolicySet
    from toolgate.processors.policy_store import Files
    from toolgate.review.assignees import Assignee
    from toolgate.review.items import Item
    from toolgate.review.releasing import Word
    from toolgate.review.voting import Cast
    from toolgate.review.waiting import Waiting
    from toolgate.schemas.enums import Choice
    from toolgate.schemas.records import AuditEvent, Control, Intent
    from toolgate.schemas.registry import Registry
    from toolgate.streams.operating import Said, Signer
    from toolgate.streams.settings import Settings


class Desk(Protocol):
    """What pages need. Every method blocks until Kafka has answered, and raises ToolgateError with what went wrong."""

    def standing(self) -> ControlState:
        """What holds by the control topic."""

    def history(self) -> list[Said]:
        """Every control record."""

    def files(self, digest: str) -> Files | None:
        """The files of a policy set that was published."""

    def policies(self, digest: str) -> PolicySet | None:
        """The set itself, where it was published and loads here."""

    def intents(self, places: Iterable[Place]) -> dict[Place, Intent]:
        """The intents at some places; those that are no longer kept, or cannot be read, are left out."""

    def vote(self, key: StarterKey, waiting: Waiting, choice: Choice, comment: str) -> Cast:
        """Vote on what waits, and see what came of it."""

    def release(self, key: StarterKey, item: Item, word: Word | None, comment: str) -> AuditEvent:
        """Say what happened to a command, or put a record aside; what the audit says of it."""

    def assign(self, key: StarterKey, item: Item, choice: Choice, comment: str) -> None:
        """Take an item, take it over, or give it back."""

    def why_taken(self, assignee: Assignee) -> str:
        """Why somebody has taken an item over; "" where that is not known."""

    def say(self, key: StarterKey, word: Control) -> int:
        """Say a control record that one signs; the seq after which it holds."""

    def half_signed(self, key: StarterKey, word: Control) -> dict[str, Half]:
        """A record that two sign, signed by the first for each who may be the second."""

    def say_as_second(self, key: StarterKey, half: Half) -> int:
        """Say it as the second; the seq after which it holds."""


class _InTurn:
    """An operating that threads use one after another: `with` it."""

    def __init__(self, operating: Operating) -> None:
        self._operating = operating
        self._lock = threading.Lock()

    def __enter__(self) -> Operating:
        self._lock.acquire()
        return self._operating

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()


class KafkaDesk:
    """The desk of a prefix. For any number of threads. A context manager by `close`.

    Args:
        settings: where Kafka is and which prefix.
        keyring: the operators' public keys, as the gate has them.
        registry: where schema ids come from.
    """

    def __init__(self, settings: Settings, keyring: Keyring, registry: Registry) -> None:
        self._settings = settings
        self._keyring = keyring
        self._registry = registry
        # A kill must not wait until a page has read the whole history: to look and to say are apart.
        self._looking = _InTurn(Operating(settings, keyring, registry))
        self._saying = _InTurn(Operating(settings, keyring, registry))
        self._history: tuple[int, list[Said]] = (-1, [])  # as it was at a control position

    def close(self) -> None:
        """Close the connections."""
        for each in (self._looking, self._saying):
            with each as operating:
                operating.__exit__(None, None, None)

    def standing(self) -> ControlState:
        """As the protocol says."""
        with self._looking as operating:
            return operating.standing()

    def history(self) -> list[Said]:
        """As the protocol says; read again only when there is more of it."""
        with self._looking as operating:
            position = operating.standing().position
            if self._history[0] != position:
                self._history = (position, operating.history())
            return self._history[1]

    def files(self, digest: str) -> Files | None:
        """As the protocol says."""
        with self._looking as operating:
            return operating.files(digest)

    def policies(self, digest: str) -> PolicySet | None:
        """As the protocol says."""
        return published(self._settings, digest)

    def intents(self, places: Iterable[Place]) -> dict[Place, Intent]:
        """As the protocol says."""
        with Readers(self._settings) as readers:
            return intents_at(readers("intents"), places, self._registry)

    def vote(self, key: StarterKey, waiting: Waiting, choice: Choice, comment: str) -> Cast:
        """As the protocol says, by the mechanism that the command line has."""
        with Reviewer(self._settings, key, self._registry) as reviewer:
            return reviewer.vote(waiting, choice, comment)

    def release(self, key: StarterKey, item: Item, word: Word | None, comment: str) -> AuditEvent:
        """As the protocol says, by the mechanism that the command line has."""
        with Readers(self._settings) as readers:
            speaker = Speaker(self._settings, readers, key, self._registry)
            return released(speaker, item, word, comment, TIMEOUT_S)

    def assign(self, key: StarterKey, item: Item, choice: Choice, comment: str) -> None:
        """As the protocol says, by the mechanism that the command line has."""
        vote = assigning_vote(item, choice, key.kid, comment)
        with Readers(self._settings) as readers:
            Speaker(self._settings, readers, key, self._registry).say(item, vote, TIMEOUT_S)

    def why_taken(self, assignee: Assignee) -> str:
        """As the protocol says."""
        with Readers(self._settings) as readers:
            return reason_of(assignee, readers, self._registry)

    def say(self, key: StarterKey, word: Control) -> int:
        """As the protocol says."""
        return self._after(word, {key.kid: key.pair})

    def half_signed(self, key: StarterKey, word: Control) -> dict[str, Half]:
        """As the protocol says."""
        others = [
            kid
            for kid, known in self._keyring.operators.items()
            if OPERATOR in known.roles and kid != key.kid
        ]
        with self._saying as operating:
            return half_signed(key, others, word, operating.message)

    def say_as_second(self, key: StarterKey, half: Half) -> int:
        """As the protocol says."""
        first = next(kid for kid in half.word.issued_by if kid != key.kid)
        return self._after(half.word, {first: half.first, key.kid: key.pair})

    def _say(self, word: Control, signers: Mapping[str, Signer]) -> int:
        with self._saying as operating:
            return operating.say(word, signers)

    def _after(self, word: Control, signers: Mapping[str, Signer]) -> int:
        with Readers(self._settings) as readers:
            return orders.said(lambda: self._say(word, signers), readers, self._registry).after
