"""Changes: what in a policy would let a cluster through, as keys with what stands there and what would.

Figures are of the denials as they were decided: had one been allowed, the next would have found less room. What a
change would really have let through is for a replay to say (`proposing.py`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolgate.nearmiss.needs import limit_of, upwards
from toolgate.processors.amounts import MICROS_PER_USD, USD_MICROS
from toolgate.processors.reasons import Code

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from toolgate.nearmiss.clusters import Cluster
    from toolgate.nearmiss.needs import Need
    from toolgate.schemas.records import Reason

MOST_OF_TEN = 8  # a change that lets so many of ten through is told before the one for all
_NUMBERED = re.compile(r"(budgets|blast_radius)\[(\d{1,2})\]\Z")
_LIMITS = ("limits.max_cost_usd", "limits.max_tool_calls")
_BY_CONTRACT = "contract."
_OF_ACCOUNTS = frozenset({Code.BUDGET_EXCEEDED, Code.CALLS_EXCEEDED, Code.BLAST_RADIUS})


@dataclass(frozen=True, slots=True)
class Edit:
    """One value of a policy. `path`: from the policy's top, rules by their ids.

    It is put in place of what stands there; into the list there, with `add`; or, with `literal`, in place of that
    number in the condition there, for which what is judged was too high (`up`) or too low.
    """

    path: tuple[str | int, ...]
    value: str  # as it is written in YAML
    add: bool = False
    literal: str = ""
    up: bool = True


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a change: `now` and `then` as people write them, `now` "" where nothing stands there."""

    name: str
    now: str
    then: str
    edit: Edit


@dataclass(frozen=True, slots=True)
class Change:
    """Keys that would all have to change.

    `lets` of `of` denials would have met no reason any more, or people would have been asked where `holds`. One by one,
    where they take from accounts: each as those stood then; with `together`, all of them.
    """

    keys: tuple[Key, ...]
    lets: int
    of: int
    holds: bool = False
    counted: bool = False  # whether any key is the limit of an account
    together: bool = False

    def __str__(self) -> str:
        """`limits.max_cost_usd: 0.35 -> 0.36 lets 12 of 14 through one by one`."""
        keys = ", ".join(f"{key.name}: {f'{key.now} -> ' if key.now else ''}{key.then}" for key in self.keys)
        lets = f"{self.lets:,} of {self.of:,}"
        how = " together" if self.together else " one by one" if self.counted else ""
        return f"{keys} {f'asks people about {lets}' if self.holds else f'lets {lets} through'}{how}"


def changes(cluster: Cluster) -> list[Change]:
    """What would let the cluster through, what is least first.

    Most of it, where less is enough for that; all that has figures, one by one; all of that together, where they share
    an account; people. Empty where no key of a policy does: parameters that do not fit, a stop, a limit of the run's
    contract.
    """
    reasons = cluster.reasons()
    if not reasons or not all(map(_changeable, reasons)):
        return []
    by_rule = [reason.code == Code.RULE_DENIED for reason in reasons]
    columns = [*zip(*cluster.needs, strict=True)]
    found: list[Change] = []
    if all(
        not rule or (reason.limit is not None and need is not None)
        for rule, reason, need in zip(by_rule, reasons, _every(columns), strict=True)
    ):
        most, every = _most(cluster.needs), _every(columns)
        found = [_change(cluster, reasons, target) for target in (most, every)]
        found = found[1:] if found[0].lets == found[1].lets else found
        target = tuple(_shared(cluster, reason, need) for reason, need in zip(reasons, every, strict=True))
        if target != every:
            found.append(_change(cluster, reasons, target, together=True))
    if any(by_rule):
        target = tuple(None if rule else need for rule, need in zip(by_rule, _every(columns), strict=True))
        found.append(_change(cluster, reasons, target, holds=True))
    return [change for change in found if change.lets]


def why_none(cluster: Cluster) -> str:
    """Why no change is told; "" where one is."""
    for reason in cluster.reasons():
        if not _changeable(reason):
            return _BEYOND.get(reason.code) or (
                "the run's contract says so, and whoever starts the run writes that"
                if reason.rule.startswith(_BY_CONTRACT)
                else "no single value of the policy decides about it"
            )
    return ""


def change_as_json(change: Change) -> dict[str, Any]:
    """A change as plain data."""
    return {
        "keys": [{"key": key.name, "now": key.now, "then": key.then} for key in change.keys],
        "lets": change.lets,
        "of": change.of,
        "asks_people": change.holds,
        "together": change.together,
        "text": str(change),
    }


