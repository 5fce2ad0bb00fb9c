"""The snapshotter: folds the audit up to the highest stable seq, from snapshot to snapshot.

Never a dump of Redis, which holds charges that may never commit, and never "up to an audit offset", for a low
seq may be published late: S is the highest `stable` of any committed audit event, and exactly seq <= S is folded.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from toolgate.schemas.beginnings import Beginnings
from toolgate.schemas.codec import Codec
from toolgate.schemas.frozen import frozen
from toolgate.schemas.records import AuditEvent
from toolgate.streams.gate import segments, snapshots
from toolgate.streams.gate.segments import NO_SEGMENTS, NewIds
from toolgate.streams.gate.snapshots import PART_BYTES, Snapshot
from toolgate.streams.ledger.accounts import BUCKETS_KEPT, bucket
from toolgate.streams.ledger.fold import Fold
from toolgate.streams.ledger.rows import reservations, reserved
from toolgate.streams.ports import Seen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolgate.processors.case import Envelope
    from toolgate.schemas.registry import Registry
    from toolgate.streams.ports import Log


@frozen
class _Head:
    """What is needed of an event that is folded already."""

    seq: int
    clk: int
    stable: int


class _Waiting(NamedTuple):
    """An event above S, as it came: what it takes decoded is several times as much."""

    seq: int
    stable: int
    partition: int
    offset: int
    value: bytes | None


class Snapshotter:
    """Follows the audit and folds it up to the highest stable seq; begins at the newest snapshot."""

    def __init__(self, log: Log, registry: Registry | None = None) -> None:
        self._log = log
        self._codec = Codec(AuditEvent, registry)
        self._heads = Beginnings(_Head, self._codec)
        self._seen = Beginnings(Seen, self._codec)
        self._ids = NewIds()
        self._chain = NO_SEGMENTS
        self._next: dict[int, int] = {}
        self._begins: dict[int, dict[int, int]] = {}  # audit partition -> bucket -> first offset
        self._waiting: list[_Waiting] = []
        self._recalling = False  # ids of events that are folded are to be read again
        # Which ids were seen is never in the fold: they would be most of its memory.
        self._fold = Fold(ids=False)
        if (base := snapshots.latest(log)) is not None:
            self._begin(base)

    def _begin(self, base: Snapshot) -> None:
        state = {"clk": base.clk, "accounts": base.accounts, "reservations": reservations(base.reserved)}
        self._fold = Fold(state, base.seq, ids=False)
        self._fold.after.update(base.after)
        self._fold.positions.extend(base.positions)
        self._fold.next.update(base.next)
        self._begins = {partition: dict(begins) for partition, begins in base.begins.items()}
        if base.chain is not None and segments.whole(self._log, base.chain, base.oldest):
            self._chain, self._next = base.chain, dict(base.read_from)
        else:
            self._recalling, self._next = True, base.horizon()

    @property
    def seq(self) -> int:
        """The seq up to which everything is folded."""
        return self._fold.seq

    def follow(self) -> Snapshot:
        """Fold what has become stable and give the snapshot of it."""
        stable = max(self._read(), default=0)
        stable = max([stable, *(one.stable for one in self._waiting)])
        # Everything below S was committed before any event could name it: to the end as of now has it all.
        for _ in self._read():
            pass
        self._recalling = False
        ready = deque(sorted(one for one in self._waiting if one.seq <= stable))
        self._waiting = [one for one in self._waiting if one.seq > stable]
        while ready:
            self._add(self._codec.decode(ready.popleft().value))
        self._fold.forget()
        state = self._fold.state()
        clk, oldest = state["clk"], bucket(state["clk"]) - BUCKETS_KEPT
        end = self._log.bounds((segments.TOPIC, 0))[1]
        chain, segment = self._ids.segment(self._chain, oldest, end)
        return Snapshot(
            self._fold.seq,
            clk,
            state["accounts"],
            list(reserved(state["reservations"].items(), clk, PART_BYTES)),
            self._read_from(),
            dict(self._fold.after),
            list(self._fold.positions),
            dict(self._fold.next),
            self._kept_begins(oldest),
            chain,
            segment,
        )

    def written(self, snapshot: Snapshot) -> None:
        """A snapshot that `follow` gave is committed: the ids in its segment are not new any more."""
        if snapshot.chain is not None:
            self._chain, self._ids = snapshot.chain, NewIds()

    def _add(self, event: AuditEvent) -> None:
        self._fold.add(event)
        if event.first:
            self._ids.add(event)

    def _read(self) -> Iterator[int]:
        """Read on; gives up to which seq all was committed when each event was decided."""
        for envelope in self._log.read("audit", self._next or None):
            head = self._heads(envelope.value)
            self._next[envelope.partition] = envelope.offset + 1
            born = self._begins.setdefault(envelope.partition, {})
            born.setdefault(bucket(head.clk), envelope.offset)
            if head.seq > self._fold.seq:
                self._wait(head, envelope)
            elif self._recalling and (seen := self._seen(envelope.value)).first:
                self._ids.add(seen)
            yield head.stable

    def _wait(self, head: _Head, envelope: Envelope) -> None:
        self._waiting.append(
            _Waiting(head.seq, head.stable, envelope.partition, envelope.offset, envelope.value)
        )

    def _read_from(self) -> dict[int, int]:
        """For each audit partition the first offset with a higher seq."""
        start = dict(self._next)
        for one in self._waiting:
            start[one.partition] = min(start[one.partition], one.offset)
        return start

    def _kept_begins(self, oldest: int) -> dict[int, dict[int, int]]:
        """Where events of each bucket begin whose ids are still remembered."""
        for begins in self._begins.values():
            for born in [born for born in begins if born < oldest]:
                del begins[born]
        return {partition: dict(begins) for partition, begins in self._begins.items()}
