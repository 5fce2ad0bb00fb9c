"""A history: what lies on the topics of one prefix, in the form in which the laws look at it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from operator import itemgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from toolgate.schemas.bundle import OUTPUT_BYTES_MAX
from toolgate.schemas.records import (
    Command,
    Control,
    Denial,
    Draft,
    Hold,
    Intent,
    Outcome,
    Result,
    RunContract,
)
from toolgate.schemas.strict_json import JsonError, digest, dumps_canonical, loads_strict
from toolgate.streams.topics import BY_NAME, FOREVER
from toolgate.verification.findings import Findings, Law, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from toolgate.schemas.records import AuditEvent

AUDIT = "audit"
INPUTS: Mapping[str, type] = MappingProxyType(
    {"intents": Intent, "contracts": RunContract, "results": Result, "control": Control}
)
QUARANTINE = "quarantine"
# What is kept of the records of each topic that only the gate writes.
TOLD: Mapping[str, tuple[type, tuple[str, ...]]] = MappingProxyType(
    {
        "commands": (
            Command,
            (
                "seq", "digest", "command_id", "intent_id", "ctl", "tenant", "workflow_id", "run_id", "agent_id",
                "tool", "tool_version", "params", "policy_digest", "system",
            ),
        ),
        "denials": (Denial, ("seq", "digest", "params_digest", "policy_digest", "intent_id", "partition", "offset")),
        "holds": (Hold, ("seq", "digest", "intent_id")),
        "drafts": (Draft, ("seq", "digest", "intent_id")),
        "outcomes": (Outcome, ("seq", "digest", "verdict", "command_id")),
    }
)  # fmt: skip
TOPICS = (AUDIT, *TOLD, QUARANTINE, *INPUTS)  # in the order in which their ends must be taken: see topics.py
_EVER = 1 << 62  # what lies on quarantine names no seq: once some of it was deleted, nothing is missed
_SETTLING_MS = 60_000  # the ends of all partitions are asked for within this time


class Row(NamedTuple):
    """An audit record: what places it, and the event or its bytes."""

    seq: int
    stable: int
    time_ms: int
    partition: int
    offset: int
    payload: Any


class Told(NamedTuple):
    """An output record: where it lies, and its fields of `TOLD` by name."""

    place: Place
    fields: dict[str, Any]


class Cut(NamedTuple):
    """How far a history can be judged.

    `rest`: every input is decided, so all is there. Else records are still on their way, and what lies above `upto`
    may lack what belongs to it.
    """

    rest: bool
    upto: int
    waiting: int  # inputs that are not decided yet


@dataclass(slots=True)
class History:
    """Everything that was read.

    `event_of` makes the event of an audit row's payload. `as_of_ms` is when the topics were read: what is older than
    a topic promises to keep is not missed. `inputs` has the digest of each input's body by its offset, b"" where it
    cannot be known; `rewritten` says, by topic, under which schema id bodies were written again for that: digests of
    others cannot be compared. `findings` has what could not be read.
    """

    event_of: Callable[[Any], AuditEvent]
    as_of_ms: int
    audit: list[Row] = field(default_factory=list)
    audited: dict[tuple[str, int], list[int]] = field(default_factory=lambda: defaultdict(list))
    inputs: dict[tuple[str, int], dict[int, bytes]] = field(default_factory=lambda: defaultdict(dict))
    rewritten: dict[str, int] = field(default_factory=dict)
    told: dict[str, dict[int, list[Told]]] = field(
        default_factory=lambda: {topic: defaultdict(list) for topic in TOLD}
    )
    quarantined: dict[str, list[Place]] = field(default_factory=lambda: defaultdict(list))
    words: dict[int, Control] = field(default_factory=dict)
    begins: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)  # first offset and its seq
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))  # records by topic
    findings: Findings = field(default_factory=Findings)

    def add_audit(self, row: Row, source: tuple[str, int], offset: int) -> None:
        """An audit record, which decides the input at `offset` of `source`."""
        self.counts[AUDIT] += 1
        self.audit.append(row)
        self.audited[source].append(offset)

    def add_input(
        self, topic: str, partition: int, offset: int, digest: bytes, word: Control | None = None
    ) -> None:
        """An input record with the digest of its body; `word` is what a control record says."""
        self.counts[topic] += 1
        self.inputs[topic, partition][offset] = digest
        self._begin(topic, partition, offset, offset)
        if word is not None:
            self.words[offset] = word

    def add_told(self, topic: str, partition: int, offset: int, record: Any) -> None:
        """A record that the gate wrote beside the audit event of the same seq."""
        self.counts[topic] += 1
        seq, fields = record.seq, {name: getattr(record, name) for name in TOLD[topic][1]}
        if "params" in fields:
            fields["params_digest"] = _digest_of(fields.pop("params"))
        self.told[topic][seq].append(Told(Place(topic, partition, offset, seq), fields))
        self._begin(topic, partition, offset, seq)

    def add_quarantined(self, partition: int, offset: int, source: str) -> None:
        """What could not be read, kept: `source` is its `topic-partition-offset`."""
        self.counts[QUARANTINE] += 1
        self.quarantined[source].append(Place(QUARANTINE, partition, offset))
        self._begin(QUARANTINE, partition, offset, _EVER)

    def whole(self, topic: str, partition: int) -> None:
        """Nothing of this partition was deleted as yet."""
        self.begins[topic, partition] = (0, 0)

    def unreadable(self, topic: str, partition: int, offset: int, problem: str) -> None:
        """A record of the gate's own that cannot be read."""
        self.findings.add(Law.READABLE, Place(topic, partition, offset), problem)

    def kept(self, topic: str, partition: int, at: int, time_ms: int) -> bool:
        """Whether a record must still be there.

        Args:
            topic: its topic.
            partition: its partition.
            at: its offset where it is an input, else its seq.
            time_ms: when what it belongs to was written.
        """
        retention = BY_NAME[topic].retention_ms
        if retention == FOREVER or time_ms > self.as_of_ms - retention:
            return True
        begin = self.begins.get((topic, partition))
        return begin is not None and (begin[0] == 0 or at > begin[1])

    def cut(self) -> Cut:
        """How far it can be judged; sorts everything."""
        self.audit.sort(key=itemgetter(0, 3, 4))
        waiting = 0
        for source, offsets in self.inputs.items():
            highest = max(self.audited.get(source, [-1]))
            waiting += sum(1 for offset in offsets if offset > highest)
        if not waiting:
            return Cut(rest=True, upto=self.audit[-1].seq if self.audit else 0, waiting=0)
        # What an event calls stable was committed before it, so before the ends were asked for, if it is old enough.
        settled = max((row.time_ms for row in self.audit), default=0) - _SETTLING_MS
        upto = max((row.stable for row in self.audit if row.time_ms <= settled), default=0)
        return Cut(rest=False, upto=upto, waiting=waiting)

    def events(self, upto: int) -> Iterator[AuditEvent]:
        """The events up to a seq, in the order of seq."""
        for row in self.audit:
            if row.seq > upto:
                return
            yield self.event_of(row.payload)

    def _begin(self, topic: str, partition: int, offset: int, at: int) -> None:
        known = self.begins.get((topic, partition))
        if known is None or offset < known[0]:
            self.begins[topic, partition] = (offset, at)


def _digest_of(params: str) -> str:
    """The digest of parameters as the audit has it; "" of what is no JSON."""
    try:
        return digest(dumps_canonical(loads_strict(params, max_bytes=OUTPUT_BYTES_MAX)).encode())
    except JsonError:
        return ""
