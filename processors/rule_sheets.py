"""Rule sheets: the rules of a policy, worked out for each tool that they are about.

What a parameter is, only the tool's schema says; so a rule is checked and compiled for each of its tools. All rules of
a tool share their slots: what they look at is found once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from toolgate.processors.condition import Condition, compile_condition
from toolgate.processors.condition_syntax import ConditionError
from toolgate.processors.condition_types import STRING, TIMESTAMP, Type, list_of, of_schema, record
from toolgate.processors.effects import Effect
from toolgate.processors.facts import HISTORY, tables_of
from toolgate.processors.lookups import lookup
from toolgate.processors.modes import SHADOW
from toolgate.processors.names import compile_globs
from toolgate.processors.paths import steps
from toolgate.processors.problems import nearest
from toolgate.processors.slots import EACH, Slot, facts_in
from toolgate.processors.tables import types_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from toolgate.processors.catalogue import Tool
    from toolgate.processors.facts import FactKind
    from toolgate.processors.lookups import Lookup
    from toolgate.processors.paths import Steps
    from toolgate.processors.policy_file import Policy, Rule
    from toolgate.processors.problems import Problem
    from toolgate.processors.strict_yaml import Document
    from toolgate.processors.tables import Rows

APPROVERS = ("approver",)
_WAITS = frozenset({Effect.HOLD, Effect.DRAFT})
# What a condition may look at besides the parameters.
_ROOTS = {
    "intent": record(id=STRING, run=STRING, tool=STRING, reason=STRING),
    "workflow": record(id=STRING, tenant=STRING),
    "agent": record(id=STRING),
    "now": TIMESTAMP,
}


@dataclass(frozen=True, slots=True)
class Known:
    """What the rules of every policy of a set may look at: the facts that tools tell, and the set's registries."""

    facts: Mapping[str, FactKind]
    registries: Mapping[str, Rows]
    registry: Type = field(
        init=False
    )  # of the root: it takes a look at every entry, and every rule asks for it

    def __post_init__(self) -> None:
        """Work the type of the registries out once."""
        object.__setattr__(self, "registry", types_of(self.registries))


