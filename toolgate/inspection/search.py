"""Searching the log for one intent: the audit first, then what it points at.

The audit names every input by its place, so intents and results are fetched by offset. Commands, outcomes, denials,
holds and drafts are written in the same transaction as their audit event: they are looked for from its time on, in
its partition.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from toolgate.inspection.errors import NotFoundError
from toolgate.inspection.explanation import Decided, Explanation, Reported, approves
from toolgate.inspection.reader import TopicReader
from toolgate.inspection.stretches import records, whole
from toolgate.processors.control_state import MODE, ORDERED_BY
from toolgate.processors.modes import RULE
from toolgate.processors.placement import partition_of
from toolgate.schemas.enums import Verdict
from toolgate.schemas.records import AuditEvent, Control
from toolgate.streams.errors import RefusedError, SettingsError
from toolgate.streams.gate.proposals import id_of
from toolgate.streams.ports import CONTROL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from toolgate.inspection.decoding import Decoder, Entry
    from toolgate.inspection.stretches import Readable, Stretch
    from toolgate.streams.settings import Settings

_PROPOSALS = {Verdict.HOLD: "holds", Verdict.DRAFT: "drafts"}
_SLACK_MS = 10_000  # brokers' clocks may differ by so much


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a search has come, in offsets."""

    topic: str
    done: int
    total: int


@dataclass(slots=True)
class Search:
    """Reads what it needs of each topic; what may not be read is noted, and the search goes on without it.

    Args:
        open_topic: the reader of a logical topic; raises RefusedError where it may not be read.
        decoder: for all topics.
        notify: told how far the reading of a topic has come.
    """

    open_topic: Callable[[str], Readable]
    decoder: Decoder
    notify: Callable[[Progress], None] = lambda _: None
    missing: list[str] = field(default_factory=list)

    def explain(self, intent_id: str, tenant: str | None = None, run_id: str | None = None) -> Explanation:
        """All that the log knows of an intent id.

        Args:
            intent_id: as the agent gave it.
            tenant: whose intent; needed only where several tenants have used the id.
            run_id: the run that it belongs to: then one partition is searched instead of all.

        Raises:
            NotFoundError: nothing of it was found.
            SettingsError: several tenants have used this id and none was named.
            RefusedError: the audit may not be read.
            UnreachableError: Kafka does not answer.
        """
        audit = self.open_topic("audit")
        partitions = audit.partitions
        if run_id is not None:
            partitions = (partition_of(run_id.encode(), len(partitions)),)
        entries = [
            entry
            for entry in self._holding(audit, "audit", whole(audit, partitions), intent_id)
            if entry.record is not None and entry.record.intent_id == intent_id
        ]
        entries = _of_tenant(entries, intent_id, tenant)
        decided = [entry for entry in entries if entry.record.topic == "intents"]
        waiting = self._waiting(intent_id, tenant, partitions, decided)
        if not decided and not waiting:
            raise _not_found(intent_id, tenant, run_id)
        decisions = tuple(map(self._decision, decided))
        commands = {entry.record.command_id for entry in decided if approves(entry.record)}
        released = [vote for each in decisions if (vote := each.released)]
        commands |= {id_of(vote.record) for vote in released}
        reported = [
            entry
            for entry in entries
            if entry.record.topic == "results" and entry.record.command_id in commands
        ]
        makers = [each for each in decided if each.record.first and approves(each.record)]
        command = next(map(self._command, [*makers, *released]), None)
        results = tuple(Reported(entry, self._at(entry)) for entry in reported)
        return Explanation(
            intent_id, decisions, waiting, command, results, None, tuple(dict.fromkeys(self.missing))
        )

    def _decision(self, audit: Entry) -> Decided:
        event = audit.record
        intent = self._at(audit)
        if event.verdict == Verdict.DUPLICATE:
            return Decided(audit, intent)
        orders = self._orders(event)
        denial = None
        if event.verdict == Verdict.DENY:
            denial = self._beside(audit, "denials", lambda r: (r.partition, r.offset) == _place(event))
        outcome = None
        if event.kid:  # nobody else is told
            outcome = self._beside(audit, "outcomes", lambda r: r.seq == event.seq)
        proposal = None
        if event.verdict in _PROPOSALS and not event.dry_run:
            proposal = self._beside(audit, _PROPOSALS[event.verdict], lambda r: r.seq == event.seq)
        votes = self._votes(proposal) if proposal is not None else ()
        return Decided(audit, intent, denial, outcome, proposal, votes, orders)

    def _orders(self, event: AuditEvent) -> tuple[Entry, ...]:
        """The orders that the reasons name, as they stood when it was decided."""
        said = " ".join(one.because for one in (*event.reasons, *event.shadow_reasons) if one.rule == RULE)
        reader = self._readable(CONTROL) if ORDERED_BY in said else None
        if reader is None:
            return ()
        start, end = reader.span(0)
        found: dict[str, Entry] = {}
        for envelopes in reader.read({0: start}, {0: min(end, event.ctl)}):
            for entry in map(self.decoder.entry, envelopes):
                word = entry.record
                if (
                    isinstance(word, Control)
                    and word.kind == MODE
                    and f"{ORDERED_BY}{word.control_id}:" in said
                ):
                    found.setdefault(word.control_id, entry)  # whoever took the same id came later
        return tuple(found.values())

    def _votes(self, proposal: Entry) -> tuple[Entry, ...]:
        """What was told of a hold or a draft after it was opened."""
        hold_id, seq = id_of(proposal.record), proposal.record.seq
        return tuple(
            entry
            for entry in self._since(proposal, proposal.envelope.topic)
            if entry.record.seq > seq and id_of(entry.record) == hold_id
        )

    def _command(self, maker: Entry) -> Entry | None:
        """The command that an approval has made: an audit event, or the state of a hold."""
        record = maker.record
        command_id = record.command_id if isinstance(record, AuditEvent) else id_of(record)
        return self._beside(maker, "commands", lambda found: found.command_id == command_id)

    def _waiting(
        self, intent_id: str, tenant: str | None, partitions: tuple[int, ...], decided: list[Entry]
    ) -> tuple[Entry, ...]:
        """Intents of this id that no audit event speaks of; only looked for where nothing was decided."""
        if decided:
            return ()
        reader = self._readable("intents")
        if reader is None:
            return ()
        found = self._holding(reader, "intents", whole(reader, partitions), intent_id)
        return tuple(
            entry
            for entry in found
            if entry.record is not None
            and entry.record.intent_id == intent_id
            and tenant in {None, entry.record.tenant}
        )

    def _at(self, audit: Entry) -> Entry | None:
        """The input that an audit event is about."""
        event = audit.record
        reader = self._readable(event.topic)
        if reader is None:
            return None
        if event.offset < reader.span(event.partition)[0]:
            self.missing.append(f"{event.topic}[{event.partition}]@{event.offset}: no longer kept")
            return None
        start, end = {event.partition: event.offset}, {event.partition: event.offset + 1}
        return next((self.decoder.entry(one) for some in reader.read(start, end) for one in some), None)

    def _beside(self, audit: Entry, topic: str, meant: Callable[[Any], bool]) -> Entry | None:
        """The record of a topic that was written with an audit event."""
        for entry in self._since(audit, topic):
            if meant(entry.record):
                return entry
        if self._readable(topic) is not None:
            self.missing.append(
                f"the record on {topic} that belongs to seq {audit.record.seq}: no longer kept"
            )
        return None

    def _since(self, audit: Entry, topic: str) -> Iterator[Entry]:
        """Records about the same intent that were written with an event, or later, in its partition."""
        reader = self._readable(topic)
        if reader is None:
            return
        partition = audit.envelope.partition
        start = {partition: reader.at_time(partition, audit.envelope.time_ms - _SLACK_MS)}
        end = {partition: reader.span(partition)[1]}
        needle = audit.record.intent_id.encode()
        for envelopes in reader.read(start, end):
            for envelope in envelopes:
                if needle in (envelope.value or b""):
                    entry = self.decoder.entry(envelope)
                    if entry.record is not None:
                        yield entry

    def _holding(self, reader: Readable, topic: str, stretch: Stretch, intent_id: str) -> list[Entry]:
        """The records whose bytes have the id somewhere; only these are decoded, since all must be looked at."""
        needle = intent_id.encode()
        told = records(reader, stretch, lambda done, total: self.notify(Progress(topic, done, total)))
        found = [self.decoder.entry(envelope) for envelope in told if needle in (envelope.value or b"")]
        return sorted(found, key=lambda entry: getattr(entry.record, "seq", 0))

    def _readable(self, topic: str) -> Readable | None:
        try:
            return self.open_topic(topic)
        except RefusedError as error:
            self.missing.append(f"{topic}: {error.what}")
            return None


