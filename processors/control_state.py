"""Control state: the fold of the operators' words.

A kill names a scope and a value: a bare name (`billing`) stops it in every tenant, `tenant/name` in one. It
stands until a lift of exactly the same scope and value. Kinds of control that this version does not act on change
nothing; `supported` says so, and whoever reads the topic puts such records aside.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolgate.schemas.records import Control

ALL = "all"
SCOPES = (ALL, "tenant", "workflow", "run", "agent", "tool", "system")
_SUPPORTED = frozenset({"kill", "lift"})


def supported(kind: str) -> bool:
    """Whether this version acts on control records of this kind."""
    return kind in _SUPPORTED


def malformed(control: Control) -> str:
    """What is wrong with a record's shape, or "": a kill that names nothing must not pass silently."""
    if control.scope not in SCOPES:
        return f"scope {control.scope!r} is none of {', '.join(SCOPES)}"
    if control.scope == ALL and control.value:
        return f"scope all takes no value, but names {control.value!r}"
    if control.scope != ALL and not control.value:
        return f"scope {control.scope} names no {control.scope}"
    return ""


@dataclass(frozen=True, slots=True)
class Kill:
    """A kill that stands."""

    control_id: str
    reason: str
    offset: int


@dataclass(frozen=True, slots=True)
class ControlState:
    """What holds after the control records below `position`; every worker that read as far has the same."""

    position: int = 0
    kills: Mapping[tuple[str, str], Kill] = field(default_factory=lambda: MappingProxyType({}))

    def apply(self, control: Control, offset: int) -> ControlState:
        """The state after the record at `offset`; a record that was applied before changes nothing."""
        if offset < self.position:
            return self
        after = replace(self, position=offset + 1)
        target = (control.scope, control.value)
        if control.kind == "kill":
            kill = Kill(control.control_id, control.reason, offset)
            return replace(after, kills=MappingProxyType({**self.kills, target: kill}))
        if control.kind == "lift":
            kept = {key: kill for key, kill in self.kills.items() if key != target}
            return replace(after, kills=MappingProxyType(kept))
        return after

    def killed(self, tenant: str, workflow: str, run: str, agent: str, tool: str, system: str) -> str:  # noqa: PLR0913, PLR0917
        """Why this is stopped, as a sentence for people, or "" when nothing stops it."""
        kills = self.kills
        if not kills:
            return ""
        if (kill := kills.get((ALL, ""))) is not None:
            return _sentence(ALL, "", kill)
        scopes = (("tenant", tenant), ("workflow", workflow), ("run", run))
        for scope, name in (*scopes, ("agent", agent), ("tool", tool), ("system", system)):
            for value in (name, f"{tenant}/{name}"):
                if name and (kill := kills.get((scope, value))) is not None:
                    return _sentence(scope, value, kill)
        return ""


def _sentence(scope: str, value: str, kill: Kill) -> str:
    what = "everything" if scope == ALL else f"{scope} {value}"
    return f"{what} was stopped by {kill.control_id}: {kill.reason or 'no reason given'}"
