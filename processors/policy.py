"""Policies as the chain uses them: one workflow's decisions worked out for every tool, and the set of all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from toolgate.processors.approval_terms import (
    ApprovalEntry,
    approvers_of,
    check_approvals,
    compile_approvals,
)
from toolgate.processors.breach_terms import Breach, compile_breaches, review_share_of
from toolgate.processors.modes import DRAFT_ONLY
from toolgate.processors.names import compile_globs, is_glob
from toolgate.processors.paths import Steps, steps
from toolgate.processors.plans import (
    Plan,
    Standing,
    budget_key,
    call_plan,
    counts,
    distinct_key,
    rate_key,
    standing,
    usage_plan,
)
from toolgate.processors.problems import closest, nearest
from toolgate.processors.rule_sheets import check_rules, compile_rules
from toolgate.processors.tiers import TIERS, check_tier

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator, Mapping

    from toolgate.processors.catalogue import Tool
    from toolgate.processors.cedar_file import CedarPolicies
    from toolgate.processors.policy_file import BlastRadius, Budget, Policy
    from toolgate.processors.problems import Path, Problem
    from toolgate.processors.rule_sheets import Known, Sheet
    from toolgate.processors.strict_yaml import Document
    from toolgate.processors.tables import Rows

_SHARED = frozenset(
    {"agent", "tenant", "tool", "system"}
)  # scopes that several workflows of a tenant have in common
_COUNTED = frozenset({"usd", "calls", "records"})


@dataclass(frozen=True, slots=True)
class WorkflowPolicy:
    """One workflow's policy. `plans` has every tool that it allows; a tool without a plan is refused."""

    tenant: str
    workflow_id: str
    mode: str
    plans: Mapping[str, Plan]
    usage: Plan
    standing: Standing
    denied_names: frozenset[str]
    denied_globs: re.Pattern[str]
    written: Policy
    redact: tuple[Steps, ...]
    rules: Mapping[str, Sheet]  # of the allowed tools that any rule is about
    history: bool  # whether any rule looks at what became of earlier calls
    cedar: CedarPolicies | None
    holds_writes: bool  # by its tier
    approvers: int  # how many people every hold needs
    approvals: Mapping[str, tuple[ApprovalEntry, ...]]  # of the allowed tools that any entry is about
    waits: frozenset[str]  # the allowed tools of which it may hold or draft a call
    breaches: tuple[Breach, ...]  # for the watch: no decision depends on them
    review_share_ppm: int  # of completed commands, in millionths: for the watch as well

    def denies(self, tool: str) -> bool:
        """Whether denied_tools names this tool."""
        return tool in self.denied_names or self.denied_globs.fullmatch(tool) is not None

    def plan_for(self, tool: Tool) -> Plan | None:
        """The plan of any tool, allowed or not; None where one of the limits could not be kept for it.

        Policies load only if each limit can be kept for every tool that they allow.
        """
        if plan := self.plans.get(tool.name):
            return plan
        written = self.written
        counted: list[Budget | BlastRadius] = [*written.budgets, *written.blast_radius]
        of_system = any(limit.scope == "system" for limit in (*counted, *written.rates))
        silent = tool.writes and tool.records is None and any(map(_by_tool_records, counted))
        if silent or (of_system and not tool.system):
            return None
        return call_plan(written, tool)


@dataclass(frozen=True, slots=True)
class PolicySet:
    """Every tool and policy that a gate knows; `digest` is BLAKE2b-128 over its files' names and bytes."""

    digest: str
    tools: Mapping[str, Tool]
    workflows: Mapping[tuple[str, str], WorkflowPolicy]
    registries: Mapping[str, Rows] = field(default_factory=dict)
    # Whether anything that runs remember is looked at, facts, how calls ended or contracts: asked for every batch.
    remembers: bool = field(init=False)

    def __post_init__(self) -> None:
        """Work out once what depends on all tools and policies."""
        kept = any(tool.remember for tool in self.tools.values())
        counted = any(policy.history for policy in self.workflows.values())
        contracts = any(policy.written.contract for policy in self.workflows.values())
        object.__setattr__(self, "remembers", kept or counted or contracts)

    def for_workflow(self, tenant: str, workflow_id: str) -> WorkflowPolicy | None:
        """The policy of a tenant's workflow, or None."""
        return self.workflows.get((tenant, workflow_id))


@dataclass(frozen=True, slots=True)
class Stake:
    """A shared account that a policy limits: two stakes in one account must agree."""

    account: str
    terms: tuple[object, ...]
    path: Path  # of what is written
    rule: str


