"""The keyring file: who may write what. It names secrets and holds none, so it may lie beside the policies.

    intents:                # a workflow signs its intents
      - {kid: billing-1, tenant: default, workflow_id: billing_adjustments_v3, secret_file: billing-1.secret}
    executors:              # an executor signs results of the tools that its globs match
      - {kid: desk-1, executor_id: desk, tools: ["*"], secret_env: DESK_SECRET}
    operators:              # an operator signs control records; `public` is an Ed25519 key
      - {kid: ann-1, roles: [operator], public: 6f0c...}
      - {kid: bob-1, roles: [approver], approves: [billing_lead], public: 91d2...}

Secrets and public keys are written in hex. A relative `secret_file` lies beside the keyring file.
"""

from __future__ import annotations

import os
import secrets
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from nacl.signing import SigningKey
from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError
from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from toolgate.processors.fields import Glob, Id, StrictModel, problems, refused
from toolgate.processors.keyring import ExecutorKey, IntentKey, Keyring, OperatorKey, StarterKey
from toolgate.processors.problems import LoadError, Problem, nearest
from toolgate.processors.strict_yaml import Document, parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SECRET_BYTES = 32
PUBLIC_BYTES = 32
KINDS = ("intents", "executors", "operators")
_PRIVATE = 0o600


def _hex_key(text: str) -> str:
    if len(_unhex(text)) != PUBLIC_BYTES:
        what = f"must be {PUBLIC_BYTES * 2} hex digits, an Ed25519 public key"
        raise PydanticCustomError("name", "{what}", {"what": what})
    return text


def _unhex(text: str) -> bytes:
    try:
        return bytes.fromhex(text.strip())
    except ValueError:
        return b""


class _Secret(StrictModel):
    kid: Id
    secret_file: str | None = Field(default=None, min_length=1)
    secret_env: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.secret_file is None) == (self.secret_env is None):
            raise refused((), f"key {self.kid} needs one secret", "give it secret_file or secret_env")
        return self


class IntentEntry(_Secret):
    """A workflow's key."""

    tenant: Id = "default"
    workflow_id: Id


class ExecutorEntry(_Secret):
    """An executor's key."""

    executor_id: Id
    tools: Annotated[list[Glob], Field(min_length=1)]


class OperatorEntry(StrictModel):
    """The public key of a person; `approves` are roles of policies that an approver stands for."""

    kid: Id
    roles: Annotated[
        list[Literal["operator", "watch", "publisher", "starter", "approver"]], Field(min_length=1)
    ]
    approves: list[Id] = Field(default_factory=list)
    public: Annotated[str, AfterValidator(_hex_key)]


class KeyringFile(StrictModel):
    """The whole file."""

    intents: list[IntentEntry] = Field(default_factory=list)
    executors: list[ExecutorEntry] = Field(default_factory=list)
    operators: list[OperatorEntry] = Field(default_factory=list)


def read(path: str | Path) -> KeyringFile:
    """The entries of a keyring file, without looking at any secret.

    Raises:
        LoadError: every mistake with file, line and column.
    """
    return _parsed(Path(path))[1]


def load(path: str | Path, environment: Mapping[str, str] = os.environ) -> Keyring:
    """The keyring of a file with its secrets.

    Raises:
        LoadError: every mistake and every secret that cannot be had, by key id; never a secret's content.
    """
    path = Path(path)
    document, file = _parsed(path)
    faults: list[Problem] = []
    keys: list[IntentKey | ExecutorKey | OperatorKey] = []
    for kind in KINDS:
        for place, entry in enumerate(getattr(file, kind)):
            try:
                keys.append(_key(entry, path, environment))
            except ValueError as error:
                faults.append(document.problem((kind, place), str(error), "`toolgate keys new` makes a pair"))
    if not faults:
        try:
            return Keyring.of(keys)
        except ValueError as error:
            faults.append(document.problem((), str(error), "keep one of them"))
    raise LoadError(faults)


