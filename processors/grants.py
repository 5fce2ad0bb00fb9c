"""Grants: what two operators allow for a short time although a policy does not. An emergency's way in: break-glass.

A grant names a workflow or a run, as a kill does, and tools by globs. It widens what a policy allows and nothing else:
break_glass.py says what it waives. One stands for each scope and value; a newer one replaces it, and one that names no
tools ends it. Its end is a time of the ledger's clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from toolgate.processors.amounts import duration
from toolgate.processors.names import compile_globs, glob_fault, id_fault

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping

    from toolgate.schemas.records import Control

GRANT = "grant"
SCOPES = ("workflow", "run")
LIFE_MS_MAX = 4 * 3_600_000  # who needs it longer changes the policy, or grants again
TOOLS_MAX = 64
SIGNERS_MIN, ISSUERS_MAX = 2, 8
REASON_CHARS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant that was given. It covers nothing after `expires_at`, and nothing at all where it names no tools."""

    control_id: str
    tools: tuple[str, ...]
    expires_at: int
    version: int
    reason: str
    issued_by: tuple[str, ...]
    pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pattern", compile_globs(self.tools))

    def stands_at(self, time_ms: int) -> bool:
        """Whether it allows anything at that time."""
        return bool(self.tools) and time_ms <= self.expires_at


NONE = Grant("", (), 0, 0, "", ())


def grant_of(control: Control, version: int) -> Grant:
    """The grant that a well-formed record gives; one without tools where it ends what stands."""
    return Grant(
        control.control_id,
        control.tools,
        control.expires_at or 0,
        version,
        control.reason,
        control.issued_by,
    )


def ends(control: Control) -> bool:
    """Whether a record of kind grant only ends what stands."""
    return not control.tools


def malformed_grant(control: Control) -> str:
    """What is wrong with the shape of a record of kind grant, or ""."""
    if control.scope not in SCOPES:
        return f"a grant is for scope {' or '.join(SCOPES)}, not {control.scope}"
    people = len(set(control.issued_by))
    if not ends(control) and people < SIGNERS_MIN:
        return f"a grant is issued by {SIGNERS_MIN} people, this one by {people}"
    if fault := _bounds_fault(control):
        return fault
    if not control.reason.strip():
        return "a grant needs a reason"
    if ends(control) != (control.expires_at is None):
        return "it has an expiry and names no tools" if ends(control) else "it has no expiry"
    return _tools_fault(control)


def _bounds_fault(control: Control) -> str:
    """All of this stands in what is written about each command: an output that is too large would fail for ever."""
    if fault := id_fault(control.control_id):
        return f"control_id {fault}"
    if len(control.issued_by) > ISSUERS_MAX:
        return f"it is issued by {len(control.issued_by):,} people, at most {ISSUERS_MAX} are allowed"
    if fault := next((fault for kid in control.issued_by if (fault := id_fault(kid))), ""):
        return f"issued_by {fault}"
    if len(control.reason) > REASON_CHARS_MAX:
        return f"its reason has {len(control.reason):,} characters, at most {REASON_CHARS_MAX:,} are allowed"
    return ""


def _tools_fault(control: Control) -> str:
    if len(control.tools) > TOOLS_MAX:
        return f"it names {len(control.tools):,} tools, at most {TOOLS_MAX} are allowed"
    return next((f"tool {glob[:64]!r} {fault}" for glob in control.tools if (fault := glob_fault(glob))), "")


def life_fault(control: Control, time_ms: int) -> str:
    """Why a grant that was appended at `time_ms` lives too long or not at all, or ""."""
    if ends(control) or control.expires_at is None:
        return ""
    life_ms = control.expires_at - time_ms
    if life_ms <= 0:
        return f"it had ended {-life_ms:,} ms before it was written"
    if life_ms > LIFE_MS_MAX:
        return f"it would stand for {life_ms:,} ms, at most {duration(LIFE_MS_MAX)} are allowed"
    return ""


def granted(  # noqa: PLR0913, PLR0917 - what a call is known by
    grants: Mapping[tuple[str, str], Grant], tenant: str, workflow: str, run: str, tool: str, time_ms: int
) -> Grant | None:
    """The grant that covers a call of a tool at `time_ms`, the one that ends last; None where none does."""
    places = [
        (scope, value)
        for scope, name in zip(SCOPES, (workflow, run), strict=True)
        for value in (name, f"{tenant}/{name}")
    ]
    found = [
        grant
        for place in places
        if (grant := grants.get(place)) and grant.stands_at(time_ms) and grant.pattern.fullmatch(tool)
    ]
    return max(found, key=lambda grant: grant.expires_at, default=None)
