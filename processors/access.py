"""Access: the workflow's allow and deny lists, and its read-only mode. Not listed is denied; deny wins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.processors.case import deny
from toolgate.processors.modes import READ_ONLY
from toolgate.processors.reasons import Code
from toolgate.schemas.records import Kind, Reason

if TYPE_CHECKING:
    from toolgate.processors.case import Case
    from toolgate.processors.world import World


def access(case: Case, world: World) -> Case:
    """Refuse tools that the policy denies or does not list, and writes in read-only mode."""
    intent, policy, tool = case.intent, case.policy, case.tool
    if policy is None or intent.kind != Kind.CALL:
        return case
    mode, ordered = world.control.mode(policy.tenant, policy.workflow_id, policy.mode)
    if intent.tool in policy.plans and not (mode == READ_ONLY and (tool is None or tool.writes)):
        return case
    reasons: list[Reason] = []
    if policy.denies(intent.tool):
        reasons.append(Reason(Code.TOOL_DENIED, "denied_tools", f"denied_tools names {intent.tool}"))
    elif intent.tool not in policy.plans and tool is not None:
        by_name = " by its exact name, as a tool that writes needs" if tool.writes else ""
        because = f"allowed_tools does not name {intent.tool}{by_name}"
        reasons.append(Reason(Code.TOOL_NOT_ALLOWED, "allowed_tools", because))
    if mode == READ_ONLY and tool is not None and tool.writes:
        by = f" ({ordered})" if ordered else ""
        because = f"the workflow may only read{by}, and {intent.tool} is {tool.effect}"
        reasons.append(Reason(Code.READ_ONLY, "mode", because))
    return deny(case, *reasons) if reasons else case