def load_intent(
    path: str | Path,
    kid: str | None = None,
    workflow_id: str | None = None,
    environment: Mapping[str, str] = os.environ,
) -> IntentKey:
    """The one key for intents that is meant, with its secret; those of others need not be at hand.

    Args:
        path: the keyring file.
        kid: which key; None: the only one there is.
        workflow_id: only keys of this workflow.
        environment: where secrets are that the file names as variables.

    Raises:
        LoadError: the file is faulty, none or several keys are meant, or the secret cannot be had.
    """
    document, file = _parsed(Path(path))
    meant = [
        (place, entry)
        for place, entry in enumerate(file.intents)
        if kid in {None, entry.kid} and workflow_id in {None, entry.workflow_id}
    ]
    if len(meant) != 1:
        of = f" {kid}" if kid else ""
        of += f" of workflow {workflow_id}" if workflow_id else ""
        kids = [f"{entry.kid} (workflow {entry.workflow_id})" for entry in file.intents]
        what = f"{'no key' if not meant else 'several keys'}{of} for intents"
        hint = f"name one: {', '.join(kids)}" if kids else "make one: toolgate keys new intent"
        raise LoadError([document.problem((), what, hint)])
    [(place, entry)] = meant
    try:
        found = _secret(entry, Path(path), environment)
        return IntentKey(entry.kid, found, entry.tenant, entry.workflow_id)
    except ValueError as error:
        fault = document.problem(("intents", place), str(error), "`toolgate keys new` makes a pair")
        raise LoadError([fault]) from None


def load_operators(path: str | Path) -> Keyring:
    """The public keys of a keyring file; nobody's secret need be at hand.

    Raises:
        LoadError: the file is faulty.
    """
    document, file = _parsed(Path(path))
    try:
        return Keyring.of([_key(entry, Path(path), {}) for entry in file.operators])
    except ValueError as error:
        raise LoadError([document.problem((), str(error), "keep one of them")]) from None


def load_signer(path: str | Path, kid: str) -> SigningKey:
    """The private key of an operator, from the file beside the keyring that `new_operator` has made.

    Raises:
        LoadError: the keyring has no such operator, or the file is not there or does not hold its private key.
    """
    document, file = _parsed(Path(path))
    public = {entry.kid: entry.public for entry in file.operators}
    if kid not in public:
        hint = nearest(kid, public) or "make one: toolgate keys new operator"
        raise LoadError([document.problem(("operators",), f"no operator has key {kid}", hint)])
    private = _private_of(Path(path), kid)
    try:
        seed = read_secret(private)
    except ValueError as error:
        raise LoadError(
            [Problem(str(private), 0, 0, str(error), "who signs needs the private key")]
        ) from None
    pair = SigningKey(seed) if len(seed) == SECRET_BYTES else None
    if pair is None or bytes(pair.verify_key) != _unhex(public[kid]):
        what = f"this is not the private key of {kid}"
        raise LoadError([Problem(str(private), 0, 0, what, f"{path} has another public key for it")])
    return pair


def load_private(path: str | Path, kid: str) -> StarterKey:
    """What signs as this key: its id and private half. Raises LoadError as `load_signer`."""
    return StarterKey(kid, load_signer(path, kid))


