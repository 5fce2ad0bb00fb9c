"""Modes: what becomes of a policy's verdicts, and which of two lets less through.

`enforce` lets them hold, `draft_only` turns writes into drafts, `read_only` denies them. In `shadow` everything is
decided and recorded, and nothing commanded; `canary:10%` enforces one run in ten and has the others in shadow.
An operator's order can only tighten what a policy says: what holds for a run is the tightest of both. A policy and
orders may be canaries; one hash decides for all of them, so of two the smaller share holds.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

ENFORCE, DRAFT_ONLY, READ_ONLY, SHADOW = "enforce", "draft_only", "read_only", "shadow"
RULE = "mode"  # how reasons call what a mode makes of a call
MODES = (ENFORCE, DRAFT_ONLY, READ_ONLY, SHADOW)  # of one run; the loosest first: shadow commands nothing
WORDS = f"{', '.join(MODES)} or canary:<1 to 99>%"
SCOPES = ("all", "tenant", "workflow")  # what an operator's order can be about
CANARY_PATTERN = r"^canary: ?([1-9]|[1-9][0-9])%$"
_CANARY = re.compile(CANARY_PATTERN)
_PERSON = b"toolgate canary"  # no other hash of the same names is the same
_PARTS = 10_000
_PERCENTS = range(100)
_RANK = {mode: rank for rank, mode in enumerate(MODES)}


def mode_fault(mode: str) -> str:
    """What is wrong with ordering this mode, or ""."""
    known = mode in _RANK or canary_percent(mode) is not None
    return "" if known else f"mode {mode!r} is none of {WORDS}"


def looser(mode: str, than: str) -> bool:
    """Whether `mode` lets something through that `than` does not, for any run. Both must be without a `mode_fault`.

    So of `draft_only` and a canary each is looser than the other: the canary enforces some runs, and has others in
    shadow that `draft_only` lets read and draft.
    """
    # Shares are whole percents: a run of each percent stands for all of them.
    return any(_RANK[_mode_at(mode, at)] < _RANK[_mode_at(than, at)] for at in _PERCENTS)


def tightest(mode: str, ordered: Iterable[str]) -> str:
    """What holds for a run that one word makes `mode`, and others these. All must be of MODES: see `mode_of_run`."""
    return max((mode, *ordered), key=_RANK.__getitem__)


def mode_of_run(written: str, tenant: str, workflow_id: str, run_id: str) -> str:
    """What a mode that a policy or an order says, which may be a canary, is for one run: one of MODES.

    A run is enforced or not for good, whichever worker looks, and one that is enforced at 10 % is so at 20 %.
    """
    return written if written in _RANK else _mode_at(written, _percent_of(tenant, workflow_id, run_id))


def canary_percent(mode: str) -> int | None:
    """How many of a hundred runs a mode enforces where it is a canary; None where it is none."""
    if mode in _RANK:
        return None
    found = _CANARY.fullmatch(mode)
    return int(found[1]) if found else None


def _mode_at(written: str, at_percent: int) -> str:
    """What a mode is for a run that lies at so many of a hundred."""
    percent = canary_percent(written)
    if percent is None:
        return written
    return ENFORCE if at_percent < percent else SHADOW


def _percent_of(tenant: str, workflow_id: str, run_id: str) -> int:
    """Where a run lies, from 0 to 99: a canary enforces it if its share is above that."""
    names = f"{tenant}\0{workflow_id}\0{run_id}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(names, digest_size=8, person=_PERSON).digest()) % _PARTS * 100 // _PARTS
