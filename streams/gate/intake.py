"""Intake: from an input record as the broker delivered it to what is asked of the ledger about it.

Pure: the same record under the same policies, keys and control state gives the same item, whoever computes
it. Control says which policies. Reading is done once for a record; judging again when control has moved on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.processors.case import Case
from toolgate.processors.chain import judge
from toolgate.processors.claims import AMOUNT_MAX, Settle
from toolgate.processors.control_state import ACTIVATE, supported
from toolgate.processors.identity import check_control, check_result
from toolgate.processors.limits import record_names
from toolgate.processors.policy_store import PolicyStore
from toolgate.processors.problems import LoadError
from toolgate.processors.reasons import Code
from toolgate.processors.world import World
from toolgate.schemas.codec import Codec, DecodeCode, DecodeError
from toolgate.schemas.frozen import frozen
from toolgate.schemas.records import Control, Intent, Reason, Result, ResultStatus, Verdict
from toolgate.streams.ledger.accounts import seen_key
from toolgate.streams.ports import Ask, UnavailableError

if TYPE_CHECKING:
    from toolgate.processors.case import Envelope
    from toolgate.processors.control_state import ControlState
    from toolgate.processors.keyring import Keyring
    from toolgate.processors.policy import PolicySet
    from toolgate.schemas.registry import Registry

Record = Intent | Result | Control

# What lies on each of `ports.INPUTS`.
RECORDS: dict[str, type[Record]] = {"intents": Intent, "results": Result, "control": Control}


@frozen
class Reading:
    """A record as far as it could be read. `problem` is (code, detail) of what could not; it is quarantined."""

    envelope: Envelope
    record: Record | None = None
    schema_id: int = 0
    digest: str = ""
    problem: tuple[str, str] | None = None


@frozen
class Item:
    """A reading, its judged case (intents only), why it does not count (other inputs), and what is asked."""

    reading: Reading
    ask: Ask
    case: Case | None = None
    refused: Reason | None = None


class Intake:
    """Reads and judges input records under fixed keys and the policies that are in force.

    Args:
        local: the policies as long as control has activated none; None: nothing can be judged until it does.
        keys: who may write what.
        registry: where schema ids come from.
        partitions: as the World has it.
        store: where activated policies are; filled by whoever reads the topic.
    """

    def __init__(
        self,
        local: PolicySet | None,
        keys: Keyring,
        registry: Registry | None = None,
        partitions: int = 0,
        store: PolicyStore | None = None,
    ) -> None:
        self._local = local
        self.store = store or PolicyStore("")
        self._partitions = partitions
        self._keys = keys
        self._codecs: dict[str, Codec[Record]] = {
            topic: Codec(record, registry) for topic, record in RECORDS.items()
        }

    def read(self, envelope: Envelope) -> Reading:
        """Decode a record, strictly.

        Raises:
            UnavailableError: its schema id is new and the Schema Registry does not answer.
        """
        if envelope.problem:
            return Reading(envelope, problem=("undeliverable", envelope.problem))
        try:
            record, schema_id, digest = self._codecs[envelope.topic].read(envelope.value)
        except DecodeError as error:
            if (
                error.reason_code == DecodeCode.REGISTRY_UNAVAILABLE
            ):  # may be a good record: wait, do not judge
                raise UnavailableError(error.detail) from error
            return Reading(envelope, problem=(error.reason_code, error.detail))
        return Reading(envelope, record, schema_id, digest)

    def item(self, reading: Reading, control: ControlState, refused: Reason | None = None) -> Item:
        """What is asked of the ledger about a reading when `control` holds.

        `refused` says why a control record changed nothing when it was read: that depends on what held before it.

        Raises:
            UnavailableError: this process cannot judge under the policies that are in force.
        """
        match reading.record:
            case Intent() as intent:
                return self._intent(reading, intent, control)
            case Result() as result:
                return self._result(reading, result, control)
            case Control():
                return Item(reading, self._plain(reading, Verdict.RECORDED, control), refused=refused)
            case None:
                return Item(reading, self._plain(reading, Verdict.QUARANTINE, control))

    def in_force(self, control: ControlState) -> PolicySet:
        """The policies that intents are judged under when `control` holds.

        Raises:
            UnavailableError: there are none, or they do not load in this version.
        """
        digest = control.policy.digest
        if self._local is not None and (not digest or digest == self._local.digest):
            return self._local
        if not digest:
            raise UnavailableError("no policies are in force: `toolgate policy activate DIR` brings some")
        try:
            return self.store.policies(digest)
        except LoadError as error:
            text = (
                f"policy set {digest}, which is in force, does not load in this version: {error.problems[0]}"
            )
            raise UnavailableError(text) from error

    def control_fault(self, envelope: Envelope, word: Control, before: ControlState) -> Reason | None:
        """Why a control record changes nothing where `before` held; the same for every worker that reads it.

        Of an activation, `set_fault` tells the rest.
        """
        if fault := check_control(self._keys, envelope, word, before):
            return Reason(Code.BAD_IDENTITY, "identity", fault)
        if not supported(word.kind):
            because = f"control of kind {word.kind!r} is not supported by this version"
            return Reason(Code.CANNOT_JUDGE, "control", because)
        if fault := before.stale(word):
            return Reason(Code.CONTROL_REFUSED, "control", fault)
        return None

    def set_fault(self, word: Control) -> Reason | None:
        """Why the set of an activation cannot be in force; the store must be filled up to its `policies_end`."""
        fault = self.store.fault(word) if word.kind == ACTIVATE else ""
        return Reason(Code.CONTROL_REFUSED, "policies", fault) if fault else None

    def _plain(
        self, reading: Reading, verdict: Verdict, control: ControlState, settle: Settle | None = None
    ) -> Ask:
        envelope = reading.envelope
        return Ask(
            envelope.offset,
            envelope.time_ms,
            verdict.value,
            policy_digest=control.policy.digest or (self._local.digest if self._local else ""),
            settle=settle,
        )

    def _intent(self, reading: Reading, intent: Intent, control: ControlState) -> Item:
        envelope = reading.envelope
        policies = self.in_force(control)
        world = World(policies, control, self._keys, self._partitions)
        case = judge(Case(envelope, intent, reading.digest), world)
        ask = Ask(
            offset=envelope.offset,
            time_ms=envelope.time_ms,
            verdict=case.verdict.value,
            # An id counts as used only once its writer is proven: else a forger could use up other people's.
            intent_id=seen_key(intent.tenant, intent.intent_id) if case.kid else "",
            digest=reading.digest,
            policy_digest=policies.digest,
            dry_run=intent.dry_run,
            claims=case.claims,
            always=case.always,
            on_deny=case.on_deny,
            reserve=case.reserve,
        )
        return Item(reading, ask, case)

    def _result(self, reading: Reading, result: Result, control: ControlState) -> Item:
        refused = self._result_fault(reading.envelope, result)
        settle = None
        if refused is None and result.status != ResultStatus.STARTED:
            settle = Settle(
                reservation_id=result.command_id,
                digest=result.digest,
                tool=result.tool,
                void=result.status == ResultStatus.VOID,
                actuals=_actuals(result),
                records=record_names(result.actual_records or ()),
            )
        return Item(reading, self._plain(reading, Verdict.RECORDED, control, settle), refused=refused)

    def _result_fault(self, envelope: Envelope, result: Result) -> Reason | None:
        """Why a result does not count: its command then expires as spent in full."""
        if fault := check_result(self._keys, envelope, result):
            return Reason(Code.BAD_IDENTITY, "identity", fault)
        cost = result.actual_cost_micros
        if cost is not None and not 0 <= cost <= AMOUNT_MAX:
            return Reason(
                Code.COST_INVALID, "actual_cost_micros", f"{cost} is not between 0 and {AMOUNT_MAX}"
            )
        return None


def _actuals(result: Result) -> tuple[tuple[str, int], ...]:
    actuals = []
    if result.actual_cost_micros is not None:
        actuals.append(("usd_micros", result.actual_cost_micros))
    if result.actual_records is not None:
        actuals.append(("records", len(record_names(result.actual_records))))
    return tuple(actuals)
