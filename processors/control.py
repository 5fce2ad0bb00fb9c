"""Control: the processor that refuses what the operators have stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.processors.case import deny
from toolgate.processors.reasons import Code
from toolgate.schemas.enums import Kind
from toolgate.schemas.records import Reason

if TYPE_CHECKING:
    from toolgate.processors.case import Case
    from toolgate.processors.world import World


def control(case: Case, world: World) -> Case:
    """Refuse what an operator has stopped.

    A kill stops what acts. Model spend and a run's outcome are reports: refusing them would stop nothing and
    would leave money that is spent out of the budgets.
    """
    if not world.control.kills or case.intent.kind != Kind.CALL:
        return case
    intent = case.intent
    tool = world.policies.tools.get(intent.tool)
    because = world.control.killed(
        tenant=intent.tenant,
        workflow=intent.workflow_id,
        run=intent.run_id,
        agent=intent.agent_id,
        tool=intent.tool,
        system=tool.system if tool else "",
    )
    return deny(case, Reason(Code.KILLED, "control", because)) if because else case
