"""Modes: how much of what a policy allows takes effect, and which of two lets less through.

A policy names its mode. An operator's order can only tighten that: what holds is the tightest of what is written
and of every order that is about the workflow, its tenant, or everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

ENFORCE = "enforce"
READ_ONLY = "read_only"
ORDER = (ENFORCE, READ_ONLY)  # every mode that a policy can name, the loosest first
SCOPES = ("all", "tenant", "workflow")  # what an operator's order can be about
_RANK = {mode: rank for rank, mode in enumerate(ORDER)}


def mode_fault(mode: str) -> str:
    """What is wrong with ordering this mode, or ""."""
    return "" if mode in _RANK else f"mode {mode!r} is none of {', '.join(ORDER)}"


def looser(mode: str, than: str) -> bool:
    """Whether `mode` lets something through that `than` does not. Both must be of ORDER."""
    return _RANK[mode] < _RANK[than]


def tightest(written: str, ordered: Iterable[str]) -> str:
    """What holds where a policy says `written` and these modes are ordered. All must be of ORDER."""
    return max((written, *ordered), key=_RANK.__getitem__)
