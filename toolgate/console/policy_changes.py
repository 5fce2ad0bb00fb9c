"""Policy versions: what was put in force when, by whom, and what each changed in the files."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import unified_diff
from typing import TYPE_CHECKING

from toolgate.processors.control_state import ACTIVATE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from toolgate.streams.operating import Said

LINES_MAX = 2_000  # of a file's changes that are shown


@dataclass(frozen=True, slots=True)
class Version:
    """An activation, and the digest of the set that it replaced; "" for none."""

    said: Said
    replaced: str

    @property
    def digest(self) -> str:
        """Of its set."""
        return self.said.word.policy_digest


@dataclass(frozen=True, slots=True)
class FileChange:
    """What became of one file: its lines with a kind each, one of same, added, removed, place."""

    name: str
    became: str  # added, removed, changed
    lines: tuple[tuple[str, str], ...]
    cut: bool


def versions(history: Iterable[Said]) -> list[Version]:
    """The activations, the newest first. One that was refused replaced nothing."""
    found: list[Version] = []
    standing = ""
    for said in history:
        if said.word.kind == ACTIVATE:
            found.append(Version(said, standing))
            standing = standing if said.refused else said.word.policy_digest
    return found[::-1]


def changes(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> list[FileChange]:
    """What differs between the files of two sets, by name."""
    found = []
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        became = "added" if old is None else "removed" if new is None else "changed"
        lines = [*unified_diff(_lines(old), _lines(new), lineterm="", n=3)][2:]
        kept = tuple((_KINDS[line[:1]], line) for line in lines[:LINES_MAX])
        found.append(FileChange(name, became, kept, len(lines) > LINES_MAX))
    return found


_KINDS = {"+": "added", "-": "removed", "@": "place", " ": "same", "": "same"}


def _lines(content: bytes | None) -> list[str]:
    return (content or b"").decode("utf-8", "replace").split("\n") if content else []
