"""Break-glass: what a grant waives. Only what the policy says, and only for what can be undone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.processors import modes
from toolgate.processors.catalogue import IRREVERSIBLE
from toolgate.processors.grants import granted
from toolgate.processors.verdicts import entry_of, ordered
from toolgate.schemas.enums import Kind, Verdict
from toolgate.schemas.frozen import changed

if TYPE_CHECKING:
    from toolgate.processors.case import Case
    from toolgate.processors.world import World
    from toolgate.schemas.records import Reason


def break_glass(case: Case, world: World) -> Case:
    """Waive what only the policy's own rules say against a call that a grant covers; all of it, or nothing.

    What people are deciding about already they decide: their last vote is judged as if there were no grant.
    """
    grants, intent, policy, tool = world.control.grants, case.intent, case.policy, case.tool
    if not grants or not case.reasons or case.approved or intent.kind != Kind.CALL:
        return case
    if policy is None or tool is None or tool.effect == IRREVERSIBLE or not all(map(waivable, case.reasons)):
        return case
    time_ms = case.envelope.time_ms
    grant = granted(grants, intent.tenant, intent.workflow_id, intent.run_id, tool.name, time_ms)
    # A limit that cannot be kept for a tool which the policy does not allow is no reason to forget the limit.
    if grant is None or policy.plan_for(tool) is None:
        return case
    return changed(case, verdict=Verdict.APPROVE, reasons=(), grant=grant, waived=ordered(case.reasons))


def waivable(reason: Reason) -> bool:
    """Whether a grant may waive a reason: the policy's rules say it, not its mode or one that is ordered."""
    entry = entry_of(reason.code)
    return entry is not None and entry.waivable and reason.rule != modes.RULE
