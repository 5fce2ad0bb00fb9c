"""Run contracts: what one run may touch, as whoever started it has said. The policy is cut to it, never widened.

A contract is kept among the facts of its run: so it has its place in the ledger's order, and is there again when the
ledger is rebuilt. It counts only if it comes before the run's first approval, and a run has one for good.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolgate.processors.amounts import USD_MICROS
from toolgate.processors.case import deny
from toolgate.processors.claims import (
    AMOUNT_MAX,
    FACT_BYTES_MAX,
    RUN_IDLE_MS,
    RUN_KEEP_MS,
    Charge,
    Count,
    Deadline,
    Forbid,
    Label,
    Remember,
    Spend,
)
from toolgate.processors.names import id_fault
from toolgate.processors.placement import astray
from toolgate.processors.reasons import Code
from toolgate.schemas.enums import Kind
from toolgate.schemas.records import Reason
from toolgate.schemas.strict_json import JsonError, dumps_canonical, loads_strict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from toolgate.processors.case import Case, Envelope
    from toolgate.processors.claims import Claim
    from toolgate.processors.policy import WorkflowPolicy
    from toolgate.processors.world import World
    from toolgate.schemas.records import RunContract

TOOLS_MAX = 256
VALUES_MAX = 256  # of one name; as many as rules look at
VALUE_CHARS_MAX = 256
# The facts of a run are kept for longer than this after the contract came: it ends before it could be forgotten.
LIFE_MS = RUN_IDLE_MS
LATE, TAKEN = "contract.late", "contract.taken"
_NAME = "~contract"  # no fact has such a name

_BEGUN = Label(Code.CONTRACT_REFUSED, LATE, "run", "calls")
_SECOND = Label(Code.CONTRACT_REFUSED, TAKEN, "run", "")
_DEADLINE = Label(Code.CONTRACT_EXPIRED, "contract.deadline", "run", "ms")
_CALLS = Label(Code.CALLS_EXCEEDED, "contract.max_calls", "run", "calls")
_COST = Label(Code.BUDGET_EXCEEDED, "contract.max_cost_usd", "run", USD_MICROS)


def run_contract(case: Case, world: World) -> Case:  # noqa: ARG001 - one signature for every processor
    """Hold a call to its run's contract, and refuse it where the policy wants one and there is none."""
    intent, policy = case.intent, case.policy
    asked = policy.written.contract if policy else None
    if asked is None or intent.kind != Kind.CALL:
        return case
    contract = case.run_contract
    if contract is None:
        if not asked.required:
            return case
        because = f"run {intent.run_id} has no contract as yet"
        return deny(case, Reason(Code.CONTRACT_REQUIRED, "contract.required", because, "run"))
    tenant, workflow_id = contract["tenant"], contract["workflow_id"]
    if (tenant, workflow_id) != (intent.tenant, intent.workflow_id):
        because = f"the run's contract is for workflow {workflow_id} of tenant {tenant}"
        return deny(case, Reason(Code.CONTRACT_DENIED, "contract.workflow", because, "run"))
    if intent.tool not in contract["tools"]:
        because = f"the run's contract {contract['contract_id']} does not name {intent.tool}"
        return deny(case, Reason(Code.CONTRACT_DENIED, "contract.tools", because, "run"))
    return case


def call_terms(case: Case, cost: int) -> Iterator[Claim]:
    """What a call claims because of contracts: that its run has begun, and every ceiling of the one it has."""
    if case.policy is None or case.policy.written.contract is None:
        return
    run, contract = case.intent.run_id, case.run_contract
    yield Count(_begun(run), 1, None, _BEGUN, RUN_KEEP_MS)
    if contract is None:
        return
    yield Deadline(contract["until"], _DEADLINE)
    if (calls := contract["max_calls"]) is not None:
        yield Count(f"run:{run}:contract_calls", 1, calls, _CALLS, RUN_KEEP_MS)
    if (most := contract["max_cost_micros"]) is not None:
        yield Charge(_cost(run), cost, most, _COST, keep_ms=RUN_KEEP_MS)


def usage_terms(case: Case, cost: int, latch: str) -> Iterator[Spend]:
    """What model spend takes of the ceiling that the run's contract sets."""
    contract = case.run_contract
    if contract is not None and contract["max_cost_micros"] is not None:
        run = case.intent.run_id
        yield Spend(_cost(run), cost, contract["max_cost_micros"], _COST, latch=latch, keep_ms=RUN_KEEP_MS)


