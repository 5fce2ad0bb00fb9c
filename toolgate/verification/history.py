"""A history: what lies on the topics of one prefix, in the form in which the laws look at it."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from toolgate.schemas.records import (
    Alert,
    Command,
    Control,
    Denial,
    Draft,
    Hold,
    Intent,
    Outcome,
    Result,
    RunContract,
    Tick,
    Vote,
)
from toolgate.streams.topics import BY_NAME, FOREVER
from toolgate.verification.columns import Bodies, Rows
from toolgate.verification.events import UnreadableError
from toolgate.verification.findings import Findings, Law, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from toolgate.verification.columns import Row

AUDIT = "audit"
INPUTS: Mapping[str, type] = MappingProxyType(
    {
        "intents": Intent,
        "contracts": RunContract,
        "results": Result,
        "votes": Vote,
        "ticks": Tick,
        "control": Control,
    }
)
QUARANTINE = "quarantine"
TOLD: Mapping[str, type] = MappingProxyType(
    {
        "commands": Command,
        "denials": Denial,
        "holds": Hold,
        "drafts": Draft,
        "outcomes": Outcome,
        "alerts": Alert,
    }
)
TOPICS = (AUDIT, *TOLD, QUARANTINE, *INPUTS)  # in the order in which their ends must be taken: see topics.py
_EVER = 1 << 62  # what lies on quarantine names no seq: once some of it was deleted, nothing is missed
_SETTLING_MS = 60_000  # the ends of all partitions are asked for within this time


class Cut(NamedTuple):
    """How far a history can be judged.

    `rest`: every input is decided, so all is there. Else records are still on their way, and what lies above `upto`
    may lack what belongs to it.
    """

    rest: bool
    upto: int
    waiting: int  # inputs that are not decided yet


def _numbers() -> array[int]:
    return array("q")


@dataclass(slots=True)
class History:
    """Everything that was read.

    `record_of` makes the record of a topic's payload. `as_of_ms` is when the topics were read: what is older than a
    topic promises to keep is not missed. `inputs` has the digest of each input's body; `rewritten` says, by topic,
    under which schema id bodies were written again for that: digests of others cannot be compared. `findings` has what
    could not be read.
    """

    record_of: Mapping[str, Callable[[Any], Any]]
    as_of_ms: int
    audit: Rows = field(default_factory=Rows)
    audited: dict[tuple[str, int], array[int]] = field(default_factory=lambda: defaultdict(_numbers))
    inputs: dict[tuple[str, int], Bodies] = field(default_factory=lambda: defaultdict(Bodies))
    rewritten: dict[str, int] = field(default_factory=dict)
    told: dict[str, Rows] = field(default_factory=lambda: {topic: Rows() for topic in TOLD})
    quarantined: dict[str, list[Place]] = field(default_factory=lambda: defaultdict(list))
    words: dict[int, Control] = field(default_factory=dict)
    begins: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)  # first offset and its seq
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))  # records by topic
    findings: Findings = field(default_factory=Findings)
    _stables: array[int] = field(default_factory=_numbers)  # of the audit, with their times
    _times: array[int] = field(default_factory=_numbers)

    def add_audit(self, row: Row, *, stable: int, time_ms: int, source: tuple[str, int], at: int) -> None:
        """An audit record of a time, which calls all up to `stable` so and decides the input at `at` of `source`."""
        self.counts[AUDIT] += 1
        self.audit.add(*row)
        self._stables.append(stable)
        self._times.append(time_ms)
        self.audited[source].append(at)

    def add_input(
        self, topic: str, partition: int, offset: int, digest: bytes, word: Control | None = None
    ) -> None:
        """An input record with the digest of its body; `word` is what a control record says."""
        self.counts[topic] += 1
        self.inputs[topic, partition].add(offset, digest)
        self._begin(topic, partition, offset, offset)
        if word is not None:
            self.words[offset] = word

    def add_told(self, topic: str, row: Row) -> None:
        """A record that the gate wrote beside the audit event of the same seq."""
        self.counts[topic] += 1
        self.told[topic].add(*row)
        self._begin(topic, row.partition, row.offset, row.seq)

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

    def read(self, topic: str, row: Row) -> Any:
        """The record of a row; None, and it is found, where it cannot be read."""
        try:
            return self.record_of[topic](row[3])
        except UnreadableError as error:
            self.findings.add(Law.READABLE, row.place(topic), str(error))
            return None

    def cut(self) -> Cut:
        """How far it can be judged; sorts everything."""
        for rows in (self.audit, *self.told.values()):
            rows.sort()
        for inputs in self.inputs.values():
            inputs.sort()
        waiting = 0
        for source, inputs in self.inputs.items():
            highest = max(self.audited.get(source, ()), default=-1)
            waiting += len(inputs.offsets) - bisect_right(inputs.offsets, highest)
        if not waiting:
            return Cut(rest=True, upto=self.audit.seqs[len(self.audit) - 1] if self.audit else 0, waiting=0)
        # What an event calls stable was committed before it, so before the ends were asked for, if it is old enough.
        settled = max(self._times, default=0) - _SETTLING_MS
        old = (
            stable for stable, time_ms in zip(self._stables, self._times, strict=True) if time_ms <= settled
        )
        return Cut(rest=False, upto=max(old, default=0), waiting=waiting)

    def _begin(self, topic: str, partition: int, offset: int, at: int) -> None:
        known = self.begins.get((topic, partition))
        if known is None or offset < known[0]:
            self.begins[topic, partition] = (offset, at)
