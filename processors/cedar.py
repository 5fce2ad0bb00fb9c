"""Cedar: what a workflow's Cedar policies say, beside its rules. They can only take away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.processors.case import deny
from toolgate.processors.cedar_types import request_of, time_of, value_for
from toolgate.processors.functions import UnfitError
from toolgate.processors.reasons import Code
from toolgate.schemas.records import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolgate.processors.case import Case
    from toolgate.processors.cedar_file import CedarPolicies
    from toolgate.processors.world import World


def cedar(case: Case, world: World) -> Case:  # noqa: ARG001 - one signature for every processor
    """Refuse a call that the policy's Cedar file does not allow, or that Cedar cannot judge."""
    policies = case.policy.cedar if case.policy else None
    if policies is None or case.intent.tool not in policies.contexts or case.params is None:
        return case
    if any(reason.code == Code.PARAMS_SCHEMA for reason in case.reasons):
        return case  # Cedar relies on the schema, as rules do
    return deny(case, *found) if (found := tuple(_reasons(case, policies))) else case


def _reasons(case: Case, policies: CedarPolicies) -> Iterator[Reason]:
    intent = case.intent
    values = {
        "params": case.params,
        "intent": {"id": intent.intent_id, "run": intent.run_id, "reason": intent.reason},
        "now": time_of(case.envelope.time_ms),
    }
    try:
        context = value_for(values, policies.contexts[intent.tool])
    except UnfitError as fault:
        yield Reason(Code.CEDAR_FAILED, policies.file, f"the call could not be put to Cedar: {fault}")
        return
    request = {**request_of(intent.agent_id, intent.tool), "context": context}
    found = policies.ask(request, intent.agent_id, intent.workflow_id)
    for key in found.failed:
        name, because = policies.names.get(key, (policies.file, ""))
        yield Reason(Code.CEDAR_FAILED, name, f"{because or name} (the policy could not be evaluated)")
    for key in found.forbids:
        name, because = policies.names[key]
        yield Reason(Code.CEDAR_DENIED, name, because or "a Cedar policy forbids this call")
    if not found.allowed and not found.forbids and not found.failed:
        yield Reason(Code.CEDAR_DENIED, policies.file, "no Cedar policy permits this call")
