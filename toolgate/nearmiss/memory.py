"""Denial memory: whether an effect that was denied got through another way, with the commands that did it.

Only what came after the denial, within a day, in the same workflow. What cannot be told is not linked: where nobody
knows which records a call touched, or how much it moved, it is no evidence. Same words and parts by cost are seen in
the audit alone; other words, other tools and parts by a parameter need the intents themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from toolgate.nearmiss.effects import amounts_of
from toolgate.processors.amounts import USD_MICROS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from toolgate.nearmiss.approvals import Approval, Approvals
    from toolgate.nearmiss.bodies import Body, Place
    from toolgate.processors.catalogue import Tool
    from toolgate.schemas.records import Denial

MEMORY_MS = 86_400_000
_SCOPES = (("run", "run_id"), ("agent", "agent_id"), ("workflow", "workflow_id"))
Amounts = dict[str, Decimal]  # by unit, or by the parameter that says it


class Way(StrEnum):
    """How an effect got through."""

    UNCHANGED = "the same call again"
    WORDS = "the same effect in other words"
    TOOL = "another tool of the same system"
    PARTS = "split in parts"


@dataclass(frozen=True, slots=True)
class Through:
    """A denial whose effect got through: by these commands, in this scope, the last so long after the denial."""

    way: Way
    intent_id: str  # the denied one
    scope: str  # run, agent or workflow: the narrowest that has all the commands and the denial
    tools: tuple[str, ...]
    commands: tuple[str, ...]
    after_ms: int


def candidates(denials: Iterable[Denial], approvals: Approvals, most: int) -> list[Approval]:
    """Approvals whose intents are worth reading before it is said what got through; the first `most`."""
    found: dict[str, Approval] = {}
    for denial in denials:
        for one in _near(denial, approvals):
            if len(found) == most:
                break
            found[one.command_id] = one
    return [*found.values()]


def got_through(
    denials: Iterable[Denial], approvals: Approvals, tools: Mapping[str, Tool], bodies: Mapping[Place, Body]
) -> list[Through]:
    """What got through of the effects of some denials: at most one of each way for each of them.

    Args:
        denials: what was denied.
        approvals: what got through.
        tools: of the catalogue, by name; empty where it is not known: then no other tool is looked for.
        bodies: what the intents of both say, by their places; without them, what the audit alone tells.
    """
    found: list[Through] = []
    for denial in denials:
        body = bodies.get((denial.partition, denial.offset))
        # Who is refused by a rule is refused before anybody asks which records the call touches.
        records = frozenset(denial.records) or (body.records if body else None) or frozenset()
        amounts = _decimals(amounts_of(denial)) | (body.numbers if body else {})
        denied = _Denied(denial, records, amounts, body is not None)
        near = [_seen(one, bodies.get(one.place)) for one in _near(denial, approvals)]
        found += _of_one(denied, near, tools)
    return found


@dataclass(frozen=True, slots=True)
class _Denied:
    """A denial with all that is known of its effect. `read`: whether its intent is."""

    denial: Denial
    records: frozenset[str]
    amounts: Amounts
    read: bool


@dataclass(frozen=True, slots=True)
class _Seen:
    """An approval, likewise; `records` None where nobody knows them."""

    approval: Approval
    records: frozenset[str] | None
    amounts: Amounts
    read: bool


def _near(denial: Denial, approvals: Approvals) -> list[Approval]:
    return approvals.after(denial, denial.clk + MEMORY_MS, denial.records)


def _seen(one: Approval, body: Body | None) -> _Seen:
    amounts = _decimals(one.amounts)
    if body is None:
        return _Seen(one, one.records, amounts, read=False)
    return _Seen(
        one, body.records if body.records is not None else one.records, amounts | body.numbers, read=True
    )


def _of_one(denied: _Denied, near: Sequence[_Seen], tools: Mapping[str, Tool]) -> Iterator[Through]:
    # 1. the very same call, 2. its tool on the same records, 3. another tool on them, 4. parts of it
    for way, fits in (
        (Way.UNCHANGED, lambda one: _unchanged(denied, one)),
        (Way.WORDS, lambda one: _reworded(denied, one)),
        (Way.TOOL, lambda one: _by_another(denied, one, tools)),
    ):
        if (found := _first(near, fits)) is not None:
            yield _through(way, denied.denial, [found.approval])
    parts = _parts(denied, [one for one in near if _same_sort(denied, one, tools)], tools)
    if parts:
        yield _through(Way.PARTS, denied.denial, parts)


def _first(near: Sequence[_Seen], fits: Callable[[_Seen], bool]) -> _Seen | None:
    return next(filter(fits, near), None)


def _unchanged(denied: _Denied, one: _Seen) -> bool:
    digest = denied.denial.params_digest
    return one.approval.tool == denied.denial.tool and bool(digest) and one.approval.params_digest == digest


def _reworded(denied: _Denied, one: _Seen) -> bool:
    """Other parameters; the same records and no less moved. Without records, in the same run and the same amounts."""
    denial, approval = denied.denial, one.approval
    if not (denied.read and one.read) or approval.tool != denial.tool:
        return False
    if approval.params_digest == denial.params_digest:
        return False
    if denied.records:
        return one.records == denied.records and _moves_as_much(denied, one.amounts)
    same = bool(denied.amounts) and one.amounts == denied.amounts
    return same and not one.records and approval.run_id == denial.run_id


def _by_another(denied: _Denied, one: _Seen, tools: Mapping[str, Tool]) -> bool:
    if not one.read or one.approval.tool == denied.denial.tool:
        return False
    if not denied.records or one.records != denied.records:
        return False
    # What a call costs is its tool's own price, and says nothing of another's.
    amounts = {unit: amount for unit, amount in one.amounts.items() if unit != USD_MICROS}
    return _same_sort(denied, one, tools) and _moves_as_much(denied, amounts)


def _moves_as_much(denied: _Denied, amounts: Amounts) -> bool:
    """Whether no amount that both name is less; less would be a part of it."""
    return all(amounts.get(unit, amount) >= amount for unit, amount in denied.amounts.items())


def _same_sort(denied: _Denied, one: _Seen, tools: Mapping[str, Tool]) -> bool:
    """Whether a call is of the same tool, or of another of its system that also writes, or also reads."""
    if one.approval.tool == denied.denial.tool:
        return True
    tool, other = tools.get(denied.denial.tool), tools.get(one.approval.tool)
    if tool is None or other is None or not tool.system:
        return False
    return tool.system == other.system and tool.writes == other.writes


def _parts(denied: _Denied, near: Sequence[_Seen], tools: Mapping[str, Tool]) -> list[Approval]:
    """The first calls of one scope, two or more, that come to the denied one together; [] where there are none."""
    if not denied.records:
        return []
    tool = tools.get(denied.denial.tool)
    counted = amounts_of(denied.denial)
    for _, name in _SCOPES:
        whose = getattr(denied.denial, name)
        of_scope = [one for one in near if one.records and getattr(one.approval, name) == whose]
        for unit, amount in denied.amounts.items():
            # A number of a call that only reads is no amount: a page, a limit.
            moved = unit in counted or (tool is not None and tool.writes)
            if moved and (parts := _adding_up(of_scope, denied.records, unit, amount)):
                return parts
        if parts := _covering(of_scope, denied.records):
            return parts
    return []


def _adding_up(near: Sequence[_Seen], wanted: frozenset[str], unit: str, amount: Decimal) -> list[Approval]:
    """Calls on the denied records, each for less, together for as much."""
    parts: list[Approval] = []
    moved = Decimal(0)
    for one in near:
        part = one.amounts.get(unit, Decimal(0))
        if one.records and one.records <= wanted and 0 < part < amount:
            parts.append(one.approval)
            moved += part
        if moved >= amount:
            return parts
    return []


def _covering(near: Sequence[_Seen], wanted: frozenset[str]) -> list[Approval]:
    """Calls on some of the denied records each, on all of them together."""
    parts: list[Approval] = []
    left = set(wanted)
    for one in near:
        if one.records and one.records < wanted and not left.isdisjoint(one.records):
            parts.append(one.approval)
            left -= one.records
        if not left:
            return parts
    return []


def _through(way: Way, denial: Denial, commands: Sequence[Approval]) -> Through:
    scope = next(
        scope
        for scope, name in _SCOPES
        if all(getattr(one, name) == getattr(denial, name) for one in commands)
    )
    return Through(
        way,
        denial.intent_id,
        scope,
        tuple(dict.fromkeys(one.tool for one in commands)),
        tuple(one.command_id for one in commands),
        max(one.clk for one in commands) - denial.clk,
    )


def _decimals(amounts: Mapping[str, int]) -> Amounts:
    return {unit: Decimal(amount) for unit, amount in amounts.items()}
