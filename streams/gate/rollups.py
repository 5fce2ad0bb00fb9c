"""Rollups: what a batch did for each workflow, for the pulse."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from toolgate.schemas.enums import Verdict

if TYPE_CHECKING:
    from toolgate.processors.case import Case
    from toolgate.streams.gate.told import Told
    from toolgate.streams.ports import Decision


@dataclass(slots=True)
class Rollup:
    """What a batch did for one workflow."""

    clk: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    tools: Counter[str] = field(default_factory=Counter)
    would_have: Counter[str] = field(default_factory=Counter)
    cost_micros: int = 0
    partitions: set[int] = field(default_factory=set)


class Rollups(defaultdict[tuple[str, str], Rollup]):
    """What a batch did, by tenant and workflow."""

    def __init__(self) -> None:
        super().__init__(Rollup)


def roll_up(rollups: Rollups, case: Case, decision: Decision, told: Told) -> None:
    """Count a decision for its workflow."""
    # Only what a proven writer sent counts for its workflow: nobody else may spoil its figures.
    if not case.kid:
        return
    rollup = rollups[case.intent.tenant, case.intent.workflow_id]
    rollup.clk = max(rollup.clk, decision.clk)
    rollup.partitions.add(case.envelope.partition)
    rollup.verdicts[decision.verdict] += 1
    if told.reasons:
        rollup.codes.update({reason.code for reason in told.reasons})
    if told.would_have:
        rollup.would_have[told.would_have] += 1
    if case.tool is not None:
        rollup.tools[case.tool.name] += 1
    if decision.verdict == Verdict.APPROVE and not case.intent.dry_run:
        rollup.cost_micros += case.cost_micros
