"""Intake: from an input record as the broker delivered it to what is asked of the ledger about it.

Pure: the same record under the same policies, keys and control state gives the same item, whoever computes
it. Control says which policies. Reading is done once for a record; judging again when control has moved on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolgate.processors import voting
from toolgate.processors.assigning import assigned_by
from toolgate.processors.case import Approved, Case
from toolgate.processors.chain import judge
from toolgate.processors.control_state import ACTIVATE, supported
from toolgate.processors.holds import ended, fields_of, hold_of, in_time, open_hold
from toolgate.processors.identity import check_contract, check_control, check_result
from toolgate.processors.memos import told_by
from toolgate.processors.policy_store import PolicyStore
from toolgate.processors.problems import LoadError
from toolgate.processors.reasons import Code
from toolgate.processors.releasing import release_of
from toolgate.processors.run_contract import accepting, contract_fault, seen_id
from toolgate.processors.settling import cost_fault, settle_of
from toolgate.processors.shown import known_of
from toolgate.processors.voting import nothing_waits, step_of_tick, step_of_vote
from toolgate.processors.world import World
from toolgate.schemas.codec import Codec, DecodeError
from toolgate.schemas.enums import SAYS, WAITS, Choice, ResultStatus, Verdict
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Control, Intent, Reason, Result, RunContract, Tick, Vote
from toolgate.schemas.strict_json import dumps_canonical, loads_strict
from toolgate.streams.gate.given import given_of, history_of, wants_run, with_known
from toolgate.streams.gate.items import RECORDS, Item, Reading, Record
from toolgate.streams.ledger.accounts import seen_key
from toolgate.streams.ports import GIVEN_BYTES_MAX, NOTHING, Ask, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from toolgate.processors.case import Envelope
    from toolgate.processors.claims import Claim, Settle
    from toolgate.processors.control_state import ControlState
    from toolgate.processors.holds import OpenHold
    from toolgate.processors.keyring import Keyring
    from toolgate.processors.policy import PolicySet
    from toolgate.schemas.registry import Registry
    from toolgate.streams.ports import Look


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
            if error.undecided:  # wait, do not judge
                raise UnavailableError(error.detail) from error
            return Reading(envelope, problem=(error.reason_code, error.detail))
        return Reading(envelope, record, schema_id, digest)

    def remembers(self, control: ControlState) -> bool:
        """Whether the policies in force look at what runs remember.

        Raises:
            UnavailableError: as `in_force`.
        """
        return self.in_force(control).remembers

    def wants(self, readings: Iterable[Reading], control: ControlState) -> tuple[set[str], set[str]]:
        """What must be looked up before these are judged: runs whose facts or contract count, and counters.

        Raises:
            UnavailableError: as `in_force`.
        """
        runs: set[str] = set()
        counters: set[str] = set()
        world = self._world(control)
        policies = world.policies
        for reading in readings:
            match reading.record:
                case Vote() | Tick() as word:
                    runs.add(word.run_id)
                    if isinstance(word, Vote) and (carried := self._carried(word, 0)):
                        counters.update(history_of(carried.record).values())  # type: ignore[arg-type]
                case Intent() as intent if policy := policies.for_workflow(intent.tenant, intent.workflow_id):
                    if wants_run(intent, policy, world):
                        runs.add(intent.run_id)
                    sheet = policy.rules.get(intent.tool)
                    if sheet and sheet.history:
                        counters.update(history_of(intent).values())
                case Result() as result if policies.remembers and result.status != ResultStatus.STARTED:
                    runs.add(result.run_id)
        return runs, counters

    def item(
        self,
        reading: Reading,
        control: ControlState,
        look: Look = NOTHING,
        given: str | None = None,
        refused: Reason | None = None,
    ) -> Item:
        """What is asked of the ledger about a reading when `control` holds.

        Args:
            reading: of an input record.
            control: what holds.
            look: what runs remember, as of now.
            given: what an intent was judged with before, in place of what `look` has.
            refused: why a control record changed nothing when it was read: that depends on what held before it.

        Raises:
            UnavailableError: this process cannot judge under the policies that are in force.
        """
        match reading.record:
            case Intent() as intent:
                return self._intent(reading, intent, control, look, given)
            case Result() as result:
                return self._result(reading, result, control, look)
            case RunContract() as contract:
                return self._contract(reading, contract, control)
            case Vote() | Tick() as word:
                return self._word(reading, word, control, look, given)
            case Control():
                return Item(reading, self._plain(reading, Verdict.RECORDED, control), refused=refused)
            case None:
                return Item(reading, self._plain(reading, Verdict.QUARANTINE, control))

    def in_force(self, control: ControlState) -> PolicySet:
        """The policies that intents are judged under when `control` holds.

        Raises:
            UnavailableError: there are none, or they do not load here.
        """
        digest = control.policy.digest
        if self._local is not None and (not digest or digest == self._local.digest):
            return self._local
        if not digest:
            raise UnavailableError("no policies are in force: `toolgate policy activate DIR` brings some")
        try:
            return self.store.policies(digest)
        except LoadError as error:
            text = f"policy set {digest}, which is in force, does not load here: {error.problems[0]}"
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

    def _plain(self, reading: Reading, verdict: Verdict, control: ControlState) -> Ask:
        envelope = reading.envelope
        return Ask(
            envelope.offset,
            envelope.time_ms,
            verdict.value,
            policy_digest=control.policy.digest or (self._local.digest if self._local else ""),
        )

    def _world(self, control: ControlState) -> World:
        return World(self.in_force(control), control, self._keys, self._partitions)

    def _case(
        self,
        reading: Reading,
        intent: Intent,
        control: ControlState,
        given: str,
        approved: Approved | None = None,
    ) -> Case:
        """The intent, judged."""
        case = Case(reading.envelope, intent, reading.digest, approved=approved)
        if given:
            case = changed(case, **loads_strict(given, max_bytes=GIVEN_BYTES_MAX))
        return judge(case, self._world(control))

    def _intent(
        self, reading: Reading, intent: Intent, control: ControlState, look: Look, given: str | None
    ) -> Item:
        envelope, first = reading.envelope, given is None
        if given is None:
            given = given_of(reading, intent, self.in_force(control), look)
        case = self._case(reading, intent, control, given)
        texts = look.facts.get(intent.run_id)
        # Its run may have been looked up for another call alone: which calls come together must not show.
        if (
            first
            and case.verdict in WAITS
            and texts
            and case.policy
            and wants_run(intent, case.policy, self._world(control))
        ):
            known = known_of(case, texts)
            case, given = changed(case, known=known), with_known(given, known)
        ask = Ask(
            offset=envelope.offset,
            time_ms=envelope.time_ms,
            verdict=case.verdict.value,
            # An id counts as used only once its writer is proven: else a forger could use up other people's.
            intent_id=seen_key(intent.tenant, intent.intent_id) if case.kid else "",
            digest=reading.digest,
            policy_digest=self.in_force(control).digest,
            dry_run=intent.dry_run,
            claims=case.claims,
            always=case.always,
            on_deny=case.on_deny,
            reserve=case.reserve,
            given=given,
        )
        return Item(reading, ask, case)

    def _result(self, reading: Reading, result: Result, control: ControlState, look: Look) -> Item:
        refused = self._result_fault(reading.envelope, result)
        settle: Settle | None = None
        told: tuple[Claim, ...] = ()
        if refused is None and result.status != ResultStatus.STARTED:
            settle = settle_of(result)
            tool, facts = (
                self.in_force(control).tools.get(result.tool) if look.facts else None,
                look.facts.get(result.run_id),
            )
            told = told_by(result, tool, facts, reading.envelope.offset) if tool and facts else ()
        ask = changed(self._plain(reading, Verdict.RECORDED, control), settle=settle, claims=told)
        return Item(reading, ask, refused=refused)

    def _contract(self, reading: Reading, contract: RunContract, control: ControlState) -> Item:
        envelope, plain = reading.envelope, self._plain(reading, Verdict.RECORDED, control)
        if fault := check_contract(self._keys, envelope):
            return Item(reading, plain, refused=Reason(Code.BAD_IDENTITY, "identity", fault))
        policy = self.in_force(control).for_workflow(contract.tenant, contract.workflow_id)
        if fault := contract_fault(contract, envelope, self._partitions, policy):
            return Item(reading, plain, refused=Reason(Code.CONTRACT_REFUSED, "contract", fault))
        ask = changed(
            plain,
            verdict=Verdict.APPROVE.value,
            intent_id=seen_key(contract.tenant, seen_id(contract)),
            digest=reading.digest,
            claims=accepting(contract, envelope.time_ms),
        )
        return Item(reading, ask)

    def _said(self, reading: Reading, vote: Vote, control: ControlState) -> Item:
        """What happened, or who sees to something: no hold is asked for."""
        plain, world = self._plain(reading, Verdict.RECORDED, control), self._world(control)
        if vote.choice == Choice.RELEASE:
            released = release_of(vote, reading.envelope, world)
            if not isinstance(released, Reason):
                return Item(reading, changed(plain, settle=released.settle), voter=released.voter)
            return Item(reading, plain, refused=released)
        told = assigned_by(vote, reading.envelope, world)
        return (
            Item(reading, plain, refused=told)
            if isinstance(told, Reason)
            else Item(reading, plain, voter=told)
        )

    def _word(
        self, reading: Reading, word: Vote | Tick, control: ControlState, look: Look, given: str | None
    ) -> Item:
        """What a vote or a tick asks, by the hold as it stood when it was first judged."""
        if isinstance(word, Vote) and word.choice in SAYS:
            return self._said(reading, word, control)
        plain = self._plain(reading, Verdict.RECORDED, control)
        hold_id = word.hold_id if isinstance(word, Vote) else word.ref
        if fault := voting.astray_fault(reading.envelope, word.run_id, hold_id, self._partitions):
            return Item(reading, plain, refused=voting.refused(fault))  # nobody is told of it anywhere
        known: dict[str, Any] | None = None
        if given is not None:
            known = loads_strict(given, max_bytes=GIVEN_BYTES_MAX) if given else {}
            hold = hold_of(known["hold"]) if known else None
        else:
            hold = open_hold(look.facts.get(word.run_id, {}), hold_id)
        if hold is None:
            return Item(reading, plain, refused=nothing_waits(hold_id, word.run_id))
        plain = changed(plain, given=dumps_canonical({"hold": fields_of(hold)}))
        if isinstance(word, Tick):
            step = step_of_tick(word, hold, reading.envelope.time_ms)
        else:
            step = step_of_vote(word, hold, reading.envelope, self._world(control))
            if step.last:
                return self._last_vote(reading, word, plain, hold, step.voter, control, look, known)
        if step.refused:
            return Item(reading, plain, refused=step.refused, hold=hold, voter=step.voter)
        ask = changed(plain, verdict=Verdict.APPROVE.value, claims=step.claims)
        if isinstance(word, Vote):
            ask = changed(ask, intent_id=seen_key(hold.tenant, voting.seen_id(word)), digest=reading.digest)
        return Item(reading, ask, hold=hold, voter=step.voter, after=step.after)

    def _last_vote(  # noqa: PLR0913, PLR0917 - what a vote is judged by, and what the intent in it is
        self,
        reading: Reading,
        vote: Vote,
        plain: Ask,
        hold: OpenHold,
        voter: str,
        control: ControlState,
        look: Look,
        known: Mapping[str, Any] | None,
    ) -> Item:
        """The intent that the last vote carries is judged again, and its hold ends with what comes of it."""
        wanted = self._carried(vote, hold.time_ms)
        if wanted is None or wanted.digest != hold.digest:
            because = "it does not carry the intent that waits: it cannot be judged again"
            return Item(reading, plain, refused=voting.refused(because), hold=hold, voter=voter)
        intent: Any = wanted.record
        given = (
            given_of(wanted, intent, self.in_force(control), look)
            if known is None
            else known.get("given", "")
        )
        approved = Approved(Verdict(hold.kind), hold.approvers, frozenset(hold.roles))
        case = self._case(wanted, intent, control, given, approved)
        plain = changed(plain, given=dumps_canonical({"hold": fields_of(hold), "given": given}))
        if because := voting.still_waits(case):
            return Item(reading, plain, refused=voting.refused(because), hold=hold, voter=voter)
        ask = changed(
            plain,
            verdict=case.verdict.value,
            intent_id=seen_key(hold.tenant, voting.seen_id(vote)),
            digest=reading.digest,
            claims=(*case.claims, in_time(hold), ended(hold)),
            on_deny=(*case.on_deny, ended(hold)),
            reserve=case.reserve,
        )
        return Item(reading, ask, case, hold=hold, voter=voter)

    def _carried(self, vote: Vote, time_ms: int) -> Reading | None:
        """The reading of the intent that a vote carries, whichever it is."""
        envelope = voting.carried(vote, time_ms)
        reading = self.read(envelope) if envelope else None
        return reading if reading and reading.record else None

    def _result_fault(self, envelope: Envelope, result: Result) -> Reason | None:
        """Why a result does not count: its command then expires as spent in full."""
        if fault := check_result(self._keys, envelope, result):
            return Reason(Code.BAD_IDENTITY, "identity", fault)
        return cost_fault(result)
