"""Stopping, letting go, granting, and modes: what stands, and an operator's word about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.processors import grants, modes
from toolgate.processors.amounts import parse_duration_ms
from toolgate.processors.control_state import ALL, SCOPES, ControlState
from toolgate.processors.grants import GRANT
from toolgate.review import orders
from toolgate.streams.errors import ControlRefusedError, UnreachableError

if TYPE_CHECKING:
    from starlette.responses import Response

    from toolgate.console.site import Visit
    from toolgate.processors.keyring import StarterKey
    from toolgate.schemas.records import Control

PATH = "/control"
_REASON_CHARS_MAX = 500
_CANARY = "canary"  # with the field that says of how many runs
_REMEDY = "correct it and send it again"
_DOES = {"lift": "let go", GRANT: "granted"}


async def control(visit: Visit) -> Response:
    """What is stopped, granted and ordered, and what waits for a second signature."""
    standing = await visit.ask(visit.site.desk.standing)
    now_ms = visit.site.now_ms()
    return visit.page(
        "control.html",
        "control",
        kills=[(*target, kill) for target, kill in standing.kills.items()],
        granted=[(*target, grant) for target, grant in standing.granted_at(now_ms)],
        proposals=visit.site.proposals.all(),
        standing=[(*target, order) for target, order in standing.ordered()],
        scopes=SCOPES,
        grant_scopes=grants.SCOPES,
        modes=(*modes.MODES, _CANARY),
        scope=visit.query("scope"),
        value=visit.query("value"),
    )


async def kill(visit: Visit, fields: dict[str, str]) -> str:
    """Stop something. Raises ControlRefusedError."""
    key, reason = _operator(visit), _reason(fields)
    scope, value = _target(fields, SCOPES)
    # In sight of nothing: a kill always holds, and must not wait until a page has read all of control.
    word = orders.stopping("kill", scope, value, reason, (key.kid,), ControlState())
    after = await visit.ask(visit.site.desk.say, key, word)
    visit.session.tell("done", f"{_named(scope, value)} is stopped: nothing is approved after seq {after}.")
    return PATH


async def order(visit: Visit, fields: dict[str, str]) -> str:
    """Order a mode, or take an order back. Raises ControlRefusedError."""
    key, reason = _operator(visit), _reason(fields)
    workflow, mode = fields.get("workflow", "").strip(), fields.get("mode", "")
    if mode == _CANARY:
        mode = f"canary:{fields.get('share', '').strip()}%"
    if not workflow:
        raise _refused("no workflow is named")
    if fault := modes.mode_fault(mode):
        raise _refused(fault)
    scope, value = orders.target(workflow, fields.get("tenant", "").strip() or None)
    standing = await visit.ask(visit.site.desk.standing)
    word = orders.ordering(scope, value, mode, reason, (key.kid,), standing)
    after = await visit.ask(visit.site.desk.say, key, word)
    stands = "no order stands any more" if mode == modes.ENFORCE else f"at most {mode}"
    visit.session.tell("done", f"{_named(scope, value)}: {stands}, after seq {after}.")
    return PATH


async def revoke(visit: Visit, fields: dict[str, str]) -> str:
    """End a grant. Raises ControlRefusedError."""
    key, reason = _operator(visit), _reason(fields)
    scope, value = fields.get("scope", ""), fields.get("value", "")
    standing = await visit.ask(visit.site.desk.standing)
    if not standing.grant(scope, value).tools:
        raise _refused(f"nothing is granted to {_named(scope, value)}")
    after = await visit.ask(visit.site.desk.say, key, orders.revoking(scope, value, reason, (key.kid,)))
    visit.session.tell("done", f"{_named(scope, value)} may do what its policy allows, after seq {after}.")
    return PATH


async def propose_lift(visit: Visit, fields: dict[str, str]) -> str:
    """Sign a lift as the first of two. Raises ControlRefusedError."""
    key, reason = _operator(visit), _reason(fields)
    scope, value = fields.get("scope", ""), fields.get("value", "")
    standing = await visit.ask(visit.site.desk.standing)
    if (scope, value) not in standing.kills:
        raise _refused(f"{_named(scope, value)} is not stopped")
    return await _propose(visit, key, orders.stopping("lift", scope, value, reason, (key.kid,), standing))


async def propose_grant(visit: Visit, fields: dict[str, str]) -> str:
    """Sign a grant as the first of two; its time begins now. Raises ControlRefusedError."""
    key, reason = _operator(visit), _reason(fields)
    scope, value = _target(fields, grants.SCOPES)
    tools = tuple(fields.get("tools", "").replace(",", " ").split())
    now_ms = visit.site.now_ms()
    try:
        expires_at = now_ms + parse_duration_ms(fields.get("life", "").strip())
    except ValueError as error:
        raise _refused(f"for how long: {error}") from None
    if not tools:
        raise _refused("no tool is named")
    standing = await visit.ask(visit.site.desk.standing)
    word = orders.granting(scope, value, reason, (key.kid,), standing, tools=tools, expires_at=expires_at)
    if fault := grants.life_fault(word, now_ms):
        raise _refused(fault)
    return await _propose(visit, key, word)


async def confirm(visit: Visit, fields: dict[str, str]) -> str:
    """Sign what waits as the second, and say it. Raises ControlRefusedError."""
    key, proposal = _operator(visit), visit.site.proposals.find(fields.get("proposal", ""))
    if proposal is None:
        raise _refused("this waits no longer: it was said, taken back, or is too old")
    half = proposal.halves.get(key.kid)
    if half is None:
        who = "you have signed it already" if proposal.by == key.kid else "you may not sign it"
        raise _refused(f"it takes two: {who}")
    # Before it is said: of two who press at the same time, one says it.
    visit.site.proposals.drop(proposal.id)
    try:
        after = await visit.ask(visit.site.desk.say_as_second, key, half)
    except UnreachableError:
        visit.site.proposals.put_back(proposal)
        raise
    finally:
        visit.site.hub.publish(("control",))
    word = proposal.word
    visit.session.tell("done", f"{_named(word.scope, word.value)}: {_DOES[word.kind]} after seq {after}.")
    return PATH


async def withdraw(visit: Visit, fields: dict[str, str]) -> str:
    """Take back what waits for a second signature; any operator may, since it leaves all as it stands."""
    _operator(visit)
    visit.site.proposals.drop(fields.get("proposal", ""))
    visit.site.hub.publish(("control",))
    return PATH


async def _propose(visit: Visit, key: StarterKey, word: Control) -> str:
    halves = await visit.ask(visit.site.desk.half_signed, key, word)
    if not halves:
        raise _refused("the keyring has no second operator")
    visit.site.proposals.add(word, halves)
    visit.site.hub.publish(("control",))
    what = f"{_named(word.scope, word.value)} is {_DOES[word.kind]} when a second operator signs"
    visit.session.tell("done", f"You have signed. {what}.")
    return PATH


def _operator(visit: Visit) -> StarterKey:
    person = visit.session.person
    if person.key is None or not person.operates:
        raise _refused("you have no key of an operator")
    return person.key


def _target(fields: dict[str, str], scopes: tuple[str, ...]) -> tuple[str, str]:
    scope, name, tenant = (fields.get(key, "").strip() for key in ("scope", "value", "tenant"))
    if scope not in scopes:
        raise _refused("no scope is named")
    if (scope == ALL) == bool(name):
        raise _refused(f"scope {scope} takes {'no name' if scope == ALL else 'a name'}")
    return scope, orders.of_tenant(name, tenant or None) if name else ""


def _reason(fields: dict[str, str]) -> str:
    reason = fields.get("reason", "").strip()[:_REASON_CHARS_MAX]
    if not reason:
        raise _refused("say why: others must know")
    return reason


def _named(scope: str, value: str) -> str:
    return "Everything" if scope == ALL else f"{scope} {value}"


def _refused(what: str) -> ControlRefusedError:
    return ControlRefusedError(what, remedy=_REMEDY)
