"""Access: the workflow's allow and deny lists, what it asks people about first, and what mode or tier make of writes.

Not listed is denied; deny wins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.processors.case import weigh
from toolgate.processors.modes import DRAFT_ONLY, READ_ONLY, RULE, SHADOW
from toolgate.processors.reasons import Code
from toolgate.schemas.enums import Kind
from toolgate.schemas.records import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolgate.processors.case import Case
    from toolgate.processors.catalogue import Tool
    from toolgate.processors.control_state import Order
    from toolgate.processors.policy import WorkflowPolicy
    from toolgate.processors.world import World


def access(case: Case, world: World) -> Case:
    """Refuse tools that the policy denies or does not list, hold what people are asked about; then mode and tier."""
    intent, policy, tool = case.intent, case.policy, case.tool
    if policy is None or intent.kind != Kind.CALL:
        return case
    reasons: list[Reason] = []
    if intent.tool not in policy.plans:
        if policy.denies(intent.tool):
            reasons.append(Reason(Code.TOOL_DENIED, "denied_tools", f"denied_tools names {intent.tool}"))
        elif tool is not None:
            by_name = " by its exact name, as a tool that writes needs" if tool.writes else ""
            because = f"allowed_tools does not name {intent.tool}{by_name}"
            reasons.append(Reason(Code.TOOL_NOT_ALLOWED, "allowed_tools", because))
    if tool is not None and tool.writes:
        # In shadow everything is judged as if it counted.
        mode, order = world.mode(policy, intent.run_id, besides=SHADOW)
        reasons += _about_writes(policy, tool, mode, order)
    for entry in policy.approvals.get(intent.tool, ()):
        if entry.holds:
            because = f"every call of {intent.tool} waits for people"
            reasons.append(Reason(Code.HELD_BY_RULE, entry.name, because))
    return weigh(case, *reasons) if reasons else case


def _about_writes(policy: WorkflowPolicy, tool: Tool, mode: str, order: Order | None) -> Iterator[Reason]:
    by = f" ({order.because})" if order else ""
    if mode == READ_ONLY:
        because = f"the workflow may only read{by}, and {tool.name} is {tool.effect}"
        yield Reason(Code.READ_ONLY, RULE, because)
    elif mode == DRAFT_ONLY:
        because = f"the workflow may only draft{by}, and {tool.name} is {tool.effect}"
        yield Reason(Code.DRAFTED, RULE, because)
    if policy.holds_writes:
        because = f"tier {policy.written.tier} holds every write, and {tool.name} is {tool.effect}"
        yield Reason(Code.HELD_BY_RULE, "tier", because)