def accepting(contract: RunContract, time_ms: int) -> tuple[Claim, ...]:
    """What a contract without a fault claims: that it is the first of its run, and in time; and that it is kept."""
    run = contract.run_id
    return (
        Forbid(_begun(run), 1, _BEGUN, RUN_KEEP_MS),
        Count(f"run:{run}:contract", 1, 1, _SECOND, RUN_KEEP_MS),
        Remember(run, _NAME, _text(contract, time_ms), trusted=True),
    )


def seen_id(contract: RunContract) -> str:
    """What a contract's id is remembered under: ids of intents have no slash, so neither uses up the other's."""
    return f"contract/{contract.contract_id}"


def contract_of(facts: Mapping[str, str]) -> dict[str, Any] | None:
    """The contract among what a run remembers: the fields of RunContract, and `until`, when it ends."""
    text = facts.get(_NAME)
    return loads_strict(text, max_bytes=FACT_BYTES_MAX) if text else None


def contract_fault(
    contract: RunContract, envelope: Envelope, partitions: int, policy: WorkflowPolicy | None
) -> str:
    """What is wrong with a contract whose writer is proven, or "".

    Args:
        contract: as it was written.
        envelope: where it lies.
        partitions: as the World has it.
        policy: of the workflow that it names.
    """
    for name in ("contract_id", "tenant", "workflow_id", "run_id", "owner"):
        if fault := id_fault(getattr(contract, name)):
            return f"{name} {fault}"
    if fault := astray(envelope, contract.run_id, partitions):
        return fault
    if policy is None:
        return f"there is no policy for workflow {contract.workflow_id} of tenant {contract.tenant}"
    terms = policy.written.contract
    if terms is None:
        return f"the policy of workflow {contract.workflow_id} takes no contracts: it has no key contract"
    return (
        _tools_fault(contract)
        or _values_fault(contract, terms.values)
        or _ends_fault(contract, envelope.time_ms)
    )


def _tools_fault(contract: RunContract) -> str:
    if not 1 <= len(contract.tools) <= TOOLS_MAX:
        return f"it names {len(contract.tools):,} tools, 1 to {TOOLS_MAX} are allowed"
    return next((f"tool {fault}" for tool in contract.tools if (fault := id_fault(tool))), "")


def _values_fault(contract: RunContract, wanted: list[str]) -> str:
    if lacking := sorted(set(wanted) - set(contract.values)):
        return f"it does not name {', '.join(lacking)}, which the policy wants (an empty list names none)"
    if unknown := sorted(set(contract.values) - set(wanted)):
        return f"it names {', '.join(unknown)[:200]}, which no rule of the policy can look at"
    for name, values in contract.values.items():
        if len(values) > VALUES_MAX:
            return f"it has {len(values):,} {name}, at most {VALUES_MAX} are allowed"
        if not all(0 < len(value) <= VALUE_CHARS_MAX for value in values):
            return f"each of its {name} must have 1 to {VALUE_CHARS_MAX} characters"
    return ""


def _ends_fault(contract: RunContract, time_ms: int) -> str:
    for name in ("max_cost_micros", "max_calls"):
        value = getattr(contract, name)
        if value is not None and not 0 <= value <= AMOUNT_MAX:
            return f"{name} must be between 0 and 2^53 - 1"
    if contract.deadline is not None and contract.deadline <= time_ms:
        return f"its deadline had passed by {time_ms - contract.deadline:,} ms when it was written"
    try:
        size = len(_text(contract, time_ms).encode())
    except JsonError as error:
        return f"it cannot be kept: {error.detail}"
    return (
        f"it takes {size:,} bytes to keep, at most {FACT_BYTES_MAX:,} are allowed"
        if size > FACT_BYTES_MAX
        else ""
    )


def _text(contract: RunContract, time_ms: int) -> str:
    latest = time_ms + LIFE_MS
    return dumps_canonical(
        {
            "contract_id": contract.contract_id,
            "tenant": contract.tenant,
            "workflow_id": contract.workflow_id,
            "owner": contract.owner,
            "tools": list(contract.tools),
            "values": {name: list(values) for name, values in contract.values.items()},
            "max_cost_micros": contract.max_cost_micros,
            "max_calls": contract.max_calls,
            "until": latest if contract.deadline is None else min(contract.deadline, latest),
        }
    )


def _begun(run_id: str) -> str:
    return f"run:{run_id}:begun"


def _cost(run_id: str) -> str:
    return f"run:{run_id}:contract_usd"