def read_secret(path: Path) -> bytes:
    """The secret or private key that a file holds in hex.

    Raises:
        ValueError: it cannot be read, or holds something else; says which file, never what is in it.
    """
    try:
        found = _unhex(path.read_text(encoding="ascii"))
    except OSError as error:
        raise ValueError(f"secret file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        found = b""
    if not found:
        raise ValueError(f"secret file {path} does not hold hex digits")
    return found


def _parsed(path: Path) -> tuple[Document, KeyringFile]:
    try:
        text = path.read_bytes()
    except OSError as error:
        hint = "`toolgate keys new` begins one"
        raise LoadError([Problem(str(path), 0, 0, f"cannot be read: {error.strerror}", hint)]) from None
    document, found = parse(str(path), text)
    if document is None or found:
        raise LoadError(found)
    if not isinstance(document.data, dict):
        what = "the file is not a mapping"
        raise LoadError([document.problem((), what, f"give it {', '.join(KINDS)}")])
    try:
        return document, KeyringFile.model_validate(document.data)
    except ValidationError as error:
        raise LoadError(problems(document, KeyringFile, error)) from None


def _key(
    entry: IntentEntry | ExecutorEntry | OperatorEntry, path: Path, environment: Mapping[str, str]
) -> IntentKey | ExecutorKey | OperatorKey:
    if isinstance(entry, OperatorEntry):
        return OperatorKey(entry.kid, _unhex(entry.public), frozenset(entry.roles), frozenset(entry.approves))
    secret = _secret(entry, path, environment)
    if isinstance(entry, IntentEntry):
        return IntentKey(entry.kid, secret, entry.tenant, entry.workflow_id)
    return ExecutorKey(entry.kid, secret, entry.executor_id, tuple(entry.tools))


def _secret(entry: _Secret, path: Path, environment: Mapping[str, str]) -> bytes:
    if entry.secret_file is not None:
        try:
            return read_secret(path.parent / entry.secret_file)
        except ValueError as error:
            raise ValueError(f"key {entry.kid}: {error}") from None
    found = _unhex(environment.get(entry.secret_env or "", ""))
    if not found:
        raise ValueError(f"key {entry.kid}: {entry.secret_env} is not set, or does not hold hex digits")
    return found


# --- making keys ------------------------------------------------------------------------------------------


def new_intent(path: Path, kid: str, workflow_id: str, tenant: str = "default") -> Path:
    """Make a workflow's secret and enter it into the keyring file; returns the secret's file.

    Raises:
        LoadError: the file, or the key it would have, is faulty; nothing is changed.
        FileExistsError: there is such a secret file already; it is kept.
    """
    return _new_secret(path, "intents", {"kid": kid, "tenant": tenant, "workflow_id": workflow_id})


def new_executor(path: Path, kid: str, executor_id: str, tools: list[str]) -> Path:
    """Make an executor's secret and enter it into the keyring file; like `new_intent`."""
    return _new_secret(path, "executors", {"kid": kid, "executor_id": executor_id, "tools": tools})


def new_operator(path: Path, kid: str, roles: list[str], approves: Sequence[str] = ()) -> Path:
    """Make an Ed25519 pair, enter the public key; returns the private key's file. Like `new_intent`."""
    pair = SigningKey.generate()
    row: dict[str, Any] = {"kid": kid, "roles": roles, "public": bytes(pair.verify_key).hex()}
    row |= {"approves": list(approves)} if approves else {}
    return _enter(path, "operators", row, _private_of(path, kid), bytes(pair))


def _private_of(path: Path, kid: str) -> Path:
    return path.parent / f"{kid}.private"


def _new_secret(path: Path, kind: str, row: dict[str, Any]) -> Path:
    name = f"{row['kid']}.secret"
    secret = secrets.token_bytes(SECRET_BYTES)
    return _enter(path, kind, row | {"secret_file": name}, path.parent / name, secret)


def _enter(path: Path, kind: str, row: dict[str, Any], secret_path: Path, secret: bytes) -> Path:
    """Write the secret, then the keyring with one more row: a row without its secret would stop the gate."""
    text = _with_row(path, kind, row)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(secret_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
    with os.fdopen(descriptor, "w", encoding="ascii") as out:
        out.write(secret.hex() + "\n")
    try:
        fresh = path.with_name(f".{path.name}.new")
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
    except OSError:
        secret_path.unlink()
        raise
    return secret_path


def _quoted(value: Any) -> Any:
    """Text in quotes: an id like 1e5 must stay text."""
    if isinstance(value, dict):
        return {name: _quoted(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_quoted(part) for part in value]
    return DoubleQuotedScalarString(value)


def _with_row(path: Path, kind: str, row: dict[str, Any]) -> str:
    """The keyring's text with a row added; people's comments and order stay."""
    if path.exists():
        taken = {entry.kid for name in KINDS for entry in getattr(read(path), name)}
        if row["kid"] in taken:
            what = f"key id {row['kid']} is there already"
            raise LoadError([Problem(str(path), 0, 0, what, "keys are never replaced: take another id")])
    editor = YAML()
    editor.preserve_quotes = True  # a kid like 1e5, or a key that begins with 0b, must stay text
    editor.indent(mapping=2, sequence=4, offset=2)
    data = (editor.load(path.read_text(encoding="utf-8")) if path.exists() else None) or {}
    if data.get(kind):
        data[kind].append(_quoted(row))
    else:
        data[kind] = [_quoted(row)]
    out = StringIO()
    editor.dump(data, out)
    text = out.getvalue()
    document, found = parse(str(path), text.encode())
    if document is None or found:
        raise LoadError(found)
    try:
        KeyringFile.model_validate(document.data)
    except ValidationError as error:
        raise LoadError(problems(document, KeyringFile, error)) from None
    return text
