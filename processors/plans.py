"""Plans: which claims a call of one tool makes under one policy, worked out when the policy loads.

A claim's account is named `<scope>:<value>:<what>`. Most of that is known beforehand; what is not - the run
and the agent - is a hole in the name that each intent fills. So an intent costs the same under many policies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolgate.processors.amounts import USD_MICROS, duration
from toolgate.processors.claims import DAY_MS, FOREVER, RUN_KEEP_MS, Label
from toolgate.processors.history import history_plans
from toolgate.processors.paths import steps
from toolgate.processors.reasons import Code

if TYPE_CHECKING:
    from toolgate.processors.catalogue import Tool
    from toolgate.processors.history import HistoryPlan
    from toolgate.processors.paths import Steps
    from toolgate.processors.policy_file import AttemptRate, BlastRadius, Budget, Policy, Rate

# Where an amount comes from.
COST, RECORDS, EACH = "cost", "records", "each"
_AMOUNTS = {"usd": (COST, 0), "records": (RECORDS, 0), "calls": (EACH, 1)}
_WINDOWS = {"1h": ("hour", 3_600_000), "1d": ("day", DAY_MS), "calendar_month": ("month", 31 * DAY_MS)}
_ATTEMPTS_MAX = {"run": 120, "agent": 600}  # a minute: far above any working agent, far below a loop


@dataclass(frozen=True, slots=True)
class Account:
    """An account's name, with a hole for the run or the agent ("" for none: `head` is the whole name)."""

    head: str
    hole: str = ""
    tail: str = ""


@dataclass(frozen=True, slots=True)
class ChargePlan:
    """A charge to be; `each` is the amount of a call where it does not come from cost or records."""

    account: Account
    source: str
    each: int
    max: int
    label: Label
    window: str
    on_expiry: str
    keep_ms: int


@dataclass(frozen=True, slots=True)
class RatePlan:
    """A rate to be."""

    account: Account
    increment_us: int
    tau_us: int
    label: Label
    keep_ms: int


