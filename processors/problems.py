"""Problems of files that people write: what is wrong, where, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Path = tuple[str | int, ...]  # keys and indices from the document's root


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake. Lines and columns count from 1; line 0 means the file as a whole."""

    file: str
    line: int
    column: int
    what: str
    hint: str = ""

    def __str__(self) -> str:
        """`file:line:column: what; hint`, as editors and terminals link it."""
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.what}; {self.hint}" if self.hint else f"{place}: {self.what}"


class LoadError(Exception):
    """Files that do not load. `problems` has every mistake that was found, by file and line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))


def closest(name: str, known: Iterable[str]) -> str:
    """A hint that names the known name that was probably meant, or ""."""
    close = get_close_matches(name, sorted(known), n=1, cutoff=0.7)
    return f"did you mean {close[0]}?" if close else ""


def nearest(name: str, known: Iterable[str]) -> str:
    """The hint of `closest`, else one that lists the known names when there are few, or ""."""
    names = sorted(known)
    return closest(name, names) or (f"known are {', '.join(names)}" if 0 < len(names) <= 20 else "")
