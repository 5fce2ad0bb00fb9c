"""A log in memory, with the records that a gate would have written about an intent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from toolgate.processors.case import Envelope
from toolgate.processors.placement import partition_of
from toolgate.schemas.codec import Codec
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import AuditEvent, Command, Denial, Draft, Hold, Intent, Outcome, Result
from toolgate.streams.errors import RefusedError

PARTITIONS = 4
EVENT = AuditEvent(
    seq=1,
    gen="g",
    ctl=0,
    clk=1_000,
    stable=0,
    visible=(),
    topic="intents",
    partition=0,
    offset=0,
    append_time=1_000,
    first=True,
    verdict="APPROVE",
    intent_id="i-1",
    digest="d",
    params_digest="",
    tenant="default",
    workflow_id="w",
    run_id="r",
    agent_id="ann",
    tool="pay",
    tool_version="1",
    dry_run=False,
    command_id="",
    cost_micros=0,
    reasons=(),
    ops=(),
    balances=(),
    policy_digest="p",
    schema_id=1,
    code_version="0",
    kid="k",
)


@dataclass
class Shelf:
    """One topic: envelopes by partition, each at the offset of its place in the list plus `gone`."""

    topic: str
    partitions: tuple[int, ...] = tuple(range(PARTITIONS))
    lines: dict[int, list[Envelope]] = field(default_factory=dict)
    gone: int = 0  # so many first records are no longer kept
    asked: list[int] = field(default_factory=list)

    def span(self, partition: int) -> tuple[int, int]:
        """First offset and end."""
        end = len(self.lines.get(partition, []))
        return min(self.gone, end), end

    def at_time(self, partition: int, time_ms: int) -> int:
        """The first offset at that time or later."""
        first, end = self.span(partition)
        later = (e.offset for e in self.lines.get(partition, [])[first:] if e.time_ms >= time_ms)
        return next(later, end)

    def read(self, start, end):
        """The records of a stretch; remembers which partitions were asked for."""
        for partition, at in start.items():
            self.asked.append(partition)
            yield self.lines.get(partition, [])[at : end[partition]]


class Written:
    """What lies on every topic. Call it with a topic for its reader."""

    def __init__(self) -> None:
        self.shelves: dict[str, Shelf] = {}
        self.forbidden: set[str] = set()
        self.seq = 0

    def __call__(self, topic: str) -> Shelf:
        """The reader of a topic."""
        if topic in self.forbidden:
            raise RefusedError("this user may not read it")
        return self.shelves.setdefault(topic, Shelf(topic))

    def raw(self, topic: str, partition: int, value: bytes | None, **fields: Any) -> Envelope:
        """One record as it is."""
        lines = self.shelves.setdefault(topic, Shelf(topic)).lines.setdefault(partition, [])
        made = Envelope(
            topic, partition, len(lines), **{"time_ms": 1_000, "key": b"r", "value": value, **fields}
        )
        lines.append(made)
        return made

    def put(self, topic: str, partition: int, record: Any, **fields: Any) -> Envelope:
        """One record, encoded."""
        return self.raw(topic, partition, Codec(type(record)).encode(record), **fields)

    def intent(self, run_id: str = "r", **fields: Any) -> Envelope:
        """An intent nobody has decided on."""
        made = {
            "intent_id": "i-1",
            "kind": "call",
            "tenant": "default",
            "workflow_id": "w",
            "agent_id": "ann",
        }
        record = Intent(**{**made, "tool": "pay", "params": '{"id":"x"}', **fields, "run_id": run_id})
        return self.put("intents", partition_of(run_id.encode(), PARTITIONS), record)

    def decided(self, at: Envelope, **fields: Any) -> AuditEvent:
        """The audit event of an input, and the records beside it."""
        self.seq += 1
        event = changed(EVENT, seq=self.seq, partition=at.partition, offset=at.offset, topic=at.topic)
        event = changed(event, **fields)
        self.put("audit", at.partition, event)
        if event.topic != "intents":
            return event
        if event.verdict == "APPROVE":
            self.put("commands", at.partition, self._command(event))
        if event.verdict == "DENY":
            self.put("denials", at.partition, self._denial(event))
        if event.verdict == "HOLD" and not event.dry_run:
            self.put("holds", at.partition, self._hold(event))
        if event.verdict == "DRAFT" and not event.dry_run:
            self.put("drafts", at.partition, self._draft(event))
        if event.verdict != "DUPLICATE" and event.kid:
            outcome = Outcome(
                event.intent_id,
                "d",
                event.seq,
                event.verdict,
                repair='{"do":"ask"}' if event.verdict == "HOLD" else "",
                command_id=event.command_id,
            )
            self.put("outcomes", at.partition, outcome)
        return event

    def approved(self, **fields: Any) -> AuditEvent:
        """An intent, approved."""
        at = self.intent(**fields)
        return self.decided(at, command_id=f"{at.partition}-{at.offset}", **_told(fields))

    def result(self, of: AuditEvent, status: str, note: str, **fields: Any) -> AuditEvent:
        """A result of an approved intent, decided."""
        record = Result(of.command_id, of.intent_id, of.run_id, of.tool, "d", status, "desk", **fields)
        at = self.put("results", of.partition, record)
        return self.decided(
            at, verdict="RECORDED", first=False, tenant="", command_id=of.command_id, note=note, kid="desk"
        )

    def _command(self, event: AuditEvent) -> Command:
        return Command(
            event.command_id, event.intent_id, event.seq, 0, event.tenant, "w", event.run_id, "ann", "pay", "1",
            '{"id":"x"}', "d", "p", False, 1_000, 2_000, 0,
        )  # fmt: skip

    def _hold(self, event: AuditEvent) -> Hold:
        return Hold(
            f"{event.partition}-{event.offset}", event.intent_id, event.seq, 1_000, event.tenant, "w", event.run_id,
            "ann", "pay", "1", "d", "p", 2, ("cfo", "lead"), 86_401_000, "open", event.reasons,
            '{"params":{"id":"x"}}',
        )  # fmt: skip

    def _draft(self, event: AuditEvent) -> Draft:
        return Draft(
            f"{event.partition}-{event.offset}", event.intent_id, event.seq, 1_000, event.tenant, "w", event.run_id,
            "ann", "pay", "1", "propose", "d", "p", "open", event.reasons,
        )  # fmt: skip

    def _denial(self, event: AuditEvent) -> Denial:
        return Denial(
            event.intent_id, event.seq, 0, 1_000, event.partition, event.offset, event.tenant, "w", event.run_id,
            "ann", "pay", "1", "write", "d", "", "p", False, False, 0, (), event.reasons,
        )  # fmt: skip


def _told(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name in {"intent_id", "tenant", "run_id"}}
