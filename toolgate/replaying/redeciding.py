"""Re-deciding: the recorded inputs, decided again in the order of `seq`, and compared with the audit.

A fold: one decision after the other on the replay's own accounts. What it judges by is a parameter, the intake; from
the record come the order, the control position, and what the worker that decided had seen of the world around it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolgate.processors.reasons import Code
from toolgate.replaying.control import Controlled
from toolgate.replaying.difference import Comparing, Difference, explained
from toolgate.replaying.gaps import Gaps
from toolgate.replaying.inputs import Inputs
from toolgate.replaying.ledger import ReplayLedger
from toolgate.replaying.ordering import in_order
from toolgate.schemas.codec import Codec, DecodeError
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import AuditEvent, Intent, Verdict
from toolgate.streams.errors import LostRecordsError
from toolgate.streams.gate.intake import Reading
from toolgate.streams.gate.publish import Publisher
from toolgate.streams.gate.waiting import RESULTS
from toolgate.streams.ports import CONTROL, NOTHING, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolgate.processors.case import Envelope
    from toolgate.processors.control_state import ControlState
    from toolgate.replaying.ordering import Audited
    from toolgate.replaying.records import Records
    from toolgate.schemas.registry import Registry
    from toolgate.streams.gate.intake import Intake, Item
    from toolgate.streams.ports import Decision, Look, Output

# Why a record was not read that lies outside of it: told by who met it.
_UNREAD = {"KILLS_ITS_READER": "kills_its_reader", "UNDELIVERABLE": "undeliverable"}


@dataclass(frozen=True, slots=True)
class Redecided:
    """One decision made again. `difference`: from the record; `strict`: False where a lost decision explains one."""

    audited: Audited
    difference: Difference | None = None
    strict: bool = True


class Replay:
    """One history under one intake.

    Args:
        records: inputs, policies and audit.
        intake: judges; its store is filled with the sets that lie in the log.
        registry: where schema ids come from.

    Raises:
        LostRecordsError: the log does not begin at its beginning any more.
        UnavailableError: the policies topic is shorter than an activation says.
    """

    def __init__(self, records: Records, intake: Intake, registry: Registry | None = None) -> None:
        self._records = records
        self._intake = intake
        self._registry = registry
        self._codec = Codec(AuditEvent, registry)
        self._comparing = Comparing(self._codec)
        self._publishers: dict[str, Publisher] = {}
        self._controlled = Controlled(records, intake)
        self._gaps = Gaps()
        self._seq = 0
        self.inputs = Inputs(records)
        self.ledger = ReplayLedger()

    def run(self) -> Iterator[Redecided]:
        """Every recorded decision, made again; what comes after the first difference says nothing.

        Raises:
            LostRecordsError: an audit record cannot be read.
            UnavailableError: the policies that were in force are not at hand.
        """
        audit = [self._records.read(("audit", p)) for p in self._records.partitions("audit")]
        for audited in in_order(audit, self._read):
            yield self._redecide(audited)

    def _read(self, envelope: Envelope) -> AuditEvent:
        try:
            return self._codec.decode(envelope.value)
        except DecodeError as error:
            raise LostRecordsError(
                f"an audit event cannot be read: {error}",
                where=f"audit[{envelope.partition}]@{envelope.offset}",
                remedy="find out who wrote it: only the gate may write the audit",
            ) from error

    def _redecide(self, audited: Audited) -> Redecided:
        event = audited.event
        if event.seq <= self._seq:
            return Redecided(audited, Difference.at(audited, f"seq {event.seq} stands in the audit twice"))
        self._seq = event.seq
        missing = self._gaps.see(event)
        tp = (event.topic, event.partition)
        ahead = self.inputs.peek(tp)
        envelope = self.inputs.take(tp, event.offset)
        if envelope is None:
            return Redecided(audited, Difference.at(audited, _no_input(event, ahead)))
        if missing is not None:
            because = (
                f"no event has seq {missing}, and this one says that all up to {event.stable} was committed"
            )
            return Redecided(audited, Difference.at(audited, because))
        ctl = self._controlled.see(event)
        item = self._item(envelope, event, self._controlled.state_at(ctl))
        decision = self.ledger.decide(item.ask, event, ctl, lost=self._gaps.lost)
        return self._compared(audited, self._made(item, decision, event))

    def _item(self, envelope: Envelope, event: AuditEvent, state: ControlState) -> Item:
        reading = self._reading(envelope, event, state)
        refused = self._controlled.refused(envelope.offset) if envelope.topic == CONTROL else None
        return self._intake.item(reading, state, self._look(reading, state), None, refused)

    def _reading(self, envelope: Envelope, event: AuditEvent, state: ControlState) -> Reading:
        said = event.reasons[0] if event.verdict == Verdict.QUARANTINE and event.reasons else None
        if said is not None and said.code in _UNREAD:
            return Reading(envelope, problem=(_UNREAD[said.code], said.because))
        reading = self._intake.read(envelope)
        if isinstance(reading.record, Intent) and reading.record.results_seen_to is not None:
            return changed(
                reading, unseen=self._unseen(envelope, reading.record.results_seen_to, event, state)
            )
        return reading

    def _unseen(self, envelope: Envelope, wanted: int, event: AuditEvent, state: ControlState) -> bool:
        """Whether the results that an agent names were not there.

        Where rules look at facts, results are decided before intents. Elsewhere the gate may have read what it
        decided only afterwards: the record says so.
        """
        if wanted < self.inputs.behind.get((RESULTS, envelope.partition), 0):
            return False
        told = any(one.code == Code.UNSEEN_RESULTS for one in (*event.reasons, *event.shadow_reasons))
        return told or self._intake.remembers(state)

    def _look(self, reading: Reading, state: ControlState) -> Look:
        if reading.record is None or not self._intake.remembers(state):
            return NOTHING
        return self.ledger.look(*self._intake.wants([reading], state))

    def _made(self, item: Item, decision: Decision, event: AuditEvent) -> Output:
        """The audit record of a decision, by the code and of the ledger that the recorded one names."""
        version = event.code_version
        if version not in self._publishers:
            self._publishers[version] = Publisher(version, self._registry)
        reply = Reply(event.gen, event.stable, ())
        return self._publishers[version].audit(item, decision, reply, self._controlled.after(event))

    def _compared(self, audited: Audited, made: Output) -> Redecided:
        fields = self._comparing.differing(audited, made)
        if not fields:
            return Redecided(audited)
        names = ", ".join(field.name for field in fields)
        difference = Difference.at(audited, f"decided again it differs in {names}", fields)
        return Redecided(
            audited, difference, strict=not (self._gaps.lost and explained(fields, audited.event))
        )


def _no_input(event: AuditEvent, ahead: Envelope | None) -> str:
    place = f"{event.topic}[{event.partition}]"
    if ahead is None or ahead.offset > event.offset:
        return f"{place} has no record at {event.offset} that is not decided yet"
    return f"no event tells of {place}@{ahead.offset}, which stands before this one's input"
