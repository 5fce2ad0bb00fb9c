"""Modes: what becomes of a policy's verdicts, and which of two lets less through.

`enforce` lets them hold, `draft_only` turns writes into drafts, `read_only` denies them. In `shadow` everything is
decided and recorded, and nothing commanded; `canary:10%` enforces one run in ten and has the others in shadow.
An operator's order can only tighten what a policy says: what holds for a run is the tightest of both.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

ENFORCE, DRAFT_ONLY, READ_ONLY, SHADOW = "enforce", "draft_only", "read_only", "shadow"
RULE = "mode"  # how reasons call what a mode makes of a call
MODES = (ENFORCE, DRAFT_ONLY, READ_ONLY, SHADOW)  # the loosest first: shadow commands nothing at all
SCOPES = ("all", "tenant", "workflow")  # what an operator's order can be about
CANARY_PATTERN = r"^canary: ?([1-9]|[1-9][0-9])%$"
_CANARY = re.compile(CANARY_PATTERN)
_PERSON = b"toolgate canary"  # no other hash of the same names is the same
_PARTS = 10_000
_RANK = {mode: rank for rank, mode in enumerate(MODES)}


def mode_fault(mode: str) -> str:
    """What is wrong with ordering this mode, or ""."""
    return "" if mode in _RANK else f"mode {mode!r} is none of {', '.join(MODES)}"


def looser(mode: str, than: str) -> bool:
    """Whether `mode` lets something through that `than` does not. Both must be of MODES."""
    return _RANK[mode] < _RANK[than]


def tightest(mode: str, ordered: Iterable[str]) -> str:
    """What holds for a run whose policy makes it `mode`, and these modes are ordered. All must be of MODES."""
    return max((mode, *ordered), key=_RANK.__getitem__)


def mode_of_run(written: str, tenant: str, workflow_id: str, run_id: str) -> str:
    """What a policy's mode, which may be a canary, is for one run: one of MODES.

    A run is enforced or not for good, whichever worker looks, and one that is enforced at 10 % is so at 20 %.
    """
    percent = canary_percent(written)
    if percent is None:
        return written
    return ENFORCE if _part_of(tenant, workflow_id, run_id) < percent * _PARTS // 100 else SHADOW


def canary_percent(mode: str) -> int | None:
    """How many of a hundred runs a mode enforces where it is a canary; None where it is none."""
    if mode in _RANK:
        return None
    found = _CANARY.fullmatch(mode)
    return int(found[1]) if found else None


def _part_of(tenant: str, workflow_id: str, run_id: str) -> int:
    names = f"{tenant}\0{workflow_id}\0{run_id}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(names, digest_size=8, person=_PERSON).digest()) % _PARTS
