"""Policy sets that denials were decided under: those of the policies topic, or the one of a folder beside the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.processors import loader
from toolgate.processors.problems import LoadError

if TYPE_CHECKING:
    from pathlib import Path

    from toolgate.processors.policy import PolicySet
    from toolgate.processors.policy_store import Files, PolicyStore


class Sets:
    """Finds a set by its digest.

    Args:
        store: what the policies topic holds; None where it may not be read.
        folder: where the set lies that the gate had beside it; None for none. It also stands in for sets that nobody
            has published.

    Raises:
        LoadError: the folder does not load.
    """

    def __init__(self, store: PolicyStore | None, folder: Path | None) -> None:
        self._store = store
        self._files = loader.read_files(folder) if folder is not None else None
        self._local = loader.from_files(self._files) if self._files is not None else None

    def policies(self, digest: str) -> PolicySet | None:
        """The set of this digest; the folder's where it was not published, None where neither can be had."""
        if self._store is not None and (self._local is None or self._local.digest != digest):
            try:
                return self._store.policies(digest)
            except (KeyError, LoadError):
                pass
        return self._local

    def files(self, digest: str) -> Files | None:
        """The files of what should be changed: those of the folder, where one is named."""
        if self._files is not None:
            return self._files
        return self._store.files(digest) if self._store is not None else None
