"""Control state: the fold of the operators' words.

A kill names a scope and a value: a bare name (`billing`) stops it in every tenant, `tenant/name` in one. It stands
until a lift of exactly the same scope and value, whose version is above the kill's offset: said in sight of it. An
activation names the policy set that is in force from then on; an order names the loosest mode that a workflow, a tenant
or everything may be in; a grant allows a workflow or a run for a short time what its policy does not (grants.py). Kinds
of control that this version does not act on change nothing; `supported` says so, and whoever reads the topic puts such
records aside.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from toolgate.processors import grants, modes
from toolgate.processors.grants import GRANT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolgate.processors.grants import Grant
    from toolgate.schemas.records import Control

ALL = "all"
SCOPES = (ALL, "tenant", "workflow", "run", "agent", "tool", "system")
ACTIVATE, MODE = "activate", "mode"
ORDERED_BY = "ordered by "  # before the id of an order, where people are told of it
_SUPPORTED = frozenset({"kill", "lift", ACTIVATE, MODE, GRANT})
_DIGEST = re.compile(r"[0-9a-f]{32}")


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
    fault_of = {ACTIVATE: _malformed_activation, MODE: _malformed_order, GRANT: grants.malformed_grant}
    return fault_of[control.kind](control) if control.kind in fault_of else ""


def _malformed_activation(control: Control) -> str:
    if control.scope != ALL:
        return f"a policy set is activated for scope all, not {control.scope}"
    if _DIGEST.fullmatch(control.policy_digest) is None:
        return "policy_digest is not 32 hex digits"
    return "" if control.checked_by else "checked_by does not say who has loaded the set"


def _malformed_order(control: Control) -> str:
    if control.scope not in modes.SCOPES:
        return f"a mode is ordered for scope {', '.join(modes.SCOPES)}, not {control.scope}"
    return modes.mode_fault(control.mode)


@dataclass(frozen=True, slots=True)
class Kill:
    """A kill that stands."""

    control_id: str
    reason: str
    offset: int


@dataclass(frozen=True, slots=True)
class Order:
    """A mode that an operator, or the watch, has ordered; `enforce` takes back what was ordered before."""

    mode: str  # may be a canary
    version: int
    control_id: str
    reason: str
    evidence: str = ""  # the figures that caused it: JSON, as it was said; "" for none

    @property
    def because(self) -> str:
        """By whose order, as people read it."""
        return f"{ORDERED_BY}{self.control_id}: {self.reason or 'no reason given'}"


@dataclass(frozen=True, slots=True)
class Activation:
    """The policy set that is in force: its digest, "" as long as none was activated, and the version it came with."""

    digest: str = ""
    version: int = 0
    replaced: frozenset[str] = frozenset()  # digests of sets that were in force before and are not now


@dataclass(frozen=True, slots=True)
class ControlState:
    """What holds after the control records below `position`; every worker that read as far has the same."""

    position: int = 0
    kills: Mapping[tuple[str, str], Kill] = field(default_factory=lambda: MappingProxyType({}))
    orders: Mapping[tuple[str, str], Order] = field(default_factory=lambda: MappingProxyType({}))
    policy: Activation = field(default_factory=Activation)
    grants: Mapping[tuple[str, str], Grant] = field(default_factory=lambda: MappingProxyType({}))

    def apply(self, control: Control, offset: int) -> ControlState:
        """The state after the record at `offset`; a record that was applied before changes nothing."""
        if offset < self.position:
            return self
        target = (control.scope, control.value)
        changes: dict[str, Any] = {}
        match control.kind:
            case "kill":
                kill = Kill(control.control_id, control.reason, offset)
                changes = {"kills": MappingProxyType({**self.kills, target: kill})}
            case "lift":
                # One that names what is not there yet would lift whatever comes later: it lifts nothing.
                kept = {
                    key: kill
                    for key, kill in self.kills.items()
                    if key != target or not kill.offset < control.version <= offset
                }
                changes = {"kills": MappingProxyType(kept)}
            case "mode":
                changes = {"orders": MappingProxyType({**self.orders, target: self._order(control)})}
            case "activate":
                changes = {"policy": self._activation(control)}
            case "grant":
                given = grants.grant_of(control, self.grant(*target).version + 1)
                changes = {"grants": MappingProxyType({**self.grants, target: given})}
        return replace(self, position=offset + 1, **changes)

    def _order(self, control: Control) -> Order:
        version = self.order(control.scope, control.value).version + 1
        return Order(control.mode, version, control.control_id, control.reason, control.evidence)

    def _activation(self, control: Control) -> Activation:
        now = self.policy
        # A set that came back is in force: to activate it again brings nothing back.
        replaced = (now.replaced | {now.digest}) - {"", control.policy_digest}
        return Activation(control.policy_digest, control.version, replaced)

    def stale(self, control: Control) -> str:
        """Why a well-formed record does not follow on what holds now, or "".

        A kill, an order that tightens and the end of a grant always do: whatever was said meanwhile, they hold. A
        signed record that lets through more, and that somebody copies to the topic again, does not: its version has
        passed.
        """
        if control.kind == "lift":
            kill = self.kills.get((control.scope, control.value))
            if kill is not None and control.version <= kill.offset:
                return f"version {control.version} does not lift the kill at {kill.offset}, which came later"
        if control.kind == MODE and self.loosens(control):
            standing = self.order(control.scope, control.value)
            if control.version != standing.version + 1:
                return (
                    f"version {control.version} cannot follow on version {standing.version}, {standing.mode}"
                )
        if control.kind == GRANT and not grants.ends(control):
            last = self.grant(control.scope, control.value).version
            if control.version != last + 1:
                return f"version {control.version} cannot follow on version {last} of what was granted here"
        if control.kind == ACTIVATE:
            now = self.policy
            if control.version != now.version + 1:
                return f"version {control.version} cannot follow on version {now.version}, set {now.digest or 'none'}"
            if control.policy_digest in now.replaced and not control.rollback:
                return f"set {control.policy_digest} was replaced before: only a rollback may name it"
        return ""

    def loosens(self, control: Control) -> bool:
        """Whether an order lets through more than the one that stands for exactly the same, or takes it back.

        For any run: nobody gets more by an order that does not.
        """
        standing = self.order(control.scope, control.value).mode
        return control.mode == modes.ENFORCE or modes.looser(control.mode, standing)

    def grant(self, scope: str, value: str) -> Grant:
        """The grant that was given last for exactly this, ended or not; version 0 where none ever was."""
        return self.grants.get((scope, value), grants.NONE)

    def granted_at(self, time_ms: int) -> list[tuple[tuple[str, str], Grant]]:
        """The grants that stand at a time, each with its scope and value."""
        return [(target, grant) for target, grant in self.grants.items() if grant.stands_at(time_ms)]

    def ordered(self) -> list[tuple[tuple[str, str], Order]]:
        """The orders that nobody has taken back, each with its scope and value."""
        return [(target, order) for target, order in self.orders.items() if order.mode != modes.ENFORCE]

    def order(self, scope: str, value: str) -> Order:
        """The order that stands for exactly this; `enforce` in version 0 where none ever was."""
        return self.orders.get((scope, value), _NO_ORDER)

    def mode(
        self, tenant: str, workflow: str, run: str, written: str, *, besides: str = ""
    ) -> tuple[str, Order | None]:
        """The mode of a run whose policy says `written`, one of MODES, and the order that made it so, if one did.

        With `besides` the one that would hold if neither policy nor order had made it that mode.
        """
        written = modes.mode_of_run(written, tenant, workflow, run)
        written = modes.ENFORCE if written == besides else written
        if not self.orders:
            return written, None
        places = ((ALL, ""), ("tenant", tenant), ("workflow", workflow), ("workflow", f"{tenant}/{workflow}"))
        found = (order for place in places if (order := self.orders.get(place)) is not None)
        standing = {modes.mode_of_run(order.mode, tenant, workflow, run): order for order in found}
        standing.pop(besides, None)
        mode = modes.tightest(written, standing)
        return mode, None if mode == written else standing[mode]

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


_NO_ORDER = Order(modes.ENFORCE, 0, "", "")


def _sentence(scope: str, value: str, kill: Kill) -> str:
    what = "everything" if scope == ALL else f"{scope} {value}"
    return f"{what} was stopped by {kill.control_id}: {kill.reason or 'no reason given'}"
