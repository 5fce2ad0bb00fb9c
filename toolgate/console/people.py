"""Who uses the console: what a sign-in finds out, however it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from toolgate.processors.keyring import APPROVER, OPERATOR

if TYPE_CHECKING:
    from toolgate.processors.keyring import StarterKey


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who has signed in. Without a key they read and decide nothing.

    `roles` and `approves_as` are what the keyring says of the key: they choose what is offered. What a signature is
    worth is the gate's to say.
    """

    name: str
    key: StarterKey | None = None
    roles: frozenset[str] = frozenset()
    approves_as: frozenset[str] = frozenset()

    @property
    def kid(self) -> str:
        """The key id that their decisions are signed with; "" for none."""
        return self.key.kid if self.key else ""

    @property
    def approves(self) -> bool:
        """Whether votes may count at all."""
        return self.key is not None and APPROVER in self.roles

    @property
    def operates(self) -> bool:
        """Whether control records may count at all."""
        return self.key is not None and OPERATOR in self.roles


class Identify(Protocol):
    """How somebody proves who they are. Local users are one way (`users.py`); an identity provider would be another."""

    def identify(self, name: str, password: str) -> Person | None:
        """The person; None where it is not proven. Takes the same time whether or not the name is known."""
