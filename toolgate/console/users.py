"""Local users: names, password hashes, and the private keys of reviewers, each sealed under its owner's password.

The file holds nothing that signs by itself: a key is opened by the password, at sign-in, into the server's memory.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import msgspec
import nacl.exceptions
from nacl import pwhash, secret, utils
from nacl.signing import SigningKey

from toolgate.console.people import Person
from toolgate.processors.keyring import StarterKey
from toolgate.processors.names import id_fault
from toolgate.processors.problems import LoadError, Problem
from toolgate.streams.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from toolgate.processors.keyring import Keyring

PASSWORD_CHARS_MIN, PASSWORD_CHARS_MAX = 12, 1_000
# RFC 9106's second choice: 64 MiB, three passes. A tenth of a second here, and for every guess of who has the file.
_OPS, _MEMORY_BYTES = 3, 64 * 1024 * 1024
_AT_ONCE = 2  # hashes at a time: whoever tries passwords must not fill the memory
_PRIVATE = 0o600


class User(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row of the file. `salt` and `sealed` are hex; without `kid` there is no key, and the user reads only."""

    name: str
    password: str
    kid: str = ""
    salt: str = ""
    sealed: str = ""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    users: list[User]


def made(name: str, password: str, key: StarterKey | None = None) -> User:
    """A user with this password; their key, if any, sealed under it.

    Raises:
        SettingsError: the name is no id, or the password is too short or too long.
    """
    if fault := id_fault(name):
        raise SettingsError(f"user name {name!r} {fault}", where="arguments", remedy="take another name")
    if not PASSWORD_CHARS_MIN <= len(password) <= PASSWORD_CHARS_MAX:
        raise SettingsError(
            f"the password has {len(password)} characters",
            where="arguments",
            remedy=f"take {PASSWORD_CHARS_MIN} or more",
        )
    hashed = pwhash.argon2id.str(password.encode(), _OPS, _MEMORY_BYTES).decode()
    if key is None:
        return User(name, hashed)
    salt = utils.random(pwhash.argon2id.SALTBYTES)
    sealed = _box(password, salt).encrypt(bytes(key.pair))
    return User(name, hashed, key.kid, salt.hex(), sealed.hex())


def opened(user: User, password: str) -> StarterKey | None:
    """The user's key; None where there is none, or this password does not open it."""
    if not user.kid:
        return None
    try:
        seed = _box(password, bytes.fromhex(user.salt)).decrypt(bytes.fromhex(user.sealed))
        return StarterKey(user.kid, SigningKey(seed))
    except (nacl.exceptions.CryptoError, ValueError):
        return None


def read(path: Path) -> list[User]:
    """The users of a file; none where there is no file yet.

    Raises:
        LoadError: it cannot be read, or something else stands in it.
    """
    try:
        users = msgspec.json.decode(path.read_bytes(), type=_File).users
    except FileNotFoundError:
        return []
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        text = getattr(error, "strerror", None) or str(error)
        hint = "`toolgate console user add` writes it; do not edit it"
        raise LoadError([Problem(str(path), 0, 0, f"these are no users: {text}", hint)]) from None
    if len({user.name for user in users}) != len(users):
        raise LoadError([Problem(str(path), 0, 0, "a user is there twice", "remove one of them")])
    return users


def write(path: Path, users: Iterable[User]) -> None:
    """Put the users in the place of those of the file, for its owner's eyes only.

    Raises:
        SettingsError: it cannot be written; then it is as it was.
    """
    fresh = path.with_name(f".{path.name}.new")
    data = msgspec.json.format(
        msgspec.json.encode(_File(sorted(users, key=lambda user: user.name))), indent=2
    )
    try:
        fresh.unlink(missing_ok=True)
        fresh.touch(_PRIVATE)
        fresh.write_bytes(data + b"\n")
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise SettingsError(
            f"cannot write: {error.strerror}", where=str(path), remedy="name another --users file"
        ) from None


class LocalUsers:
    """Identifies the users of a file; it is read at each sign-in, so changes hold at once. For any number of threads.

    Args:
        path: the file.
        keyring: what the keys of users may do.
    """

    def __init__(self, path: Path, keyring: Keyring) -> None:
        self._path = path
        self._keyring = keyring
        self._room = threading.BoundedSemaphore(_AT_ONCE)
        self._nobody = made("nobody", utils.random(32).hex()).password

    def identify(self, name: str, password: str) -> Person | None:
        """The person. Raises LoadError as `read`."""
        user = next((user for user in read(self._path) if user.name == name), None)
        with self._room:
            # A name that is not there takes as long as one that is.
            if not _fits(user.password if user else self._nobody, password) or user is None:
                return None
            key = opened(user, password)
        if key is None:
            return Person(name)
        known = self._keyring.operators.get(key.kid)
        if known is None or known.public != bytes(key.pair.verify_key):
            return Person(name, key)
        return Person(name, key, known.roles, known.approves_as)


def _fits(hashed: str, password: str) -> bool:
    try:
        return pwhash.verify(hashed.encode(), password.encode()[: pwhash.argon2id.PASSWD_MAX])
    except (nacl.exceptions.CryptoError, ValueError):
        return False


def _box(password: str, salt: bytes) -> secret.SecretBox:
    return secret.SecretBox(
        pwhash.argon2id.kdf(secret.SecretBox.KEY_SIZE, password.encode(), salt, _OPS, _MEMORY_BYTES)
    )
