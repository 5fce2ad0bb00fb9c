"""Given: what an intent is judged with besides itself, as one text that the ledger keeps with its decision. Pure.

So whoever judges it again, by what its run remembers then, comes to the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.processors.contract import PARAMS_BYTES_MAX
from toolgate.processors.facts import concerning, history_keys
from toolgate.processors.modes import DRAFT_ONLY
from toolgate.processors.run_contract import contract_of
from toolgate.schemas.strict_json import JsonError, digest, dumps_canonical, loads_strict, read_strict
from toolgate.streams.ports import GIVEN_BYTES_MAX

if TYPE_CHECKING:
    from toolgate.processors.policy import PolicySet, WorkflowPolicy
    from toolgate.processors.world import World
    from toolgate.schemas.records import Intent
    from toolgate.streams.gate.items import Reading
    from toolgate.streams.ports import Look


def given_of(reading: Reading, intent: Intent, policies: PolicySet, look: Look) -> str:
    """What an intent is judged with besides itself; "" for nothing."""
    policy = policies.for_workflow(intent.tenant, intent.workflow_id)
    if policy is None:
        return ""
    sheet, kept = policy.rules.get(intent.tool), look.facts.get(intent.run_id, {})
    given: dict[str, object] = {}
    if sheet and (facts := concerning(kept, sheet.facts)):
        given["facts"] = facts
    if policy.written.contract and (contract := contract_of(kept)):
        given["run_contract"] = contract
    if sheet and sheet.history:
        counts = {name: look.counts.get(key, 0) for name, key in history_of(intent).items()}
        given |= {"history": counts} if any(counts.values()) else {}
    if reading.unseen:
        given["unseen"] = True
    return dumps_canonical(given) if given else ""


def with_known(given: str, known: dict[str, object]) -> str:
    """... and what people are shown of it, once it has come to wait for them."""
    before = loads_strict(given, max_bytes=GIVEN_BYTES_MAX) if given else {}
    return dumps_canonical({**before, "known": known})


def wants_run(intent: Intent, policy: WorkflowPolicy, world: World) -> bool:
    """Whether a call is judged, or shown to people, by what its run remembers."""
    sheet = policy.rules.get(intent.tool)
    if policy.written.contract or (sheet and sheet.facts):
        return True
    tool = world.policies.tools.get(intent.tool)
    if tool is None or not tool.current:
        return False
    if intent.tool in policy.waits:
        return True
    return bool(world.control.orders) and world.mode(policy, intent.run_id)[0] == DRAFT_ONLY


def history_of(intent: Intent) -> dict[str, str]:
    """The counters of a call's history; of one whose parameters cannot be read, which is denied, it does not matter."""
    try:
        _, canonical = read_strict(intent.params, max_bytes=PARAMS_BYTES_MAX)
    except JsonError:
        canonical = b""
    return history_keys(intent.run_id, intent.tool, digest(canonical))