class Readers:
    """The readers of a prefix, one for each topic, opened when first asked for. A context manager."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stack = ExitStack()
        self._open: dict[str, TopicReader] = {}

    def __call__(self, topic: str) -> TopicReader:
        """The reader of a logical topic.

        Raises:
            RefusedError: the topic does not exist, or this user may not read it.
            UnreachableError: Kafka does not answer.
        """
        if topic not in self._open:
            self._open[topic] = self._stack.enter_context(TopicReader(self._settings, topic))
        return self._open[topic]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def _place(event: Any) -> tuple[int, int]:
    return event.partition, event.offset


def _of_tenant(entries: list[Entry], intent_id: str, tenant: str | None) -> list[Entry]:
    """The events of one tenant; a result's event names none and goes with its command.

    Raises:
        SettingsError: several proven tenants, and none was named.
    """
    proven = {
        entry.record.tenant for entry in entries if entry.record.topic == "intents" and entry.record.kid
    }
    if tenant is None and len(proven) > 1:
        raise SettingsError(
            f"{len(proven)} tenants have used intent id {intent_id}: {', '.join(sorted(proven))}",
            where="arguments",
            remedy="add --tenant",
        )
    return [entry for entry in entries if tenant is None or entry.record.tenant in {tenant, ""}]


def _not_found(intent_id: str, tenant: str | None, run_id: str | None) -> NotFoundError:
    of = f" of tenant {tenant}" if tenant else ""
    where = f"the partition of run {run_id}" if run_id else "all partitions of the audit and of intents"
    remedy = (
        "check the id and --prefix; without --run all partitions are searched"
        if run_id
        else (
            "check the id, --prefix and --bootstrap-servers; an intent that could not be read is in `toolgate tail "
            "quarantine`"
        )
    )
    return NotFoundError(f"no intent {intent_id}{of} was found", where=where, remedy=remedy)
