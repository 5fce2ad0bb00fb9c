"""One intent explained: what each stage of the chain says, each rule looks at, and what would be taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolgate.processors.approval_terms import terms_of
from toolgate.processors.case import Case, Envelope
from toolgate.processors.chain import CHAIN, judge
from toolgate.processors.claims import Remember
from toolgate.processors.control_state import ControlState
from toolgate.processors.facts import fact_name, fact_value
from toolgate.processors.keyring import Keyring
from toolgate.processors.remembering import key_told
from toolgate.processors.rule_looks import looks
from toolgate.processors.run_contract import accepting, contract_fault, contract_of
from toolgate.processors.verdicts import ends_case
from toolgate.processors.world import World
from toolgate.schemas.codec import Codec
from toolgate.schemas.enums import Verdict
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Intent, Reason, RunContract
from toolgate.streams.gate.rehearsal import Rehearsal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from toolgate.processors.approval_terms import ApprovalTerms
    from toolgate.processors.claims import Claim
    from toolgate.processors.policy import PolicySet
    from toolgate.processors.rule_looks import Look

LEDGER = "ledger"
NOT_ASKED = "not asked"
_GIVEN = "given"  # who told the facts


class ContractFault(Exception):  # noqa: N818 - it is what is wrong with the contract
    """The gate would refuse this contract; the message says why."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What one processor of the chain, or the ledger, said.

    `outcome`: passed, refused, nothing more (refused before), not reached, not asked, or "failed: <error>".
    """

    name: str
    about: str
    outcome: str
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Explained:
    """Everything about an intent under a policy set, on empty accounts."""

    verdict: str
    reasons: tuple[Reason, ...]
    stages: tuple[Stage, ...]  # of the chain, and the ledger last
    rules: tuple[Look, ...]
    claims: tuple[Claim, ...]  # what it would take, if it is approved
    cost_micros: int
    records: tuple[str, ...]
    tells: tuple[
        tuple[str, str, bool], ...
    ] = ()  # fact, key ("": its result says which), trusted: what it would tell
    needs: ApprovalTerms | None = None  # of people, where it is held


def explain(
    intent: Intent,
    policies: PolicySet,
    at_ms: int,
    facts: Mapping[str, Mapping[str, Any]] | None = None,
    contract: RunContract | None = None,
) -> Explained:
    """Explain an intent as if the broker had taken it at `at_ms`, as its run's first.

    Args:
        intent: its writer is believed.
        policies: what it is judged under.
        at_ms: epoch milliseconds.
        facts: what its run remembers: by fact and key, the fields. Then the ledger is not asked: its accounts are
            those of a run that has read nothing.
        contract: that of its run, taken at `at_ms`.

    Raises:
        ContractFault: the contract would be refused.
    """
    value = Codec(Intent).encode(intent)
    envelope = Envelope("intents", 0, 0, at_ms, intent.run_id.encode(), value)
    _, _, digest = Codec(Intent).read(value)
    case = changed(Case(envelope, intent, digest), facts=_texts(facts or {}))
    if contract is not None:
        case = changed(case, run_contract=_taken(contract, policies, at_ms))
    world = World(policies, ControlState(), Keyring.insecure())
    judged = judge(case, world)
    stages, last = _walk(case, world)
    verdict, reasons = judged.verdict.value, judged.reasons
    ledger = Stage(LEDGER, "whether the accounts have room", NOT_ASKED)
    if facts is None and judged.verdict == Verdict.APPROVE:
        gate = Rehearsal(policies)
        if contract is not None:
            gate.contract(contract, at_ms)
        event = gate.intent(intent, at_ms).event
        verdict, reasons = event.verdict, event.reasons
        ledger = Stage(LEDGER, ledger.about, "refused" if reasons else "passed", reasons)
    claims = (*judged.always, *judged.claims)
    entries, params = last.tool.remember if last.tool else (), last.params or {}
    tells = tuple((entry.fact, key_told(entry, params), entry.trusted) for entry in entries)
    needs = terms_of(judged) if verdict == Verdict.HOLD else None
    return Explained(
        verdict,
        reasons,
        (*stages, ledger),
        looks(last),
        claims,
        judged.cost_micros,
        judged.records,
        tells,
        needs,
    )


def _taken(contract: RunContract, policies: PolicySet, at_ms: int) -> dict[str, Any] | None:
    """The contract as its run would remember it; ContractFault."""
    envelope = Envelope("contracts", 0, 0, at_ms, contract.run_id.encode(), b"")
    policy = policies.for_workflow(contract.tenant, contract.workflow_id)
    if fault := contract_fault(contract, envelope, 0, policy):
        raise ContractFault(fault)
    kept = (claim for claim in accepting(contract, at_ms) if isinstance(claim, Remember))
    return contract_of({claim.name: claim.value for claim in kept})


def _walk(case: Case, world: World) -> tuple[tuple[Stage, ...], Case]:
    """What each processor adds, and the case after the last one that was reached."""
    stages: list[Stage] = []
    ended = False
    for processor in CHAIN:
        name, about = processor.__name__, (processor.__doc__ or "").splitlines()[0]
        if ended:
            stages.append(Stage(name, about, "not reached"))
            continue
        before = len(case.reasons)
        try:
            case = processor(case, world)
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as error:  # noqa: BLE001 - as the chain does: what cannot be judged is not approved
            stages.append(Stage(name, about, f"failed: {type(error).__name__}"))
            ended = True
            continue
        said = case.reasons[before:]
        quiet = "nothing more" if case.reasons else "passed"
        stages.append(Stage(name, about, "refused" if said else quiet, said))
        ended = bool(case.reasons) and ends_case(case.reasons)
    return tuple(stages), case


def _texts(facts: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Facts as the ledger keeps them."""
    return dict(_rows(facts))


def _rows(facts: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for fact, rows in facts.items():
        for key, fields in rows.items():
            yield fact_name(fact, key, _GIVEN), fact_value(fields, 0)
