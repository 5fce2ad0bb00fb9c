"""Intake: from an input record as the broker delivered it to what is asked of the ledger about it.

Pure: the same record under the same policies, keys and control state gives the same item, whoever computes
it. Reading is done once for a record; judging again when control has moved on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.processors.case import Case
from toolgate.processors.chain import judge
from toolgate.processors.claims import AMOUNT_MAX, Settle
from toolgate.processors.contract import PARAMS_BYTES_MAX
from toolgate.processors.control_state import supported
from toolgate.processors.facts import concerning, history_keys
from toolgate.processors.identity import check_control, check_result
from toolgate.processors.limits import record_names
from toolgate.processors.memos import told_by
from toolgate.processors.reasons import Code
from toolgate.processors.world import World
from toolgate.schemas.codec import Codec, DecodeCode, DecodeError
from toolgate.schemas.frozen import changed, frozen
from toolgate.schemas.records import Control, Intent, Reason, Result, ResultStatus, Verdict
from toolgate.schemas.strict_json import JsonError, digest, dumps_canonical, loads_strict, read_strict
from toolgate.streams.ledger.accounts import seen_key
from toolgate.streams.ports import GIVEN_BYTES_MAX, NOTHING, Ask, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolgate.processors.case import Envelope
    from toolgate.processors.claims import Claim
    from toolgate.processors.control_state import ControlState
    from toolgate.processors.keyring import Keyring
    from toolgate.processors.policy import PolicySet
    from toolgate.processors.rule_sheets import Sheet
    from toolgate.schemas.registry import Registry
    from toolgate.streams.ports import Look

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
    unseen: bool = False  # an intent that names results which are not there


@frozen
class Item:
    """A reading, its judged case (intents only), why it does not count (other inputs), and what is asked."""

    reading: Reading
    ask: Ask
    case: Case | None = None
    refused: Reason | None = None


class Intake:
    """Reads and judges input records under fixed policies and keys; `partitions` as the World has it."""

    def __init__(
        self, policies: PolicySet, keys: Keyring, registry: Registry | None = None, partitions: int = 0
    ) -> None:
        self.policies = policies
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

    def wants(self, readings: Iterable[Reading]) -> tuple[set[str], set[str]]:
        """What must be looked up before these are judged: runs whose facts count, and counters of their history."""
        runs: set[str] = set()
        counters: set[str] = set()
        for reading in readings:
            match reading.record:
                case Intent() as intent if sheet := self._sheet(intent):
                    if sheet.facts:
                        runs.add(intent.run_id)
                    if sheet.history:
                        counters.update(_history_keys(intent).values())
                case Result() as result if result.status != ResultStatus.STARTED:
                    runs.add(result.run_id)
        return runs, counters

    def item(
        self, reading: Reading, control: ControlState, look: Look = NOTHING, given: str | None = None
    ) -> Item:
        """What is asked of the ledger about a reading when `control` holds.

        `given` is what the intent was judged with before, which `look` has the latest of.
        """
        match reading.record:
            case Intent() as intent:
                text = self._given(reading, intent, look) if given is None else given
                return self._intent(reading, intent, control, text)
            case Result() as result:
                return self._result(reading, result, look)
            case Control() as word:
                return self._control(reading, word)
            case None:
                return Item(reading, self._plain(reading, Verdict.QUARANTINE))

    def control_fault(self, envelope: Envelope, word: Control) -> Reason | None:
        """Why a control record changes nothing; the same for every worker that reads it."""
        if fault := check_control(self._keys, envelope, word):
            return Reason(Code.BAD_IDENTITY, "identity", fault)
        if not supported(word.kind):
            because = f"control of kind {word.kind!r} is not supported by this version"
            return Reason(Code.CANNOT_JUDGE, "control", because)
        return None

    def _plain(self, reading: Reading, verdict: Verdict) -> Ask:
        envelope = reading.envelope
        return Ask(
            envelope.offset,
            envelope.time_ms,
            verdict.value,
            policy_digest=self.policies.digest,
        )

    def _sheet(self, intent: Intent) -> Sheet | None:
        policy = self.policies.for_workflow(intent.tenant, intent.workflow_id)
        return policy.rules.get(intent.tool) if policy else None

    def _given(self, reading: Reading, intent: Intent, look: Look) -> str:
        """What an intent is judged with besides itself, as text; "" for nothing."""
        sheet, given = self._sheet(intent), dict[str, object]()
        if sheet and (facts := concerning(look.facts.get(intent.run_id, {}), sheet.facts)):
            given["facts"] = facts
        if sheet and sheet.history:
            counts = {name: look.counts.get(key, 0) for name, key in _history_keys(intent).items()}
            given |= {"history": counts} if any(counts.values()) else {}
        if reading.unseen:
            given["unseen"] = True
        return dumps_canonical(given) if given else ""

    def _intent(self, reading: Reading, intent: Intent, control: ControlState, given: str) -> Item:
        envelope = reading.envelope
        world = World(self.policies, control, self._keys, self._partitions)
        case = Case(envelope, intent, reading.digest)
        if given:
            case = changed(case, **loads_strict(given, max_bytes=GIVEN_BYTES_MAX))
        case = judge(case, world)
        ask = Ask(
            offset=envelope.offset,
            time_ms=envelope.time_ms,
            verdict=case.verdict.value,
            # An id counts as used only once its writer is proven: else a forger could use up other people's.
            intent_id=seen_key(intent.tenant, intent.intent_id) if case.kid else "",
            digest=reading.digest,
            policy_digest=self.policies.digest,
            dry_run=intent.dry_run,
            claims=case.claims,
            always=case.always,
            on_deny=case.on_deny,
            reserve=case.reserve,
            given=given,
        )
        return Item(reading, ask, case)

    def _result(self, reading: Reading, result: Result, look: Look) -> Item:
        refused = self._result_fault(reading.envelope, result)
        settle: Settle | None = None
        told: tuple[Claim, ...] = ()
        if refused is None and result.status != ResultStatus.STARTED:
            settle = Settle(
                reservation_id=result.command_id,
                digest=result.digest,
                tool=result.tool,
                void=result.status == ResultStatus.VOID,
                actuals=_actuals(result),
                records=record_names(result.actual_records or ()),
            )
            tool, facts = self.policies.tools.get(result.tool), look.facts.get(result.run_id)
            told = told_by(result, tool, facts, reading.envelope.offset) if tool and facts else ()
        ask = changed(self._plain(reading, Verdict.RECORDED), settle=settle, claims=told)
        return Item(reading, ask, refused=refused)

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

    def _control(self, reading: Reading, word: Control) -> Item:
        fault = self.control_fault(reading.envelope, word)
        return Item(reading, self._plain(reading, Verdict.RECORDED), refused=fault)


def _history_keys(intent: Intent) -> dict[str, str]:
    """The counters of a call's history; of one whose parameters cannot be read, which is denied, it does not matter."""
    try:
        _, canonical = read_strict(intent.params, max_bytes=PARAMS_BYTES_MAX)
    except JsonError:
        canonical = b""
    return history_keys(intent.run_id, intent.tool, digest(canonical))


def _actuals(result: Result) -> tuple[tuple[str, int], ...]:
    actuals = []
    if result.actual_cost_micros is not None:
        actuals.append(("usd_micros", result.actual_cost_micros))
    if result.actual_records is not None:
        actuals.append(("records", len(record_names(result.actual_records))))
    return tuple(actuals)
