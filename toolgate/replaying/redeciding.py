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
from toolgate.replaying.recorded import RecordedReader
from toolgate.schemas.enums import Verdict
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Intent, Tick, Vote
from toolgate.streams.gate.items import Reading
from toolgate.streams.gate.publish import Publisher
from toolgate.streams.gate.waiting import RESULTS
from toolgate.streams.ports import CONTROL, NOTHING, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolgate.processors.case import Envelope
    from toolgate.processors.control_state import ControlState
    from toolgate.replaying.recorded import Head, Recorded
    from toolgate.replaying.records import Records
    from toolgate.schemas.registry import Registry
    from toolgate.streams.gate.intake import Intake
    from toolgate.streams.gate.items import Item
    from toolgate.streams.ports import Decision, Look, Output

# Why a record was not read that lies outside of it: told by who met it.
_UNREAD = {"KILLS_ITS_READER": "kills_its_reader", "UNDELIVERABLE": "undeliverable"}


@dataclass(frozen=True, slots=True)
class Redecided:
    """One decision made again. `difference`: from the record; `strict`: False where a lost decision explains one."""

    audited: Recorded
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
        self._reader = RecordedReader(registry)
        self._comparing = Comparing(self._reader.codec)
        self._publisher, self._version = Publisher("", registry), ""
        self._controlled = Controlled(records, intake)
        self._gaps = Gaps()
        self._seq = 0
        self.inputs = Inputs(records)
        self.ledger = ReplayLedger()

    def run(self) -> Iterator[Redecided]:
        """Every recorded decision, made again; what comes after the first difference says nothing.

        Beside a gate that goes on it ends before the first event that came after the records were opened: one
        partition may have been read before it, and others show what was decided after that.

        Raises:
            LostRecordsError: an audit record cannot be read.
            UnavailableError: the policies that were in force are not at hand.
        """
        tps = [("audit", partition) for partition in self._records.partitions("audit")]
        ends = {tp[1]: self._records.end(tp) for tp in tps}
        for audited in in_order([self._records.read(tp) for tp in tps], self._reader):
            if audited.envelope.offset >= ends[audited.envelope.partition]:
                return
            yield self._redecide(audited)

    def _redecide(self, audited: Recorded) -> Redecided:
        event = audited.head
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
        item = self._item(envelope, audited, self._controlled.state_at(ctl))
        decision = self.ledger.decide(item.ask, audited, ctl, lost=self._gaps.lost)
        return self._compared(audited, item, decision)

    def _item(self, envelope: Envelope, audited: Recorded, state: ControlState) -> Item:
        reading = self._reading(envelope, audited, state)
        refused = self._controlled.refused(envelope.offset) if envelope.topic == CONTROL else None
        return self._intake.item(reading, state, self._look(reading, state), None, refused)

    def _reading(self, envelope: Envelope, audited: Recorded, state: ControlState) -> Reading:
        if audited.head.verdict == Verdict.QUARANTINE:
            said = next(iter(audited.event.reasons), None)
            if said is not None and said.code in _UNREAD:
                return Reading(envelope, problem=(_UNREAD[said.code], said.because))
        reading = self._intake.read(envelope)
        if isinstance(reading.record, Intent) and reading.record.results_seen_to is not None:
            return changed(
                reading, unseen=self._unseen(envelope, reading.record.results_seen_to, audited, state)
            )
        return reading

    def _unseen(self, envelope: Envelope, wanted: int, audited: Recorded, state: ControlState) -> bool:
        """Whether the results that an agent names were not there.

        Where rules look at facts, results are decided before intents. Elsewhere the gate may have read what it
        decided only afterwards: the record says so.
        """
        if wanted < self.inputs.behind.get((RESULTS, envelope.partition), 0):
            return False
        if self._intake.remembers(state):
            return True
        event = audited.event
        return any(one.code == Code.UNSEEN_RESULTS for one in (*event.reasons, *event.shadow_reasons))

    def _look(self, reading: Reading, state: ControlState) -> Look:
        # What waits is remembered by its run whatever the policies look at.
        if not isinstance(reading.record, Vote | Tick) and not self._intake.remembers(state):
            return NOTHING
        runs, counters = self._intake.wants([reading], state)
        return self.ledger.look(runs, counters) if runs or counters else NOTHING

    def _compared(self, audited: Recorded, item: Item, decision: Decision) -> Redecided:
        fields = self._comparing.differing(audited, self._made(audited, item, decision))
        if fields and audited.event.code_version != self._version:
            self._version = audited.event.code_version
            self._publisher = Publisher(self._version, self._registry)
            fields = self._comparing.differing(audited, self._made(audited, item, decision))
        if not fields:
            return Redecided(audited)
        names = ", ".join(field.name for field in fields)
        difference = Difference.at(audited, f"decided again it differs in {names}", fields)
        excused = self._gaps.lost and explained(fields, audited.event)
        return Redecided(audited, difference, strict=not excused)

    def _made(self, audited: Recorded, item: Item, decision: Decision) -> Output:
        """The audit record of a decision, by the code and of the ledger that the recorded one names."""
        reply = Reply(audited.head.gen, audited.head.stable, ())
        return self._publisher.audit(item, decision, reply, self._controlled.after(audited))


def _no_input(event: Head, ahead: Envelope | None) -> str:
    place = f"{event.topic}[{event.partition}]"
    if ahead is None or ahead.offset > event.offset:
        return f"{place} has no record at {event.offset} that is not decided yet"
    return f"no event tells of {place}@{ahead.offset}, which stands before this one's input"