@dataclass(frozen=True, slots=True)
class SheetRule:
    """One rule. `shown` are the slots whose values may be told to people."""

    id: str
    because: str
    condition: Condition
    shown: tuple[int, ...]
    then: Effect  # what becomes of a call for which it holds
    missing: Effect  # ... and of one when a fact is not known: read_first, deny, hold
    shadow: bool  # it is only told what it would have done
    params: tuple[str, ...]  # the parameters that it looks at
    roles: tuple[str, ...]  # of which somebody who decides on what it holds needs one; () where it names none


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rules about one tool, and the slots that they look at together."""

    slots: tuple[Slot, ...]
    rules: tuple[SheetRule, ...]
    facts: Mapping[str, FactKind]  # those that the rules look at
    history: bool  # whether a rule looks at what became of earlier calls
    tables: Mapping[str, Rows]
    registries: Mapping[str, Rows]
    now: datetime | None  # None: the intent's own time
    lookups: tuple[Lookup, ...]  # one for each slot
    told: frozenset[int]  # the slots that CEL is asked about

    @property
    def waits(self) -> bool:
        """Whether a rule may leave a call to people."""
        return any({rule.then, rule.missing} & _WAITS and not rule.shadow for rule in self.rules)


def roots_of(tool: Tool, policy: Policy, known: Known) -> dict[str, Type]:
    """What a condition about calls of this tool may look at."""
    return {
        "params": of_schema(tool.schema.document),
        "facts": tables_of(known.facts),
        "history": HISTORY,
        "tables": types_of(policy.tables),
        "registry": known.registry,
        **_ROOTS,
        **_of_contract(policy),
    }


def _of_contract(policy: Policy) -> dict[str, Type]:
    """The root `contract`, where every run that rules are about has one."""
    if policy.contract is None or not policy.contract.required:
        return {}
    values = record(**dict.fromkeys(policy.contract.values, list_of(STRING)))
    return {"contract": record(owner=STRING, values=values)}


def compile_rules(policy: Policy, tools: list[Tool], known: Known) -> dict[str, Sheet]:
    """The sheets of a policy that has passed `check_rules`, by tool; none for a tool that no rule is about."""
    sheets = {tool.name: _sheet(policy, tool, known) for tool in tools}
    return {name: sheet for name, sheet in sheets.items() if sheet.rules}


def check_rules(document: Document, policy: Policy, allowed: list[Tool], known: Known) -> Iterator[Problem]:
    """What is wrong with the rules in the light of the tools that the policy allows."""
    facts = known.facts
    first: dict[str, int] = {}
    yield from _check_roles(document, policy, allowed)
    for place, rule in enumerate(policy.rules):
        path = ("policy", "rules", place)
        if first.setdefault(rule.id, place) != place:
            yield document.problem((*path, "id"), f"rule {rule.id} is there twice", "give each its own id")
        for at, glob in enumerate(rule.tools):
            if not any(compile_globs((glob,)).fullmatch(tool.name) for tool in allowed):
                what = f"no allowed tool matches {glob}"
                yield document.problem(
                    (*path, "tools", at), what, nearest(glob, [tool.name for tool in allowed])
                )
        if rule.then == "draft" and not about(rule, allowed):
            what = f"rule {rule.id} drafts, and is about no allowed tool that writes"
            yield document.problem((*path, "then"), what, "name one that writes, or say then: deny or hold")
        if "when" in document.data["policy"]["rules"][place]:
            yield from _check_condition(document, policy, place, about(rule, allowed), known)
        for at, name in enumerate(rule.untrusted):
            if name not in facts or facts[name].trusted:
                what = f"{name} is trusted" if name in facts else f"no tool remembers {name}"
                yield document.problem((*path, "untrusted", at), what, nearest(name, facts))


def _check_roles(document: Document, policy: Policy, allowed: list[Tool]) -> Iterator[Problem]:
    """A call that two rules hold has one list of roles: whoever may decide under one must not decide for the other."""
    first: dict[str, Rule] = {}
    for place, rule in enumerate(policy.rules):
        for tool in about(rule, allowed) if rule.holds else ():
            other = first.setdefault(tool.name, rule)
            if set(other.roles or APPROVERS) != set(rule.roles or APPROVERS):
                what = f"rule {rule.id} holds {tool.name} for other roles than rule {other.id}"
                yield document.problem(
                    ("policy", "rules", place, "roles" if rule.roles else "id"), what, "give both the same"
                )
                break


def _check_condition(
    document: Document, policy: Policy, place: int, tools: list[Tool], known: Known
) -> Iterator[Problem]:
    """The first mistake of a condition, for the first tool that it shows itself with."""
    rule = policy.rules[place]
    for tool in tools:
        slots: list[Slot] = []
        try:
            compile_condition(rule.when, roots_of(tool, policy, known), slots)
        except ConditionError as error:
            path = ("policy", "rules", place, "when")
            of_tool = f" (for tool {tool.name})" if len(tools) > 1 else ""
            yield document.problem_within(path, rule.when, error.at, f"{error.what}{of_tool}", error.hint)
            return
        for name in facts_in(slots):
            if not known.facts[name].trusted and name not in rule.untrusted:
                what = f"the rule looks at facts.{name}, which nothing vouches for: whoever wrote it decides"
                hint = f"remember it from a system of record as trusted, or say untrusted: [{name}]"
                yield document.problem(("policy", "rules", place, "when"), what, hint)
                return


def about(rule: Rule, tools: list[Tool]) -> list[Tool]:
    """The tools that a rule is about; only a write can become a draft."""
    globs = compile_globs(tuple(rule.tools))
    matched = [tool for tool in tools if globs.fullmatch(tool.name)]
    return [tool for tool in matched if tool.writes] if rule.then == "draft" else matched


def _sheet(policy: Policy, tool: Tool, known: Known) -> Sheet:
    slots: list[Slot] = []
    roots, hidden = roots_of(tool, policy, known), (*(steps(path) for path in policy.redact), *tool.redact)
    compiled = [
        (rule, compile_condition(rule.when, roots, slots)) for rule in policy.rules if about(rule, [tool])
    ]
    rules = tuple(
        SheetRule(
            rule.id,
            rule.because,
            condition,
            tuple(number for number in condition.slots if may_be_shown(slots[number], hidden)),
            Effect(rule.then),
            Effect(rule.missing),
            rule.mode == SHADOW,
            tuple(dict.fromkeys(path for number in condition.slots for path in _params_of(slots[number]))),
            tuple(rule.roles or ()),
        )
        for rule, condition in compiled
    )
    return Sheet(
        tuple(slots),
        rules,
        {name: known.facts[name] for name in facts_in(slots)},
        any(slot.looks_at("history") for slot in slots),
        policy.tables,
        known.registries,
        policy.now,
        tuple(map(lookup, slots)),
        frozenset().union(*(rule.condition.told for rule in rules)),
    )


def _params_of(slot: Slot) -> Iterator[str]:
    if slot.root == "params":
        yield ".".join(slot.path)
    for one in slot.inputs:
        yield from _params_of(one)


def may_be_shown(slot: Slot, hidden: tuple[Steps, ...]) -> bool:
    """Whether nothing that is redacted lies at the slot's path, above it or below it."""
    if not all(may_be_shown(one, hidden) for one in slot.inputs):
        return False
    path = tuple(step for step in slot.path if step != EACH)
    if slot.root != "params":
        return slot.root != "intent" or path != ("reason",)
    bare = [tuple(step for step in one if step != EACH) for one in hidden]
    return not any(one[: len(path)] == path[: len(one)] for one in bare)
