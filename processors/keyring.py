"""Keys: who may write what, and the MAC with which intents and results prove their writer.

The MAC is a keyed BLAKE2b over topic, key and value: nothing can be moved to another topic or run.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from hashlib import blake2b
from types import MappingProxyType
from typing import TYPE_CHECKING

from toolgate.processors.names import compile_globs, glob_fault, id_fault

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Mapping

    from nacl.signing import SigningKey

MAC_BYTES = 16
SECRET_BYTES_MIN, SECRET_BYTES_MAX = 16, 64
OPERATOR, APPROVER, STARTER, WATCH = "operator", "approver", "starter", "watch"
ROLES = frozenset({OPERATOR, WATCH, "publisher", STARTER, APPROVER})
DEV_KID = "insecure-dev"
_PERSON = b"toolgate.mac.v1"


def framed(topic: str, key: bytes | None, value: bytes | None) -> bytes:
    """What is signed: topic (logical name), key and value, each behind its length; absent is not empty."""
    name, key_length, value_length = (
        topic.encode(),
        -1 if key is None else len(key),
        -1 if value is None else len(value),
    )
    return struct.pack(">qqq", len(name), key_length, value_length) + name + (key or b"") + (value or b"")


def mac(secret: bytes, topic: str, key: bytes | None, value: bytes | None) -> bytes:
    """The MAC of a record: 16 bytes. `topic` is the logical name ("intents"); `secret` has 16 to 64 bytes."""
    return blake2b(framed(topic, key, value), digest_size=MAC_BYTES, key=secret, person=_PERSON).digest()


@dataclass(frozen=True, slots=True)
class IntentKey:
    """A secret with which one workflow signs its intents."""

    kid: str
    secret: bytes = field(repr=False)
    tenant: str
    workflow_id: str

    def __post_init__(self) -> None:
        _check_ids(kid=self.kid, tenant=self.tenant, workflow_id=self.workflow_id)
        _check_secret(self.kid, self.secret)


@dataclass(frozen=True, slots=True)
class ExecutorKey:
    """A secret with which one executor signs results of the tools that its globs match."""

    kid: str
    secret: bytes = field(repr=False)
    executor_id: str
    tools: tuple[str, ...]
    pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check_ids(kid=self.kid, executor_id=self.executor_id)
        _check_secret(self.kid, self.secret)
        for glob in self.tools:
            if fault := glob_fault(glob):
                raise ValueError(f"key {self.kid}: tool {glob!r} {fault}")
        object.__setattr__(self, "pattern", compile_globs(self.tools))


@dataclass(frozen=True, slots=True)
class OperatorKey:
    """The public key of a person, with the roles that say what they may sign.

    `approves`: what an approver may approve as, besides `approver`: roles that policies name.
    """

    kid: str
    public: bytes  # Ed25519, 32 bytes
    roles: frozenset[str]
    approves: frozenset[str] = frozenset()

    @property
    def approves_as(self) -> frozenset[str]:
        """The roles of which an approver has one or more; none of whoever is no approver."""
        return self.approves | {APPROVER} if APPROVER in self.roles else frozenset()

    def __post_init__(self) -> None:
        _check_ids(kid=self.kid)
        if unknown := self.roles - ROLES:
            raise ValueError(f"key {self.kid}: unknown role {sorted(unknown)}; known are {sorted(ROLES)}")
        if self.approves and APPROVER not in self.roles:
            raise ValueError(f"key {self.kid}: only an approver approves as something")
        if len(self.public) != 32:
            raise ValueError(
                f"key {self.kid}: an Ed25519 public key has 32 bytes, this one {len(self.public)}"
            )


@dataclass(frozen=True, slots=True)
class StarterKey:
    """The private half of an operator's key with the role `starter`: only who signs has it."""

    kid: str
    pair: SigningKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class Keyring:
    """All keys that a gate knows, by key id. `insecure_dev` believes everybody: for a laptop only."""

    intents: Mapping[str, IntentKey] = field(default_factory=lambda: MappingProxyType({}))
    executors: Mapping[str, ExecutorKey] = field(default_factory=lambda: MappingProxyType({}))
    operators: Mapping[str, OperatorKey] = field(default_factory=lambda: MappingProxyType({}))
    insecure_dev: bool = False

    @classmethod
    def of(cls, keys: Iterable[IntentKey | ExecutorKey | OperatorKey]) -> Keyring:
        """A keyring of these keys; ValueError when two have one key id or two operators one public key."""
        intents: dict[str, IntentKey] = {}
        executors: dict[str, ExecutorKey] = {}
        operators: dict[str, OperatorKey] = {}
        publics: dict[bytes, str] = {}
        for key in keys:
            if key.kid in intents or key.kid in executors or key.kid in operators:
                raise ValueError(f"key id {key.kid} is there twice: every key needs an id of its own")
            if isinstance(key, IntentKey):
                intents[key.kid] = key
            elif isinstance(key, ExecutorKey):
                executors[key.kid] = key
            else:
                # One person with two ids would otherwise be two people where two are asked for.
                if other := publics.get(key.public):
                    raise ValueError(f"keys {other} and {key.kid} are the same public key")
                publics[key.public] = key.kid
                operators[key.kid] = key
        return cls(MappingProxyType(intents), MappingProxyType(executors), MappingProxyType(operators))

    @classmethod
    def insecure(cls) -> Keyring:
        """A keyring that believes every record."""
        return cls(insecure_dev=True)


def _check_ids(**ids: str) -> None:
    for name, value in ids.items():
        if fault := id_fault(value):
            raise ValueError(f"{name} {value!r} {fault}")


def _check_secret(kid: str, secret: bytes) -> None:
    if not SECRET_BYTES_MIN <= len(secret) <= SECRET_BYTES_MAX:
        raise ValueError(
            f"key {kid}: a secret has {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes, not {len(secret)}"
        )
