"""Figures of a day: what its agents, tools, limits and records came to. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolgate.demo import tally
from toolgate.demo.checks import LEDGER
from toolgate.schemas.enums import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from toolgate.demo.billing.reckoning import Traced
    from toolgate.demo.day import Day
    from toolgate.demo.script import Step
    from toolgate.schemas.records import AuditEvent, Denial

MISSES_TOLD = 20


@dataclass(frozen=True, slots=True)
class KindFigures:
    """One kind of agents. `failed`: approved, and refused by the tool itself."""

    runs: int
    intents: int
    approved: int
    denied: int
    failed: int
    codes: dict[str, int]
    denied_by_run: tuple[int, ...]  # in the order they were played


@dataclass(frozen=True, slots=True)
class Missed:
    """Near misses that lack the same: `because` and `rule` of each reason, and whom it happened to."""

    share: float | None  # distance to the limit as a share of it; None where there is none to compare with
    tool: str
    lacking: tuple[tuple[str, str], ...]
    intents: tuple[str, ...]


def by_kind(steps: Iterable[Step]) -> dict[str, KindFigures]:
    """What each kind of agents was told, in the order of the script."""
    kinds: dict[str, list[Step]] = {}
    for step in steps:
        kinds.setdefault(step.kind, []).append(step)
    return {kind: _figures(found) for kind, found in kinds.items()}


def _figures(steps: Sequence[Step]) -> KindFigures:
    denied = [step for step in steps if step.told.outcome.verdict == Verdict.DENY]
    runs = Counter(dict.fromkeys((step.run_id for step in steps), 0))
    runs.update(step.run_id for step in denied)
    return KindFigures(
        runs=len(runs),
        intents=len(steps),
        approved=sum(step.told.approved for step in steps),
        denied=len(denied),
        failed=sum(step.told.approved and not step.told.done for step in steps),
        codes=dict(Counter(step.told.outcome.codes[0] for step in denied).most_common()),
        denied_by_run=tuple(runs.values()),
    )


def codes_by_tool(events: Iterable[AuditEvent]) -> dict[str, Counter[str]]:
    """Why calls of a tool were denied: how often each code was among the reasons."""
    found: dict[str, Counter[str]] = {}
    for event in events:
        found.setdefault(event.tool, Counter()).update({reason.code for reason in event.reasons})
    return found


def missed(denials: Iterable[Denial]) -> list[Missed]:
    """Near misses, nearest first; those that lack the same are one."""
    groups: dict[tuple[str, tuple[tuple[str, str], ...]], list[tally.NearMiss]] = {}
    for miss in tally.near_misses(denials):
        lacking = tuple((reason.because, reason.rule) for reason in miss.reasons)
        groups.setdefault((miss.tool, lacking), []).append(miss)
    return [
        Missed(misses[0].share, tool, lacking, tuple(miss.intent_id for miss in misses))
        for (tool, lacking), misses in groups.items()
    ]


def changes(traced: Iterable[Traced]) -> list[dict[str, Any]]:
    """Every change of the systems of record: what, who allowed it, what undoes it."""
    return [
        {
            "record": one.change.record,
            "field": one.change.field,
            "before": one.change.before,
            "after": one.change.after,
            "tool": one.change.tool,
            "agent_id": one.command.agent_id if one.command else None,
            "run_id": one.command.run_id if one.command else None,
            "intent_id": one.change.intent_id,
            "seq": one.change.seq,
            "command_id": one.change.command_id,
            "policy_digest": one.command.policy_digest if one.command else None,
            "undo": {"tool": one.undo.tool, "params": one.undo.params}
            if one.undo and one.undo.tool
            else None,
        }
        for one in traced
    ]


def as_json(day: Day, seed: int) -> dict[str, Any]:
    """The summary for programs: counts of records as they lie on the topics, and what was made of them."""
    evidence, decisions = day.evidence, day.evidence.decisions()
    kinds, codes = by_kind(day.steps), codes_by_tool(decisions)
    return {
        "seed": seed,
        "runs": day.play.runs,
        "intents": evidence.intents,
        "commands": len(evidence.commands),
        "denials": len(evidence.denials),
        "duplicates": tally.by_verdict(decisions)[Verdict.DUPLICATE.value],
        "quarantined": evidence.quarantined,
        "audit": len(decisions),
        "ledger_equals_audit": all(check.holds for check in day.checks if check.name == LEDGER),
        "checks": {check.name: check.holds for check in day.checks},
        "seconds": round(day.seconds, 3),
        "decisions_per_second": round(day.decisions_per_second, 1),
        "by_agents": {
            kind: {
                "runs": one.runs,
                "intents": one.intents,
                "approved": one.approved,
                "denied": one.denied,
                "failed": one.failed,
                "codes": one.codes,
            }
            for kind, one in kinds.items()
        },
        "by_tool": {
            tool: {"verdicts": dict(count), "codes": dict(codes[tool])}
            for tool, count in tally.by_tool(decisions).items()
        },
        "budgets": [
            {"account": use.account, "unit": use.unit, "used": use.used, "max": use.max}
            for use in tally.budget_use(evidence.audit)
        ],
        "near_misses": [
            {
                "tool": miss.tool,
                "lacking": [because for because, _ in miss.lacking],
                "times": len(miss.intents),
            }
            for miss in missed(evidence.denials)[:MISSES_TOLD]
        ],
        "changes": dict(Counter(one.change.tool for one in day.traced)),
    }
