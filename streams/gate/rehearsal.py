"""A rehearsal: the real gate over a log and a ledger in memory, one record at a time, at times that the caller says.

What tests of policies and what-if replays run on: one worker, one partition, nothing but memory. Everything that a
decision depends on is as in the gate, but who wrote a record: every record is believed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from toolgate.processors.approval_terms import ApprovalTerms
from toolgate.processors.keyring import Keyring
from toolgate.schemas.codec import Codec
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import AuditEvent, Command, Hold, Intent, Result, RunContract
from toolgate.streams.gate.intake import Intake
from toolgate.streams.gate.loop import Fixed, Gate
from toolgate.streams.gate.proposals import owners_of
from toolgate.streams.gate.publish import Publisher
from toolgate.streams.gate.recovery import recover
from toolgate.streams.ledger.memory import MemoryLedger
from toolgate.streams.ledger.store import Store
from toolgate.streams.log.memory import Broker, MemoryLog
from toolgate.streams.ports import INPUTS, Output
from toolgate.streams.topics import TOPICS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from toolgate.processors.policy import PolicySet
    from toolgate.streams.gate.items import Item
    from toolgate.streams.ports import Decision, TopicPartition

R = TypeVar("R")
_NONCE = "rehearsal"
_POINTS_MAX = 1_000  # of the loop for one record: it passes some twenty


class RehearsalError(Exception):
    """The gate has not decided a record: a fault of toolgate."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of an intent: what an executor would get, if it was approved, or people, if it is held."""

    event: AuditEvent
    command: Command | None = None
    hold: Hold | None = None

    @property
    def needs(self) -> ApprovalTerms | None:
        """What people must do about it, where they were asked."""
        hold = self.hold
        if hold is None:
            return None
        since_ms = self.event.append_time
        return ApprovalTerms(
            approvers=hold.approvals_needed,
            roles=hold.roles,
            wait_ms=hold.expires_at - since_ms,
            owners=owners_of(hold),
            answer_ms=hold.answer_by - since_ms,
        )


class _Silence:
    """A report that nobody reads."""

    def batch(
        self, decided: Sequence[tuple[Item, Decision]], committed: Mapping[TopicPartition, int]
    ) -> None:
        """See `loop.Report`."""

    def joined(self, partitions: frozenset[TopicPartition], gen: str) -> None:
        """See `loop.Report`."""

    def policies(self, policies: PolicySet) -> None:
        """See `loop.Report`."""

    def state(self, name: str, detail: str) -> None:
        """See `loop.Report`."""


class Rehearsal:
    """A gate of its own, with an empty ledger, under one policy set."""

    def __init__(self, policies: PolicySet) -> None:
        self._broker = Broker(1, (), [topic.name for topic in TOPICS])
        self._broker.now_ms = 0
        store = Store()
        inputs = tuple((topic, 0) for topic in INPUTS)
        self._pass(
            recover(MemoryLog(self._broker, lambda _: None), MemoryLedger(store), _NONCE, inputs, range(1))
        )
        self._loop = Gate(
            Fixed(slot=0, slots=1, inputs=inputs, poll_s=0),
            lambda on_revoke: MemoryLog(self._broker, on_revoke),
            MemoryLedger(store),
            Intake(policies, Keyring.insecure()),
            Publisher(_NONCE),
            _Silence(),
            now_ms=lambda: self._broker.now_ms,
            nonce=lambda: _NONCE,
        ).run()
        self._intents, self._results, self._contracts = Codec(Intent), Codec(Result), Codec(RunContract)
        self._events, self._commands, self._holds = Codec(AuditEvent), Codec(Command), Codec(Hold)
        self._read: dict[str, int] = {}
        self._last: dict[tuple[str, str], Command] = {}  # by tenant and intent id

    def intent(self, intent: Intent, at_ms: int) -> Decided:
        """Let the gate decide an intent that the broker took at `at_ms`; earlier than the last record counts as then.

        Raises:
            RehearsalError: it does not.
        """
        event = self._decide("intents", intent.run_id, self._intents.encode(intent), at_ms)
        command = next(iter(self._new("commands", self._commands)), None)
        if command is not None:
            self._last[intent.tenant, intent.intent_id] = command
        return Decided(event, command, next(iter(self._new("holds", self._holds)), None))

    def contract(self, contract: RunContract, at_ms: int) -> AuditEvent:
        """Let the gate take the contract of a run.

        Raises:
            RehearsalError: it does not decide it.
        """
        return self._decide("contracts", contract.run_id, self._contracts.encode(contract), at_ms)

    def result(self, tenant: str, result: Result, at_ms: int) -> AuditEvent | None:
        """Let the gate settle a result of the command that this intent id of the tenant has become.

        Which command it names, and by which digest, is filled in: a recorded result names that of its own log.

        Returns:
            The audit event; None when the intent has become no command here.

        Raises:
            RehearsalError: the gate does not settle it.
        """
        command = self._last.get((tenant, result.intent_id))
        if command is None:
            return None
        result = changed(
            result,
            command_id=command.command_id,
            digest=command.digest,
            tool=command.tool,
            run_id=command.run_id,
        )
        return self._decide("results", result.run_id, self._results.encode(result), at_ms)

    def _decide(self, topic: str, key: str, value: bytes, at_ms: int) -> AuditEvent:
        self._broker.now_ms = max(self._broker.now_ms, at_ms)
        self._broker.append(Output(topic, 0, key.encode(), value))
        for _ in range(_POINTS_MAX):
            if next(self._loop) == "poll" and (events := self._new("audit", self._events)):
                return events[-1]
        raise RehearsalError(f"the gate has not decided a record of {topic}")

    def _new(self, topic: str, codec: Codec[R]) -> list[R]:
        """What was committed on a topic since it was last looked at."""
        found = list(self._broker.visible((topic, 0), self._read.get(topic, 0)))
        if found:
            self._read[topic] = found[-1].offset + 1
        return [codec.decode(envelope.value) for envelope in found]

    @staticmethod
    def _pass(points: Iterator[str]) -> None:
        for _ in points:
            pass
