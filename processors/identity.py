"""Identity: who wrote a record. Kafka tells a consumer no principal, so records prove it themselves.

Intents and results carry a keyed BLAKE2b (`tg-kid` names the key, `tg-mac` is the MAC, 16 raw bytes); control
carries Ed25519 signatures (64 raw bytes), the first signer under the same names, others under `tg-kid-2` and
`tg-mac-2` and so on. Both are over topic, key and value: nothing can be moved to another topic or run.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from hmac import compare_digest
from types import MappingProxyType
from typing import TYPE_CHECKING

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from toolgate.processors.control import malformed
from toolgate.processors.names import compile_globs, glob_fault, id_fault
from toolgate.processors.reasons import Code, deny
from toolgate.schemas.headers import KID, MAC
from toolgate.schemas.records import Reason

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Mapping

    from toolgate.processors.case import Case, Envelope, World
    from toolgate.schemas.records import Control, Result

MAC_BYTES = 16
SECRET_BYTES_MIN, SECRET_BYTES_MAX = 16, 64
SIGNERS_MAX = 8
ROLES = frozenset({"operator", "watch", "publisher"})
DEV_KID = "insecure-dev"
_PERSON = b"toolgate.mac.v1"
_TIGHTER_MODES = frozenset({"draft_only", "read_only"})


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
    """The public key of somebody who may write control, with the roles that say what."""

    kid: str
    public: bytes  # Ed25519, 32 bytes
    roles: frozenset[str]

    def __post_init__(self) -> None:
        _check_ids(kid=self.kid)
        if unknown := self.roles - ROLES:
            raise ValueError(f"key {self.kid}: unknown role {sorted(unknown)}; known are {sorted(ROLES)}")
        if len(self.public) != 32:
            raise ValueError(
                f"key {self.kid}: an Ed25519 public key has 32 bytes, this one {len(self.public)}"
            )


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


def identity(case: Case, world: World) -> Case:
    """Accept an intent only from its own workflow's key, and find that workflow's policy."""
    intent = case.intent
    kid, fault = _writer(case, world.keys)
    if fault:
        return deny(case, Reason(Code.BAD_IDENTITY, "identity", fault))
    policy = world.policies.for_workflow(intent.tenant, intent.workflow_id)
    if policy is None:
        because = f"no policy for workflow {intent.workflow_id[:128]} of tenant {intent.tenant[:128]}"
        return deny(replace(case, kid=kid), Reason(Code.UNKNOWN_WORKFLOW, "identity", because))
    return replace(case, kid=kid, policy=policy)


def check_result(keyring: Keyring, envelope: Envelope, result: Result) -> str | None:
    """Why this result does not count, or None: its key must belong to an executor that may run the tool."""
    if keyring.insecure_dev:
        return None
    signature = _one(envelope, KID, MAC)
    if isinstance(signature, str):
        return signature
    kid, tag = signature
    key = keyring.executors.get(kid)
    if key is None:
        return f"key id {kid[:128]!r} belongs to no executor"
    if not compare_digest(mac(key.secret, envelope.topic, envelope.key, envelope.value), tag):
        return f"the MAC does not fit key {kid}"
    if result.executor_id != key.executor_id or key.pattern.fullmatch(result.tool) is None:
        return f"key {kid} belongs to executor {key.executor_id}, which may not answer so for {result.tool!r}"
    return None


def check_control(keyring: Keyring, envelope: Envelope, control: Control) -> str | None:
    """Why this control record does not count, or None: whole, signed by all it names, with the roles."""
    if fault := malformed(control):
        return fault
    if keyring.insecure_dev:
        return None
    signers = _signers(keyring, envelope)
    if isinstance(signers, str):
        return signers
    if sorted(control.issued_by) != sorted(key.kid for key in signers):
        return "issued_by does not name exactly the keys that signed"
    return _role_fault(control, signers)


def _role_fault(control: Control, signers: list[OperatorKey]) -> str | None:
    """Which role is missing among those who signed, or None."""
    operators = sum("operator" in key.roles for key in signers)
    watch = any("watch" in key.roles for key in signers)
    if control.kind in {"lift", "grant"}:
        return None if operators >= 2 else f"{control.kind} needs two operators, {operators} signed"
    if control.kind == "activate":
        return None if any("publisher" in key.roles for key in signers) else "activate needs a publisher"
    if control.kind not in {"kill", "mode", "demote", "alert"}:
        return f"unknown kind of control {control.kind!r}"
    # The watch may only tighten.
    tightens = control.kind != "mode" or control.mode in _TIGHTER_MODES
    if operators or (watch and tightens):
        return None
    return f"{control.kind} needs an operator{' or the watch' if tightens else ''}"


def _writer(case: Case, keys: Keyring) -> tuple[str, str]:
    """(kid, "") of the writer, or ("", why it is not believed)."""
    if keys.insecure_dev:
        return DEV_KID, ""
    signature = _one(case.envelope, KID, MAC)
    if isinstance(signature, str):
        return "", signature
    kid, tag = signature
    key = keys.intents.get(kid)
    if key is None:
        return "", f"key id {kid[:128]!r} belongs to no workflow"
    envelope, intent = case.envelope, case.intent
    if not compare_digest(mac(key.secret, envelope.topic, envelope.key, envelope.value), tag):
        return "", f"the MAC does not fit key {kid}"
    if key.workflow_id != intent.workflow_id or key.tenant != intent.tenant:
        return (
            "",
            f"key {kid} belongs to workflow {key.workflow_id} of tenant {key.tenant}, not the intent's",
        )
    return kid, ""


def _one(envelope: Envelope, kid_name: str, mac_name: str) -> tuple[str, bytes] | str:
    """Key id and signature under these header names, or what is wrong with them."""
    kid = tag = None
    for name, value in envelope.headers:
        if name == kid_name:
            if kid is not None:
                return f"header {kid_name} is there twice"
            kid = value
        elif name == mac_name:
            if tag is not None:
                return f"header {mac_name} is there twice"
            tag = value
    if kid is None or tag is None:
        return f"header {kid_name if kid is None else mac_name} is missing: the record is not signed"
    return kid.decode("ascii", "replace"), tag


def _signers(keyring: Keyring, envelope: Envelope) -> list[OperatorKey] | str:
    """Everybody who signed, each once and rightly; or what is wrong."""
    names = {name for name, _ in envelope.headers}
    signed = framed(envelope.topic, envelope.key, envelope.value)
    signers: list[OperatorKey] = []
    for place in range(1, SIGNERS_MAX + 1):
        suffix = "" if place == 1 else f"-{place}"
        if place > 1 and KID + suffix not in names:
            break
        signature = _one(envelope, KID + suffix, MAC + suffix)
        if isinstance(signature, str):
            return signature
        key = keyring.operators.get(signature[0])
        if key is None:
            return f"key id {signature[0][:128]!r} belongs to nobody who may write control"
        if key in signers:
            return f"key {key.kid} signed twice"
        try:
            VerifyKey(key.public).verify(signed, signature[1])
        except (BadSignatureError, ValueError):
            return f"the signature does not fit key {key.kid}"
        signers.append(key)
    return signers


def _check_ids(**ids: str) -> None:
    for name, value in ids.items():
        if fault := id_fault(value):
            raise ValueError(f"{name} {value!r} {fault}")


def _check_secret(kid: str, secret: bytes) -> None:
    if not SECRET_BYTES_MIN <= len(secret) <= SECRET_BYTES_MAX:
        raise ValueError(
            f"key {kid}: a secret has {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes, not {len(secret)}"
        )
