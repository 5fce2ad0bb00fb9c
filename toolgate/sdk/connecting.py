"""Connecting: where Kafka is and which key to sign with, from the environment of a process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from toolgate.streams.errors import SettingsError
from toolgate.streams.gate import keys
from toolgate.streams.settings import load, not_set

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from toolgate.processors.keyring import Keyring
    from toolgate.streams.settings import Settings

Found = TypeVar("Found")


def from_environment(overrides: Mapping[str, Any]) -> tuple[Settings, Keyring]:
    """Settings from `TOOLGATE_...` and the keyring that they name; `overrides` win.

    Raises:
        SettingsError: a setting is missing or unusable, or no keyring is named.
        LoadError: the keyring or a secret of it cannot be read.
    """
    found = settings(overrides)
    return found, keys.load(keys_file(found))


def settings(overrides: Mapping[str, Any]) -> Settings:
    """Settings from `TOOLGATE_...`; `overrides` win. Raises SettingsError."""
    return load(**overrides)


def keys_file(settings: Settings) -> Path:
    """The keyring that settings name. Raises SettingsError: none is named."""
    if settings.keys_file is None:
        raise SettingsError(
            not_set("keys_file"),
            where="arguments and environment",
            remedy="name the keyring; `toolgate keys new` begins one",
        )
    return settings.keys_file


def pick(kind: str, kid: str, known: Mapping[str, Found], settings: Settings) -> Found:
    """The key with this id.

    Raises:
        SettingsError: there is none; says which there are.
    """
    if kid not in known:
        there = ", ".join(sorted(known)) or "none"
        raise SettingsError(
            f"no {kind} key is called {kid!r}; there are: {there}",
            where=str(settings.keys_file),
            remedy=f"correct the key id, or make it: toolgate keys new {kind} {kid}",
        )
    return known[kid]
