"""Approval terms: how many people must approve a held call, of which roles, and until when.

What a policy's `approvals` say of each tool is worked out when the policy loads. A held call can be about several
entries and rules; then the strictest number and time hold. All that name roles for a tool name the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from toolgate.processors.approval import ANSWER_MS, WAIT_MS_MAX
from toolgate.processors.names import compile_globs
from toolgate.processors.problems import nearest
from toolgate.processors.reasons import Code
from toolgate.processors.rule_sheets import APPROVERS, about
from toolgate.processors.tiers import TIERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolgate.processors.approval import Approval
    from toolgate.processors.case import Case
    from toolgate.processors.catalogue import Tool
    from toolgate.processors.policy_file import Policy
    from toolgate.processors.problems import Path, Problem
    from toolgate.processors.strict_yaml import Document


@dataclass(frozen=True, slots=True)
class ApprovalEntry:
    """One entry of `approvals`, as it is about one tool."""

    name: str  # how reasons call it: approvals[0]
    held_by: frozenset[str]  # the rules of whose holds it speaks: its own name where it holds every call
    approvers: int
    roles: tuple[str, ...]  # () where it names none
    wait_ms: int
    owner: str  # "" where it names none
    answer_ms: int  # 0 where it says none

    @property
    def holds(self) -> bool:
        """Whether it holds every call of its tool."""
        return self.name in self.held_by


@dataclass(frozen=True, slots=True)
class ApprovalTerms:
    """What a held call needs: so many different people, each with one of the roles, within so many milliseconds.

    `wait_ms` counts from the append of the intent, and is never longer than the intent's own `ttl_ms`; so does
    `answer_ms`, after which it is overdue. `owners` see to it; () where the policy names none.
    """

    approvers: int
    roles: tuple[str, ...]
    wait_ms: int
    owners: tuple[str, ...] = ()
    answer_ms: int = ANSWER_MS


def terms_of(case: Case) -> ApprovalTerms:
    """What people must do about a case that is held; its reasons say which rules hold it.

    An approver needs one of the roles that these rules and the entries about them name; where none of them names any,
    one that another rule about the tool names, else `approver`.
    """
    policy, intent = case.policy, case.intent
    if policy is None:
        raise AssertionError("a held call has no policy")
    held_by = {reason.rule for reason in case.reasons if reason.code == Code.HELD_BY_RULE}
    entries = [entry for entry in policy.approvals.get(intent.tool, ()) if entry.held_by & held_by]
    sheet = policy.rules.get(intent.tool)
    rules = sheet.rules if sheet else ()
    named = _joined(
        *(rule.roles for rule in rules if rule.id in held_by), *(entry.roles for entry in entries)
    )
    waits_ms = [entry.wait_ms for entry in entries]
    if intent.ttl_ms is not None:
        waits_ms.append(intent.ttl_ms)
    wait_ms = min([WAIT_MS_MAX, *waits_ms])
    return ApprovalTerms(
        approvers=max([policy.approvers, *(entry.approvers for entry in entries)]),
        roles=named or _joined(*(rule.roles for rule in rules)) or APPROVERS,
        wait_ms=wait_ms,
        owners=_joined(tuple(entry.owner for entry in entries if entry.owner)),
        answer_ms=min([wait_ms, *([entry.answer_ms for entry in entries if entry.answer_ms] or [ANSWER_MS])]),
    )


def compile_approvals(policy: Policy, tools: list[Tool]) -> dict[str, tuple[ApprovalEntry, ...]]:
    """The entries about each of these tools, in their order; none for a tool that no entry is about."""
    found: dict[str, tuple[ApprovalEntry, ...]] = {}
    for place, one in enumerate(policy.approvals):
        name = f"approvals[{place}]"
        entry = ApprovalEntry(
            name,
            frozenset(one.rules or (name,)),
            one.approvers or approvers_of(policy),
            tuple(one.roles or ()),
            one.expires_ms or WAIT_MS_MAX,
            one.owner or "",
            one.answer_ms or 0,
        )
        for tool in _about(policy, one, tools):
            found[tool.name] = (*found.get(tool.name, ()), entry)
    return found


def approvers_of(policy: Policy) -> int:
    """How many people every hold needs, whatever the entries say."""
    return TIERS[policy.tier].approvers if policy.tier else 1


def check_approvals(document: Document, policy: Policy, allowed: list[Tool]) -> Iterator[Problem]:
    """What is wrong with the approvals in the light of the tools that the policy allows, and of its rules."""
    for place, one in enumerate(policy.approvals):
        path: Path = ("policy", "approvals", place)
        names = [tool.name for tool in allowed]
        for at, glob in enumerate(one.tools or ()):
            if not any(map(compile_globs((glob,)).fullmatch, names)):
                yield document.problem(
                    (*path, "tools", at), f"no allowed tool matches {glob}", nearest(glob, names)
                )
        if one.tools is None and one.rules is None and not _about(policy, one, allowed):
            what = "no allowed tool writes, so that this would hold nothing"
            yield document.problem(path, what, "name the tools that it is about, or remove it")
        yield from _check_rules(document, policy, path, one, allowed)
        least = approvers_of(policy)
        if one.approvers is not None and one.approvers < least:
            what = f"tier {policy.tier} needs {least} people for every hold, not {one.approvers}"
            yield document.problem((*path, "approvers"), what, f"write {least} or more, or remove it")
    yield from _check_roles(document, policy, allowed)


def _check_roles(document: Document, policy: Policy, allowed: list[Tool]) -> Iterator[Problem]:
    """Calls of a tool are held for one list of roles: whoever may decide under one must not decide for another."""
    named: dict[str, tuple[str, frozenset[str]]] = {}
    for rule in policy.rules:
        for tool in about(rule, allowed) if rule.holds and rule.roles else ():
            named.setdefault(tool.name, (f"rule {rule.id}", frozenset(rule.roles or ())))
    for place, one in enumerate(policy.approvals):
        mine = (f"approvals[{place}]", frozenset(one.roles or ()))
        for tool in _about(policy, one, allowed) if one.roles else ():
            other, roles = named.setdefault(tool.name, mine)
            if roles != mine[1]:
                what = f"it asks other roles about {tool.name} than {other}"
                yield document.problem(("policy", "approvals", place, "roles"), what, "give both the same")
                break


def _check_rules(
    document: Document, policy: Policy, path: Path, one: Approval, allowed: list[Tool]
) -> Iterator[Problem]:
    rules = {rule.id: rule for rule in policy.rules}
    holding = [name for name, rule in rules.items() if rule.holds]
    tools = _about(policy, one, allowed)
    for at, name in enumerate(one.rules or ()):
        rule = rules.get(name)
        if rule is None:
            what, hint = f"no rule is named {name}", nearest(name, holding)
        elif not rule.holds:
            what, hint = f"rule {name} holds no call", "say then: hold or missing: hold there"
        elif not about(rule, tools):
            what = f"rule {name} is about none of these tools"
            hint = "name one that it is about, or leave tools out"
        else:
            continue
        yield document.problem((*path, "rules", at), what, hint)


def _about(policy: Policy, one: Approval, tools: list[Tool]) -> list[Tool]:
    """The tools that an entry is about."""
    if one.tools is not None:
        globs = compile_globs(tuple(one.tools))
        return [tool for tool in tools if globs.fullmatch(tool.name)]
    if one.rules is None:
        return [tool for tool in tools if tool.writes]
    rules = [rule for rule in policy.rules if rule.id in one.rules]
    return [tool for tool in tools if any(about(rule, [tool]) for rule in rules)]


def _joined(*roles: tuple[str, ...]) -> tuple[str, ...]:
    """Each role once, in the order in which they are named."""
    return tuple(dict.fromkeys(chain(*roles)))
