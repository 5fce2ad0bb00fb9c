"""Denial memory: whether an effect that was denied got through another way, with the commands that did it.

Only what came after the denial, within a day, in the same workflow. What cannot be told is not linked: where nobody
knows which records a call touched, it is no evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from toolgate.nearmiss.effects import amounts_of
from toolgate.processors.amounts import USD_MICROS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from toolgate.nearmiss.approvals import Approval, Approvals
    from toolgate.processors.catalogue import Tool
    from toolgate.schemas.records import Denial

MEMORY_MS = 86_400_000
_SCOPES = (("run", "run_id"), ("agent", "agent_id"), ("workflow", "workflow_id"))


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


def got_through(
    denials: Iterable[Denial],
    approvals: Approvals,
    tools: Mapping[str, Tool],
    named: Mapping[str, frozenset[str]],
) -> list[Through]:
    """What got through of the effects of some denials: at most one of each way for each of them.

    Args:
        denials: what was denied.
        approvals: what got through.
        tools: of the catalogue, by name; empty where it is not known: then no other tool is looked for.
        named: the records of approvals whose audit names none, by command id.
    """
    found: list[Through] = []
    for denial in denials:
        near = approvals.after(denial, denial.clk + MEMORY_MS, denial.records)
        looked = [
            _Seen(one, one.records if one.records is not None else named.get(one.command_id)) for one in near
        ]
        found += _of_one(denial, looked, tools)
    return found


def unnamed(denials: Iterable[Denial], approvals: Approvals, most: int) -> list[Approval]:
    """Approvals that may be evidence once somebody says which records they touched; the first `most`."""
    found: dict[str, Approval] = {}
    for denial in denials:
        if denial.records:
            for one in approvals.after(denial, denial.clk + MEMORY_MS, ()):
                if one.records is None and len(found) < most:
                    found[one.command_id] = one
    return [*found.values()]


@dataclass(frozen=True, slots=True)
class _Seen:
    """An approval with its records; None where nobody knows them."""

    approval: Approval
    records: frozenset[str] | None


def _of_one(denial: Denial, near: Sequence[_Seen], tools: Mapping[str, Tool]) -> Iterator[Through]:
    wanted = frozenset(denial.records)
    # 1. the very same call, 2. the same tool on the same records, 3. another tool on the same records, 4. parts of it
    for way, found in (
        (Way.UNCHANGED, _first(near, lambda one: _unchanged(denial, one.approval))),
        (Way.WORDS, _first(near, lambda one: _reworded(denial, wanted, one))),
        (Way.TOOL, _first(near, lambda one: _by_another(denial, wanted, one, tools))),
    ):
        if found is not None:
            yield _through(way, denial, [found.approval])
    parts = _parts(denial, wanted, [one for one in near if _same_sort(denial, one.approval, tools)])
    if parts:
        yield _through(Way.PARTS, denial, parts)


def _first(near: Sequence[_Seen], fits: Callable[[_Seen], bool]) -> _Seen | None:
    return next(filter(fits, near), None)


def _unchanged(denial: Denial, one: Approval) -> bool:
    return (
        one.tool == denial.tool and bool(denial.params_digest) and one.params_digest == denial.params_digest
    )


def _reworded(denial: Denial, wanted: frozenset[str], one: _Seen) -> bool:
    """Other parameters; the same records and no less moved. Without records, in the same run and the same amounts."""
    approval = one.approval
    if approval.tool != denial.tool or approval.params_digest == denial.params_digest:
        return False
    if wanted:
        return one.records == wanted and _moves_as_much(denial, approval.amounts)
    moved = amounts_of(denial)
    same = bool(moved) and all(approval.amounts.get(unit) == amount for unit, amount in moved.items())
    return same and not one.records and approval.run_id == denial.run_id


def _by_another(denial: Denial, wanted: frozenset[str], one: _Seen, tools: Mapping[str, Tool]) -> bool:
    if one.approval.tool == denial.tool or not wanted or one.records != wanted:
        return False
    # What a call costs is its tool's own price, and says nothing of another's.
    amounts = {unit: amount for unit, amount in one.approval.amounts.items() if unit != USD_MICROS}
    return _same_sort(denial, one.approval, tools) and _moves_as_much(denial, amounts)


def _moves_as_much(denial: Denial, amounts: Mapping[str, int]) -> bool:
    """Whether no unit that both name has less; less would be a part of it."""
    return all(amounts.get(unit, amount) >= amount for unit, amount in amounts_of(denial).items())


def _same_sort(denial: Denial, one: Approval, tools: Mapping[str, Tool]) -> bool:
    """Whether a call is of the same tool, or of another of its system that also writes, or also reads."""
    if one.tool == denial.tool:
        return True
    denied, other = tools.get(denial.tool), tools.get(one.tool)
    if denied is None or other is None or not denied.system:
        return False
    return denied.system == other.system and denied.writes == other.writes


def _parts(denial: Denial, wanted: frozenset[str], near: Sequence[_Seen]) -> list[Approval]:
    """The first calls of one scope, two or more, that come to the denied one together; [] where there are none."""
    if not wanted:
        return []
    for _, name in _SCOPES:
        of_scope = [
            one for one in near if one.records and getattr(one.approval, name) == getattr(denial, name)
        ]
        for unit, amount in amounts_of(denial).items():
            if parts := _adding_up(of_scope, wanted, unit, amount):
                return parts
        if parts := _covering(of_scope, wanted):
            return parts
    return []


def _adding_up(near: Sequence[_Seen], wanted: frozenset[str], unit: str, amount: int) -> list[Approval]:
    """Calls on the denied records, each for less, together for as much."""
    parts: list[Approval] = []
    moved = 0
    for one in near:
        part = one.approval.amounts.get(unit, 0)
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
