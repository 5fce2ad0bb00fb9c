"""Extras: what some commands need that a plain installation does not have."""

from __future__ import annotations

from importlib.util import find_spec
from types import MappingProxyType
from typing import TYPE_CHECKING

from toolgate.streams.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

# Of pyproject.toml, by the names under which they are imported.
MODULES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"console": ("starlette", "jinja2", "uvicorn"), "notify": ("urllib3",)}
)


def check(command: str) -> None:
    """See that the extra of a command, which has its name, is installed: before what needs it is imported.

    Raises:
        SettingsError: it is not, or not all of it.
    """
    missing = [name for name in MODULES[command] if find_spec(name) is None]
    if missing:
        raise SettingsError(
            f"`toolgate {command}` needs {', '.join(missing)}",
            where="this Python",
            remedy=f"pip install 'toolgate[{command}]'",
        )
