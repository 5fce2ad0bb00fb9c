"""History: what a run must have done before a call, and how often or for how much it may do something.

Each is a counter of the run in the ledger, so it is exact also for calls that are sent at the same time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolgate.processors.claims import AMOUNT_MAX, RUN_KEEP_MS, Claim, Count, Label, Require
from toolgate.processors.names import compile_globs
from toolgate.processors.paths import steps, values_at
from toolgate.processors.reasons import Code
from toolgate.schemas.strict_json import digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolgate.processors.catalogue import Tool
    from toolgate.processors.paths import Steps
    from toolgate.processors.policy_file import Policy
    from toolgate.processors.requirement import Requirement

VALUES_MAX = 16  # that one call names for one requirement


class HistoryError(Exception):
    """What a requirement is about cannot be told from a call's parameters; the rule, its sentence and why."""

    def __init__(self, plan: HistoryPlan, why: str) -> None:
        super().__init__(why)
        self.rule = plan.label.rule
        self.because = f"{plan.label.because} (the requirement could not be evaluated: {why})"


@dataclass(frozen=True, slots=True)
class HistoryPlan:
    """One requirement as one tool meets it. `max` None: calls of this tool are only counted, or must be."""

    label: Label
    by: Steps | None
    identical: bool
    amount: Steps | None
    max: int | None
    needed: bool  # the count must stand at one at least


def history_plans(policy: Policy, tool: Tool) -> tuple[HistoryPlan, ...]:
    """What the policy's requirements ask of a call of this tool, and what it counts for."""
    return tuple(plan for one in policy.requires for plan in _plans(one, tool))


def history_claims(
    plan: HistoryPlan, run_id: str, params: dict[str, Any], params_digest: str
) -> Iterator[Claim]:
    """The claims of a call; HistoryError when its parameters do not say what they are about."""
    for value, amount in _counted(plan, params, params_digest):
        key = f"run:{run_id}:requires:{plan.label.rule}:{value}"
        if plan.needed:
            yield Require(key, 1, plan.label, RUN_KEEP_MS)
        else:
            yield Count(key, amount, plan.max, plan.label, RUN_KEEP_MS)


def _plans(one: Requirement, tool: Tool) -> Iterator[HistoryPlan]:
    by = steps(one.by) if one.by else None
    about = compile_globs(tuple(one.tools)).fullmatch(tool.name) is not None
    if one.after is None:
        if about:
            unit = "calls" if one.amount is None else steps(one.amount)[-1]
            label = Label(Code.HISTORY_EXCEEDED, one.id, "run", unit, one.because)
            amount = steps(one.amount) if one.amount else None
            yield HistoryPlan(label, by, one.identical, amount, one.at_most, needed=False)
        return
    label = Label(Code.HISTORY_REQUIRED, one.id, "run", "calls", one.because)
    if about:
        yield HistoryPlan(label, by, one.identical, None, None, needed=True)
    if compile_globs(tuple(one.after)).fullmatch(tool.name):
        earlier = steps(one.after_by) if one.after_by else by
        yield HistoryPlan(label, earlier, one.identical, None, None, needed=False)


def _counted(plan: HistoryPlan, params: dict[str, Any], params_digest: str) -> list[tuple[str, int]]:
    """By name of what is counted, how much."""
    names = [params_digest] if plan.identical else [""] if plan.by is None else _names(plan, params, plan.by)
    if plan.amount is None:
        return [(name, 1) for name in dict.fromkeys(names)]
    amounts = values_at(params, plan.amount)
    if any(type(amount) is not int or not 0 <= amount <= AMOUNT_MAX for amount in amounts):
        raise HistoryError(plan, "an amount is no whole number between 0 and 2^53 - 1")
    if plan.by is None:
        return [(names[0], sum(amounts))]
    if len(amounts) != len(names):
        raise HistoryError(plan, f"there are {len(names)} names and {len(amounts)} amounts")
    totals: dict[str, int] = {}
    for name, amount in zip(names, amounts, strict=True):
        totals[name] = totals.get(name, 0) + amount
    return list(totals.items())


def _names(plan: HistoryPlan, params: dict[str, Any], path: Steps) -> list[str]:
    values = values_at(params, path)
    shown = ".".join(path)
    if not 0 < len(values) <= VALUES_MAX:
        raise HistoryError(plan, f"{shown} has {len(values)} values, 1 to {VALUES_MAX} are counted")
    if any(isinstance(value, bool) or not isinstance(value, str | int) for value in values):
        raise HistoryError(plan, f"{shown} is text or a whole number")
    return [digest(str(value).encode()) for value in values]