_BEYOND: dict[str, str] = {
    Code.PARAMS_SCHEMA: "the parameters do not fit the tool: the agent has to repair the call",
    Code.PARAMS_NOT_JSON: "the parameters are no JSON: the agent has to repair the call",
    Code.TOOL_DENIED: "denied_tools names the tool, and deny wins over allow",
    Code.TOOL_UNKNOWN: "the catalogue has no such tool",
    Code.READ_ONLY: "the workflow's mode lets no write through",
    Code.RATE_LIMITED: "it only came too soon: waiting is enough",
    Code.ATTEMPTS_LIMITED: "it only came too soon: waiting is enough",
    Code.TOO_MANY_DENIALS: "the run was stopped because of its earlier denials: look at those",
    Code.KILLED: "an operator has stopped it",
    Code.READ_FIRST: "the agent has to read first",
    Code.HISTORY_REQUIRED: "another call must come first",
    Code.RUN_LATCHED: "the run is stopped: one of its budgets is overdrawn",
}


def _changeable(reason: Reason) -> bool:
    match reason.code:
        case code if code in _OF_ACCOUNTS:
            known = reason.rule in _LIMITS or _NUMBERED.match(reason.rule) is not None
            return known and reason.limit is not None and reason.distance is not None
        case Code.RULE_DENIED | Code.TOOL_NOT_ALLOWED:
            return True
        case _:
            return False


def _change(
    cluster: Cluster,
    reasons: tuple[Reason, ...],
    target: Need,
    *,
    holds: bool = False,
    together: bool = False,
) -> Change:
    keys = tuple(
        _key(reason, cluster.effect.tool, need) for reason, need in zip(reasons, target, strict=True)
    )
    lets = sum(times for need, times in cluster.needs.items() if _fits(need, target))
    counted = any(reason.code in _OF_ACCOUNTS for reason in reasons)
    return Change(keys, lets, cluster.count, holds, counted, together)


def _shared(cluster: Cluster, reason: Reason, need: int | None) -> int | None:
    """The limit under which all would have had room in the one account that they share.

    Runs have accounts of their own, and records may be the same ones: there nothing is added up.
    """
    if reason.code != Code.BUDGET_EXCEEDED or reason.scope in {"run", "agent"} or need is None:
        return need
    all_of_them = cluster.together[reason.code, reason.rule]
    return max(need, all_of_them.used + all_of_them.asked)


def _most(needs: Mapping[Need, int]) -> Need:
    """Of each reason what eight of ten denials would have been content with."""
    wanted = -(-sum(needs.values()) * MOST_OF_TEN // 10)
    found: list[int | None] = []
    for place in range(len(next(iter(needs)))):
        column = sorted((need[place], times) for need, times in needs.items() if need[place] is not None)
        content, chosen = 0, None
        for limit, times in column:
            content, chosen = content + times, limit
            if content >= wanted:
                break
        found.append(chosen)
    return tuple(found)


def _every(columns: Iterable[tuple[int | None, ...]]) -> Need:
    """Of each reason what every denial that has a figure would have been content with."""
    return tuple(max((need for need in column if need is not None), default=None) for column in columns)


def _fits(need: Need, target: Need) -> bool:
    """Whether a denial would have met no reason under these limits."""
    return all(
        limit is None or (wanted is not None and wanted <= limit)
        for wanted, limit in zip(need, target, strict=True)
    )


def _key(reason: Reason, tool: str, need: int | None) -> Key:
    if reason.code == Code.TOOL_NOT_ALLOWED:
        return Key("allowed_tools", "", f"+ {tool}", Edit(("allowed_tools",), tool, add=True))
    if reason.code == Code.RULE_DENIED:
        if need is None:
            return Key(
                f"rules.{reason.rule}.then", "deny", "hold", Edit(("rules", reason.rule, "then"), "hold")
            )
        now, then = str(reason.limit), str(limit_of(need, reason))
        path = ("rules", reason.rule, "when")
        return Key(".".join(path), now, then, Edit(path, then, literal=now, up=upwards(reason)))
    now, then = _written(reason.limit or 0, reason.unit), _written(need or 0, reason.unit)
    numbered = _NUMBERED.match(reason.rule)
    if numbered:
        return Key(f"{reason.rule}.max", now, then, Edit((numbered[1], int(numbered[2]), "max"), then))
    return Key(reason.rule, now, then, Edit(tuple(reason.rule.split(".")), then))


def _written(value: int, unit: str) -> str:
    """An amount as policies have it."""
    if unit != USD_MICROS:
        return str(value)
    whole, rest = divmod(value, MICROS_PER_USD)
    return f"{whole}.{f'{rest:06d}'.rstrip('0').ljust(2, '0')}"
