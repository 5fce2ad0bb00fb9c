"""Stopping, letting go, and modes: what stands, and an operator's word about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.processors import modes
from toolgate.processors.control_state import ALL, SCOPES
from toolgate.review import orders
from toolgate.streams.errors import ControlRefusedError

if TYPE_CHECKING:
    from starlette.responses import Response

    from toolgate.console.site import Visit
    from toolgate.processors.keyring import StarterKey

PATH = "/control"
_REASON_CHARS_MAX = 500
_REMEDY = "correct it and send it again"


async def control(visit: Visit) -> Response:
    """What is stopped, which lifts wait for a second person, and which modes are ordered."""
    standing = await visit.ask(visit.site.desk.standing)
    return visit.page(
        "control.html",
        "control",
        kills=[(scope, value, kill) for (scope, value), kill in standing.kills.items()],
        proposals=visit.site.proposals.all(),
        standing=[
            (scope, value, order)
            for (scope, value), order in standing.orders.items()
            if order.mode != modes.ENFORCE
        ],
        scopes=SCOPES,
        modes=modes.MODES,
        scope=visit.query("scope"),
        value=visit.query("value"),
    )


async def kill(visit: Visit, fields: dict[str, str]) -> str:
    """Stop something. Raises ControlRefusedError."""
    key, reason = _operator(visit), _reason(fields)
    scope, value = _target(fields)
    after = await visit.ask(visit.site.desk.kill, key, scope, value, reason)
    visit.session.tell("done", f"{_named(scope, value)} is stopped: nothing is approved after seq {after}.")
    return PATH


async def propose_lift(visit: Visit, fields: dict[str, str]) -> str:
    """Sign a lift as the first of two. Raises ControlRefusedError."""
    key, reason = _operator(visit), _reason(fields)
    scope, value = fields.get("scope", ""), fields.get("value", "")
    standing = await visit.ask(visit.site.desk.standing)
    if (scope, value) not in standing.kills:
        raise _refused(f"{_named(scope, value)} is not stopped")
    halves = await visit.ask(visit.site.desk.half_lift, key, scope, value, reason)
    if not halves:
        raise _refused("the keyring has no second operator")
    visit.site.proposals.add(scope, value, reason, key.kid, halves)
    visit.site.hub.publish(("control",))
    visit.session.tell(
        "done", f"You have signed. {_named(scope, value)} is let go when a second operator signs."
    )
    return PATH


async def confirm_lift(visit: Visit, fields: dict[str, str]) -> str:
    """Sign it as the second, and say it. Raises ControlRefusedError."""
    key, proposal = _operator(visit), visit.site.proposals.find(fields.get("proposal", ""))
    if proposal is None:
        raise _refused("this lift waits no longer: it was said, taken back, or is too old")
    half = proposal.halves.get(key.kid)
    if half is None:
        raise _refused(
            "it takes two: you have signed it already" if proposal.by == key.kid else "you may not sign it"
        )
    after = await visit.ask(visit.site.desk.lift, key, half)
    visit.site.proposals.drop(proposal.id)
    visit.site.hub.publish(("control",))
    visit.session.tell("done", f"{_named(proposal.scope, proposal.value)} is let go after seq {after}.")
    return PATH


async def withdraw_lift(visit: Visit, fields: dict[str, str]) -> str:
    """Take back what waits for a second signature; any operator may, since it leaves the kill standing."""
    _operator(visit)
    visit.site.proposals.drop(fields.get("proposal", ""))
    visit.site.hub.publish(("control",))
    return PATH


async def order(visit: Visit, fields: dict[str, str]) -> str:
    """Order a mode, or take an order back. Raises ControlRefusedError."""
    key, reason = _operator(visit), _reason(fields)
    workflow, mode = fields.get("workflow", "").strip(), fields.get("mode", "")
    if not workflow:
        raise _refused("no workflow is named")
    if fault := modes.mode_fault(mode):
        raise _refused(fault)
    scope, value = orders.target(workflow, fields.get("tenant", "").strip() or None)
    await visit.ask(visit.site.desk.order, key, scope, value, mode, reason)
    stands = "no order stands any more" if mode == modes.ENFORCE else f"at most {mode}"
    visit.session.tell("done", f"{_named(scope, value)}: {stands}.")
    return PATH


def _operator(visit: Visit) -> StarterKey:
    person = visit.session.person
    if person.key is None or not person.operates:
        raise _refused("you have no key of an operator")
    return person.key


def _target(fields: dict[str, str]) -> tuple[str, str]:
    scope, name, tenant = (fields.get(key, "").strip() for key in ("scope", "value", "tenant"))
    if scope not in SCOPES:
        raise _refused("no scope is named")
    if (scope == ALL) == bool(name):
        raise _refused(f"scope {scope} takes {'no name' if scope == ALL else 'a name'}")
    return scope, orders.of_tenant(name, tenant) if name else ""


def _reason(fields: dict[str, str]) -> str:
    reason = fields.get("reason", "").strip()[:_REASON_CHARS_MAX]
    if not reason:
        raise _refused("say why: others must know")
    return reason


def _named(scope: str, value: str) -> str:
    return "Everything" if scope == ALL else f"{scope} {value}"


def _refused(what: str) -> ControlRefusedError:
    return ControlRefusedError(what, remedy=_REMEDY)