def compile_policy(
    policy: Policy, tools: Mapping[str, Tool], known: Known, cedar: CedarPolicies | None
) -> WorkflowPolicy:
    """Work a policy out for every tool that it allows. It must have passed `check_policy`."""
    denied_names = frozenset(name for name in policy.denied_tools if not is_glob(name))
    denied_globs = compile_globs(tuple(name for name in policy.denied_tools if is_glob(name)))
    plans = {
        tool.name: call_plan(policy, tool)
        for tool in allowed_tools(policy, tools)
        if tool.name not in denied_names and denied_globs.fullmatch(tool.name) is None
    }
    usable = [tools[name] for name in plans]
    rules = compile_rules(policy, usable, known)
    tier = TIERS[policy.tier] if policy.tier else None
    holds_writes = tier is not None and tier.holds_writes
    approvals = compile_approvals(policy, usable)
    return WorkflowPolicy(
        tenant=policy.tenant,
        workflow_id=policy.workflow_id,
        mode=policy.mode,
        plans=plans,
        usage=usage_plan(policy),
        standing=standing(policy),
        denied_names=denied_names,
        denied_globs=denied_globs,
        written=policy,
        redact=tuple(steps(path) for path in policy.redact),
        rules=rules,
        history=any(sheet.history for sheet in rules.values()),
        cedar=cedar,
        holds_writes=holds_writes,
        approvers=approvers_of(policy),
        approvals=approvals,
        waits=frozenset(
            tool.name
            for tool in usable
            if tool.name in approvals
            or (tool.writes and (holds_writes or policy.mode == DRAFT_ONLY))
            or (tool.name in rules and rules[tool.name].waits)
        ),
        breaches=compile_breaches(policy),
        review_share_ppm=review_share_of(policy),
    )


def check_policy(
    document: Document, policy: Policy, tools: Mapping[str, Tool], known: Known
) -> list[Problem]:
    """What is wrong with a policy in the light of the catalogue and the registries."""
    allowed = allowed_tools(policy, tools)
    return [
        *_check_names(document, policy, tools),
        *_check_budgets(document, policy, allowed),
        *_check_scopes(document, policy, allowed),
        *_check_records(document, policy, allowed),
        *_check_doubles(document, policy),
        *_check_requirements(document, policy, allowed),
        *check_rules(document, policy, allowed, known),
        *check_approvals(document, policy, allowed),
        *check_tier(document, policy, allowed, known),
    ]


def stakes(policy: Policy) -> Iterator[Stake]:
    """Every account that a policy limits, by a name that is the same wherever it is limited."""
    if policy.limits.max_cost_micros is not None:
        path = ("policy", "limits", "max_cost_usd")
        yield Stake(_owner(policy, "run") + "usd@none", (), path, "limits.max_cost_usd")
    for place, budget in enumerate(policy.budgets):
        terms = (budget.max, budget.on_expiry, budget.tz)
        yield _stake(policy, "budgets", place, budget.scope, budget_key(budget), terms)
    for place, rate in enumerate(policy.rates):
        yield _stake(policy, "rates", place, rate.scope, rate_key(rate), (rate.max, rate.burst or rate.max))
    for place, blast in enumerate(policy.blast_radius):
        yield _stake(policy, "blast_radius", place, blast.scope, distinct_key(blast), (blast.max,))


def check_shared(policies: list[tuple[Document, Policy]]) -> list[Problem]:
    """Accounts that workflows share must be limited alike: the ledger has one account, not one a policy."""
    first: dict[str, tuple[Document, Stake]] = {}
    problems: list[Problem] = []
    for document, policy in policies:
        for stake in stakes(policy):
            if stake.account.split(":", 1)[0] not in _SHARED:
                continue
            other_document, other = first.setdefault(stake.account, (document, stake))
            if other.terms != stake.terms and other_document is not document:
                there = other_document.problem(other.path, "")
                what = f"{stake.rule} limits an account that {there.file}:{there.line} limits otherwise"
                problems.append(
                    document.problem(stake.path, what, "workflows share it: give both the same terms")
                )
    return problems


def allowed_tools(policy: Policy, tools: Mapping[str, Tool]) -> list[Tool]:
    """The tools that allowed_tools names; a tool that writes counts only by its exact name."""
    names = {name for name in policy.allowed_tools if not is_glob(name)}
    globs = compile_globs(tuple(name for name in policy.allowed_tools if is_glob(name)))
    exact = [tools[name] for name in sorted(names) if name in tools]
    if len(names) == len(policy.allowed_tools):
        return exact
    by_glob = [
        tool
        for name, tool in tools.items()
        if name not in names and not tool.writes and globs.fullmatch(name)
    ]
    return exact + by_glob


