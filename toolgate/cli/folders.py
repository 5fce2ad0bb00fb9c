"""Folders of policies as people name them, with mistakes told by paths that lead there from where they type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.cli.wording import located
from toolgate.processors import loader
from toolgate.processors.problems import LoadError
from toolgate.processors.registry_file import REGISTRIES

if TYPE_CHECKING:
    from pathlib import Path

    from toolgate.processors.policy import PolicySet

_WITHIN = frozenset({loader.FOLDER.rstrip("/"), REGISTRIES.rstrip("/"), "cases"})


def of(path: Path) -> Path:
    """The folder of a policy set: the path itself, or where it leads from one of the set's files."""
    if not path.is_file():
        return path
    within = path.parent.name in _WITHIN and not (path.parent / loader.CATALOGUE).exists()
    return path.parent.parent if within else path.parent


def load(directory: Path) -> PolicySet:
    """The policy set of a folder.

    Raises:
        LoadError: every mistake; files are named from where the command was typed.
    """
    try:
        return loader.load(directory)
    except LoadError as error:
        raise located(error, directory) from None