@dataclass(frozen=True, slots=True)
class DistinctPlan:
    """A set of distinct records to be; `path` is None where the tool's own records count."""

    account: Account
    path: Steps | None
    max: int
    label: Label
    window_ms: int
    keep_ms: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a call of a tool, or a record of model spend, claims besides its run's own standing."""

    charges: tuple[ChargePlan, ...] = ()
    rates: tuple[RatePlan, ...] = ()
    distincts: tuple[DistinctPlan, ...] = ()
    histories: tuple[HistoryPlan, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """What every intent of a policy takes or asks of its run and agent."""

    max_calls: int | None
    max_denials: int
    run_attempts: RatePlan
    agent_attempts: RatePlan


CALLS = Label(Code.CALLS_EXCEEDED, "limits.max_tool_calls", "run", "calls")


def call_plan(policy: Policy, tool: Tool) -> Plan:
    """What a call of this tool claims under this policy."""
    charges = (
        [_cost_limit(policy.limits.max_cost_micros)] if policy.limits.max_cost_micros is not None else []
    )
    usage = dict(tool.usage)
    for place, budget in enumerate(policy.budgets):
        amount = _AMOUNTS.get(budget.unit) or (EACH, usage.get(budget.unit, 0))
        if amount != (EACH, 0):
            charges.append(_charge(policy, tool, place, amount))
    return Plan(
        tuple(charges),
        tuple(_rate(policy, tool, place, rate) for place, rate in enumerate(policy.rates)),
        tuple(
            _distinct(policy, tool, place, blast)
            for place, blast in enumerate(policy.blast_radius)
            if counts(blast, tool)
        ),
        history_plans(policy, tool),
    )


def usage_plan(policy: Policy) -> Plan:
    """What a record of model spend claims: the money accounts that need no tool to be named."""
    charges = (
        [_cost_limit(policy.limits.max_cost_micros)] if policy.limits.max_cost_micros is not None else []
    )
    charges += (
        _charge(policy, None, place, _AMOUNTS["usd"])
        for place, budget in enumerate(policy.budgets)
        if budget.unit == "usd" and budget.scope not in {"tool", "system"}
    )
    return Plan(tuple(charges))


def standing(policy: Policy | None) -> Standing:
    """What holds for every intent of a policy; None: of a workflow that has none."""
    attempts = policy.attempts if policy else None
    limits = policy.limits if policy else None
    return Standing(
        max_calls=limits.max_tool_calls if limits else None,
        max_denials=limits.max_denials if limits else 0,
        run_attempts=_attempts("run", attempts.run if attempts else None),
        agent_attempts=_attempts("agent", attempts.agent if attempts else None),
    )


def counts(blast: BlastRadius, tool: Tool) -> bool:
    """Whether calls of this tool touch records that the blast radius counts."""
    if blast.records is None:
        return tool.records is None or bool(tool.records)
    return tool.schema.may_have(steps(blast.records))


def budget_key(budget: Budget) -> str:
    """Two budgets of one scope with the same key are the same account, whatever their time zones."""
    return f"{budget.unit}@{budget.window}"


def rate_key(rate: Rate) -> str:
    """Two rates of one scope with the same key are the same account."""
    return f"rate~{duration(rate.per_ms)}"


def distinct_key(blast: BlastRadius) -> str:
    """Two blast radii of one scope with the same key are the same account."""
    window = duration(blast.window_ms) if blast.window_ms else "all"
    path = f"records.{'.'.join(steps(blast.records))}" if blast.records else "records"
    return f"{path}~{window}"


def _cost_limit(max_micros: int) -> ChargePlan:
    label = Label(Code.BUDGET_EXCEEDED, "limits.max_cost_usd", "run", USD_MICROS)
    return ChargePlan(Account("run:", "run", ":usd"), COST, 0, max_micros, label, "", "spend", RUN_KEEP_MS)


def _charge(policy: Policy, tool: Tool | None, place: int, amount: tuple[str, int]) -> ChargePlan:
    budget = policy.budgets[place]
    source, each = amount
    kind, window_ms = _WINDOWS.get(budget.window, ("", 0))
    unit = USD_MICROS if budget.unit == "usd" else budget.unit
    return ChargePlan(
        account=_account(policy, tool, budget.scope, budget.unit),
        source=source,
        each=each,
        max=budget.max,
        label=Label(Code.BUDGET_EXCEEDED, f"budgets[{place}]", budget.scope, unit),
        window=f"{kind}:{budget.tz}" if kind else "",
        on_expiry=budget.on_expiry,
        keep_ms=_keep_ms(budget.scope, window_ms),
    )


def _rate(policy: Policy, tool: Tool, place: int, rate: Rate) -> RatePlan:
    account = _account(policy, tool, rate.scope, rate_key(rate))
    label = Label(Code.RATE_LIMITED, f"rates[{place}]", rate.scope, "ms")
    return _gcra(account, rate.max, rate.per_ms, rate.burst, label)


def _distinct(policy: Policy, tool: Tool, place: int, blast: BlastRadius) -> DistinctPlan:
    return DistinctPlan(
        account=_account(policy, tool, blast.scope, distinct_key(blast)),
        path=None if blast.records is None else steps(blast.records),
        max=blast.max,
        label=Label(Code.BLAST_RADIUS, f"blast_radius[{place}]", blast.scope, "records"),
        window_ms=blast.window_ms,
        keep_ms=_keep_ms(blast.scope, blast.window_ms),
    )


def _attempts(scope: str, rate: AttemptRate | None) -> RatePlan:
    account = Account("")  # named for each intent, by what its key proves
    label = Label(Code.ATTEMPTS_LIMITED, f"attempts.{scope}", scope, "ms")
    if rate is None:
        return _gcra(account, _ATTEMPTS_MAX[scope], 60_000, None, label)
    return _gcra(account, rate.max, rate.per_ms, rate.burst, label)


def _gcra(account: Account, count: int, per_ms: int, burst: int | None, label: Label) -> RatePlan:
    increment_us = -(-per_ms * 1_000 // count)  # rounded up: never faster than the rate says
    at_once = count if burst is None else burst
    keep_ms = _keep_ms(label.scope, max(per_ms, at_once * increment_us // 1_000))
    return RatePlan(account, increment_us, (at_once - 1) * increment_us, label, keep_ms)


def _keep_ms(scope: str, window_ms: int) -> int:
    if scope == "run":
        return RUN_KEEP_MS
    return 2 * window_ms + 2 * DAY_MS if window_ms else FOREVER


def _account(policy: Policy, tool: Tool | None, scope: str, what: str) -> Account:
    tenant = policy.tenant
    if scope == "run":
        return Account("run:", "run", f":{what}")
    if scope == "agent":
        return Account(f"agent:{tenant}/", "agent", f":{what}")
    values = {
        "workflow": f"{tenant}/{policy.workflow_id}",
        "tenant": tenant,
        "tool": f"{tenant}/{tool.name if tool else ''}",
        "system": f"{tenant}/{tool.system if tool else ''}",
    }
    return Account(f"{scope}:{values[scope]}:{what}")