def _check_names(document: Document, policy: Policy, tools: Mapping[str, Tool]) -> Iterator[Problem]:
    for place, name in enumerate(policy.allowed_tools):
        path = ("policy", "allowed_tools", place)
        if not is_glob(name):
            if name not in tools:
                yield document.problem(
                    path, f"no tool of the catalogue is named {name}", nearest(name, tools)
                )
            continue
        matched = [tool for tool in tools.values() if compile_globs((name,)).fullmatch(tool.name)]
        if not matched:
            yield document.problem(path, f"no tool of the catalogue matches {name}", nearest(name, tools))
        elif all(tool.writes for tool in matched):
            hint = f"name them exactly: {', '.join(sorted(tool.name for tool in matched))}"
            yield document.problem(
                path, f"{name} matches only tools that write, and a glob allows none of those", hint
            )
    for place, name in enumerate(policy.denied_tools):
        # A name that no tool has yet may well be denied beforehand; one that is nearly a tool's is a slip.
        if not is_glob(name) and name not in tools and (hint := closest(name, tools)):
            path = ("policy", "denied_tools", place)
            yield document.problem(path, f"no tool of the catalogue is named {name}", hint)


def _check_budgets(document: Document, policy: Policy, allowed: list[Tool]) -> Iterator[Problem]:
    units = {unit for tool in allowed for unit, _ in tool.usage}
    for place, budget in enumerate(policy.budgets):
        if budget.unit not in _COUNTED and budget.unit not in units:
            what = f"no allowed tool uses unit {budget.unit!r}"
            yield document.problem(
                ("policy", "budgets", place, "unit"), what, nearest(budget.unit, _COUNTED | units)
            )


def _check_scopes(document: Document, policy: Policy, allowed: list[Tool]) -> Iterator[Problem]:
    bare = sorted(tool.name for tool in allowed if not tool.system)
    for block in ("budgets", "rates", "blast_radius"):
        for place, limit in enumerate(getattr(policy, block)):
            if limit.scope == "system" and bare:
                what = f"scope system, but the catalogue gives no system for {', '.join(bare)}"
                yield document.problem(
                    ("policy", block, place, "scope"), what, "add system to these tools in tools.yaml"
                )


def _check_records(document: Document, policy: Policy, allowed: list[Tool]) -> Iterator[Problem]:
    for block in ("blast_radius", "budgets"):
        for place, limit in enumerate(getattr(policy, block)):
            path = ("policy", block, place)
            if _by_tool_records(limit):
                silent = sorted(tool.name for tool in allowed if tool.writes and tool.records is None)
                if silent:
                    what = f"counts records, but the catalogue does not say which {', '.join(silent)} touches"
                    yield document.problem(
                        path, what, "add records to these tools in tools.yaml ([] for none)"
                    )
            elif block == "blast_radius" and not any(counts(limit, tool) for tool in allowed):
                hint = "write a path of the parameters, or leave records out to use the tools' own"
                yield document.problem(
                    (*path, "records"), f"no allowed tool has parameter {limit.records}", hint
                )


def _check_requirements(document: Document, policy: Policy, allowed: list[Tool]) -> Iterator[Problem]:
    first: set[str] = {rule.id for rule in policy.rules}
    for place, one in enumerate(policy.requires):
        path = ("policy", "requires", place)
        if one.id in first:
            yield document.problem((*path, "id"), f"{one.id} is there twice", "give each its own id")
        first.add(one.id)
        about = [tool for tool in allowed if compile_globs(tuple(one.tools)).fullmatch(tool.name)]
        earlier = [tool for tool in allowed if compile_globs(tuple(one.after or ())).fullmatch(tool.name)]
        names = [tool.name for tool in allowed]
        if not about:
            yield document.problem((*path, "tools"), "no allowed tool matches", nearest(one.tools[0], names))
        if one.after and not earlier:
            what = "no allowed tool matches: what it is about could never be approved"
            yield document.problem((*path, "after"), what, nearest(one.after[0], names))
        for key, tools, at in (
            ("by", about, one.by),
            ("amount", about, one.amount),
            ("after_by" if one.after_by else "by", earlier, one.after_by or one.by),
        ):
            for tool in tools if at else ():
                if at and not tool.schema.may_have(steps(at)):
                    what = f"tool {tool.name} has no parameter {at}"
                    yield document.problem((*path, key), what, nearest(at, tool.schema.names))


def _by_tool_records(limit: Budget | BlastRadius) -> bool:
    unit = getattr(limit, "unit", None)
    return unit == "records" if unit is not None else getattr(limit, "records", None) is None


def _check_doubles(document: Document, policy: Policy) -> Iterator[Problem]:
    first: dict[str, Stake] = {}
    for stake in stakes(policy):
        other = first.setdefault(stake.account, stake)
        if other is not stake:
            what = f"{stake.rule} limits the same account as {other.rule}"
            yield document.problem(stake.path, what, "keep the tighter one")


def _owner(policy: Policy, scope: str) -> str:
    own = f"/{policy.workflow_id}" if scope in {"run", "workflow"} else ""
    return f"{scope}:{policy.tenant}{own}:"


def _stake(policy: Policy, block: str, place: int, scope: str, key: str, terms: tuple[object, ...]) -> Stake:  # noqa: PLR0913, PLR0917
    return Stake(_owner(policy, scope) + key, terms, ("policy", block, place), f"{block}[{place}]")
