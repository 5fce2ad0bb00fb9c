"""Modes: what becomes of a policy's verdicts.

`enforce` lets them hold, `read_only` denies writes, `draft_only` turns them into drafts. In `shadow` everything is
decided and recorded, and nothing commanded; `canary:10%` enforces one run in ten and has the others in shadow.
"""

from __future__ import annotations

import re
from hashlib import blake2b

ENFORCE, READ_ONLY, DRAFT_ONLY, SHADOW = "enforce", "read_only", "draft_only", "shadow"
MODES = (ENFORCE, READ_ONLY, DRAFT_ONLY, SHADOW)
CANARY_PATTERN = r"^canary: ?([1-9]|[1-9][0-9])%$"
_CANARY = re.compile(CANARY_PATTERN)
_PERSON = b"toolgate canary"  # no other hash of the same names is the same
_PARTS = 10_000


def canary_percent(mode: str) -> int | None:
    """How many of a hundred runs a mode enforces where it is a canary; None where it is none."""
    found = _CANARY.fullmatch(mode)
    return int(found[1]) if found else None


def in_shadow(mode: str, tenant: str, workflow_id: str, run_id: str) -> bool:
    """Whether what a run asks is decided and recorded only.

    A run is enforced or not for good, whichever worker looks, and one that is enforced at 10 % is so at 20 %.
    """
    if mode == SHADOW:
        return True
    percent = canary_percent(mode)
    return percent is not None and _part_of(tenant, workflow_id, run_id) >= percent * _PARTS // 100


def _part_of(tenant: str, workflow_id: str, run_id: str) -> int:
    names = f"{tenant}\0{workflow_id}\0{run_id}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(names, digest_size=8, person=_PERSON).digest()) % _PARTS
