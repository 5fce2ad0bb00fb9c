"""Tiers: five degrees of autonomy. A tier sets a policy's defaults and names what the policy must have.

A policy that lacks something its tier needs does not load. What a tier stands for beyond that cannot be told from
files, and no tier claims it: docs/guides/modes.md says what that is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolgate.processors.condition import compile_condition
from toolgate.processors.condition_syntax import ConditionError
from toolgate.processors.modes import DRAFT_ONLY, ENFORCE, READ_ONLY, SHADOW
from toolgate.processors.problems import Problem
from toolgate.processors.rule_sheets import about, roots_of

if TYPE_CHECKING:
    from toolgate.processors.catalogue import Tool
    from toolgate.processors.policy_file import Policy, Rule
    from toolgate.processors.rule_sheets import Known
    from toolgate.processors.slots import Slot
    from toolgate.processors.strict_yaml import Document

_HOLD_RULE = "{id: large, tools: [...], when: params.amount > 5000, then: hold, because: ...}"
_WHO_RULE = '{id: who, tools: [...], when: agent.id != "...", because: ...}'


@dataclass(frozen=True, slots=True)
class Written:
    """A policy as it is written, with the tools it allows and what its rules may look at."""

    document: Document
    policy: Policy
    allowed: list[Tool]
    known: Known

    def lacks(self, what: str, hint: str) -> Problem:
        """The problem of a policy that has nothing where its tier needs something."""
        text = f"tier {self.policy.tier} needs {what}"
        return self.document.problem(("policy", "tier"), text, hint)

    def writes(self) -> Iterator[tuple[int, Tool]]:
        """The allowed tools that write, each with its place in allowed_tools: a write is named exactly."""
        for tool in self.allowed:
            if tool.writes:
                yield self.policy.allowed_tools.index(tool.name), tool

    def at_write(self, place: int, what: str, hint: str) -> Problem:
        """The problem of a tool at its place in allowed_tools."""
        text = f"tier {self.policy.tier} {what}"
        return self.document.problem(("policy", "allowed_tools", place), text, hint)

    def enforced(self) -> list[Rule]:
        """The rules that are not in shadow."""
        return [rule for rule in self.policy.rules if rule.mode == ENFORCE]


Guard = Callable[[Written], Iterator[Problem]]


@dataclass(frozen=True, slots=True)
class Tier:
    """What a tier sets, and what it needs."""

    mode: str  # where the policy names none
    guards: tuple[Guard, ...]
    holds_writes: bool = False
    approvers: int = 1  # how many different people must approve a hold
    review_share_ppm: int = 0  # of completed commands, in millionths: people look at them afterwards


def check_tier(document: Document, policy: Policy, allowed: list[Tool], known: Known) -> Iterator[Problem]:
    """What a policy lacks that its tier needs."""
    if policy.tier is not None:
        written = Written(document, policy, allowed, known)
        for guard in TIERS[policy.tier].guards:
            yield from guard(written)


def _no_writes(written: Written) -> Iterator[Problem]:
    for place, tool in written.writes():
        what = f"allows no tool that writes, and {tool.name} is {tool.effect}"
        yield written.at_write(place, what, "remove it, or take tier draft_and_suggest")


def _only_drafts(written: Written) -> Iterator[Problem]:
    policy = written.policy
    if policy.mode not in {DRAFT_ONLY, READ_ONLY, SHADOW}:
        what = f"tier {policy.tier} commands no write, and mode {policy.mode} would"
        hint = "remove mode, or write draft_only, read_only or shadow"
        yield written.document.problem(("policy", "mode"), what, hint)
    for place, tool in written.writes():
        if not tool.draft:
            what = f"turns {tool.name} into drafts, and the catalogue does not say how"
            hint = f"give {tool.name} a draft in tools.yaml: a tool, or proposal"
            yield written.at_write(place, what, hint)


def _inverses(written: Written) -> Iterator[Problem]:
    for place, tool in written.writes():
        if tool.inverse is None:
            what = f"needs a way back, and the catalogue names no inverse of {tool.name}"
            yield written.at_write(
                place, what, f"give {tool.name} an inverse in tools.yaml, or remove it here"
            )


def _rates(written: Written) -> Iterator[Problem]:
    if not written.policy.rates:
        yield written.lacks("rates", "add rates: [{scope: agent, max: 60, per: 1m}]")


def _blast_radius(written: Written) -> Iterator[Problem]:
    if not written.policy.blast_radius:
        yield written.lacks("a blast_radius", "add blast_radius: [{scope: run, max: 3}]")


def _caps(written: Written) -> Iterator[Problem]:
    policy = written.policy
    if not policy.budgets and policy.limits.max_cost_micros is None:
        hint = "add limits: {max_cost_usd: ...}, or budgets: [{scope: workflow, window: 1d, max: ...}]"
        yield written.lacks("a hard cap: budgets, or limits.max_cost_usd", hint)


def _holds(written: Written) -> Iterator[Problem]:
    writes = [tool for _, tool in written.writes()]
    # A rule that only holds what it lacks a fact for has no threshold: `missing: hold` does not count.
    holding = [rule for rule in written.enforced() if rule.then == "hold" and about(rule, writes)]
    if writes and not holding:
        yield written.lacks("a rule that holds writes over a threshold", f"add rules: [{_HOLD_RULE}]")


def _asks_who(written: Written) -> Iterator[Problem]:
    if not any(_looks_at_who(written, rule) for rule in written.enforced()):
        yield written.lacks("a rule about agent or intent", f"add rules: [{_WHO_RULE}]")


def _looks_at_who(written: Written, rule: Rule) -> bool:
    for tool in about(rule, written.allowed):
        slots: list[Slot] = []
        try:
            compile_condition(rule.when, roots_of(tool, written.policy, written.known), slots)
        except ConditionError:
            return True  # it has a problem of its own, which is told: what it was to say is not known
        if any(slot.looks_at("agent") or _of_intent(slot) for slot in slots):
            return True
    return False


def _of_intent(slot: Slot) -> bool:
    """Whether a slot looks at the intent, but for its reason: those are the agent's own words."""
    own = slot.root == "intent" and slot.path != ("reason",)
    return own or any(map(_of_intent, slot.inputs))


TIERS: dict[str, Tier] = {
    "read_only_knowledge": Tier(READ_ONLY, (_no_writes,), review_share_ppm=10_000),
    "draft_and_suggest": Tier(DRAFT_ONLY, (_only_drafts,), review_share_ppm=100_000),
    "low_risk_writes": Tier(ENFORCE, (_inverses, _rates, _blast_radius), review_share_ppm=50_000),
    "revenue_impacting": Tier(ENFORCE, (_caps, _holds), review_share_ppm=500_000),
    "security_access": Tier(
        ENFORCE, (_asks_who,), holds_writes=True, approvers=2, review_share_ppm=1_000_000
    ),
}
