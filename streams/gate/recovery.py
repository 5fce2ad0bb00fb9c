"""Recovery: a ledger that may be older than the log is rebuilt from it. One path, whatever happened.

Each yield names the point that is about to be passed; a process may die at every one of them, and whoever
claims last wins. Nobody decides between `claim` and `finish`.
"""

from __future__ import annotations

from bisect import bisect_right
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING

from toolgate.schemas.beginnings import Beginnings
from toolgate.schemas.codec import Codec, DecodeError
from toolgate.schemas.frozen import frozen
from toolgate.schemas.records import AuditEvent
from toolgate.streams.gate import segments, snapshots
from toolgate.streams.ledger.chunks import chunks
from toolgate.streams.ledger.rows import packed_ids
from toolgate.streams.ports import CONTROL, Entry, LogError, Seen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from toolgate.processors.case import Envelope
    from toolgate.schemas.registry import Registry
    from toolgate.streams.gate.snapshots import Snapshot
    from toolgate.streams.ports import Ledger, Log, TopicPartition


class LostInputError(LogError):
    """Input records were deleted before they were decided, or the audit is not readable: a person must look."""


CHUNK = 2000  # events between two signs of life


@frozen
class _Place:
    """The field of an event that says how much more of it is needed."""

    seq: int


class History:
    """What the log says, to be read after every slot is fenced: `for point in history.read(): ...`, then `entries`."""

    def __init__(self, log: Log, inputs: Sequence[TopicPartition], registry: Registry | None = None) -> None:
        self._log = log
        self._inputs = inputs
        self._codec = Codec(AuditEvent, registry)
        self._places = Beginnings(_Place, self._codec)
        self._seen = Beginnings(Seen, self._codec)
        self._entries = Beginnings(Entry, self._codec)
        self.committed: Mapping[TopicPartition, int] = {}
        self.control: list[int] = []  # offsets of all control records
        self.snapshot: Snapshot | None = None
        self._segments: list[bytes] | None = None  # the snapshot's; None: the audit is read for its ids
        self._firsts: list[Seen] = []  # first decisions up to the snapshot that were read in the audit
        self._waiting: list[Entry] = []  # read, and perhaps not next in the order of seq
        self._settled: dict[int, int] = {}  # by audit partition, up to which seq all of it has been read
        self._seq = 0
        self._positions: list[tuple[int, int]] = []  # (ctl, first seq decided under it), ascending
        self._published: dict[int, int] = {}
        self._behind: dict[TopicPartition, int] = {}

    def read(self) -> Iterator[str]:
        """Read all but the audit; yields between pieces, so that whoever waits can be told that this goes on."""
        yield "read"
        self.committed = self._log.committed(self._inputs)
        self.control = [envelope.offset for envelope in self._log.read(CONTROL)]
        self.snapshot = yield from snapshots.look(self._log)
        if (snapshot := self.snapshot) is not None:
            self._seq, self._positions = snapshot.seq, list(snapshot.positions)
            self._published, self._behind = dict(snapshot.after), dict(snapshot.next)
            if snapshot.chain is not None:
                self._segments = yield from segments.look(self._log, snapshot.chain, snapshot.oldest)

    def entries(self) -> Iterator[list[Entry]]:
        """Read the audit: what lies above the snapshot in the order of seq, some at a time, none as a sign of life.

        Audit partitions are not in the order of seq, and neither is their merge. But an event says up to which seq all
        was committed when it was decided, and so lies before it: nothing that comes later in its partition is older.
        """
        base, start = self._seq, self._start()
        for partition in {partition for _, partition in self._inputs}:
            first, end = self._log.bounds(("audit", partition))
            if start.get(partition, first) < end:
                self._settled[partition] = 0
        for n, envelope in enumerate(self._log.read("audit", start or None), 1):
            self._take(envelope, base)
            if n % CHUNK == 0:
                yield self._next(min(self._settled.values(), default=0))
        yield self._next(None)

    def _start(self) -> dict[int, int]:
        if self.snapshot is None:
            return {}
        return self.snapshot.horizon() if self._segments is None else dict(self.snapshot.read_from)

    def _next(self, settled: int | None) -> list[Entry]:
        """What is next in the order of seq: all up to `settled`, or all that there is."""
        if settled is not None and settled <= self._seq:
            return []
        self._waiting.sort(key=attrgetter("seq"))
        upto = len(self._waiting)
        if settled is not None:
            upto = bisect_right(self._waiting, settled, key=attrgetter("seq"))
        found, self._waiting = self._waiting[:upto], self._waiting[upto:]
        for entry in found:
            if not self._positions or entry.ctl > self._positions[-1][0]:  # ctl never falls as seq rises
                self._positions.append((entry.ctl, entry.seq))
        if found:
            self._seq = found[-1].seq
        return found

    def _take(self, envelope: Envelope, base: int) -> None:
        value = envelope.value
        try:
            one: Entry | Seen
            if self._places(value).seq > base:
                one = entry = self._entries(value)
                self._waiting.append(entry)
                self._settled[envelope.partition] = max(
                    self._settled.get(envelope.partition, 0), entry.stable
                )
            else:
                one = seen = self._seen(value)
                if seen.first:
                    self._firsts.append(seen)
            after = self._codec.decode(value).after if one.topic == CONTROL else None
        except DecodeError as error:
            raise LostInputError(
                f"audit[{envelope.partition}] at {envelope.offset} cannot be read: {error}"
            ) from error
        tp = (one.topic, one.partition)
        self._behind[tp] = max(self._behind.get(tp, 0), one.offset + 1)
        if after is not None:
            self._published[one.offset] = after

    def ids(self) -> Iterator[bytes]:
        """Ids of first decisions up to the snapshot that have been read, as `ports.Ledger.remember` takes them."""
        parts, self._segments = self._segments or (), []
        for part in parts:
            yield segments.ids(part)
        for firsts in chunks(self._firsts, count=CHUNK):
            yield packed_ids(firsts)

    def seq(self) -> int:
        """The highest seq that the log knows."""
        return max([self._seq, *self._published.values()])

    def after(self) -> dict[int, int]:
        """For each control record the seq after which it holds: as published, or as later decisions show."""
        newest, firsts = self.seq(), self._positions
        found = {}
        for offset in self.control:
            later = bisect_right(firsts, offset, key=itemgetter(0))
            shown = firsts[later][1] - 1 if later < len(firsts) else newest
            found[offset] = self._published.get(offset, shown)
        return found

    def next_offset(self, tp: TopicPartition) -> int:
        """Where deciding goes on: the committed offset, or behind the highest offset that is audited.

        A partition has no committed offset before its first, and when the broker has forgotten a group long gone.

        Raises:
            LostInputError: records were deleted before they were decided, or the group's offsets set back.
        """
        behind = self._behind.get(tp, 0)
        found = self.committed.get(tp, behind)
        first, _ = self._log.bounds(tp)
        if found < first:
            raise LostInputError(
                f"{tp[0]}[{tp[1]}]: decided up to {found}, but the log begins at {first}: "
                "records were deleted before they were decided"
            )
        if found < behind:
            raise LostInputError(
                f"{tp[0]}[{tp[1]}]: decided up to {behind}, but the group's committed offset is {found}: "
                "somebody has set it back; set it forward again"
            )
        return found


def recover(  # noqa: PLR0913
    log: Log,
    ledger: Ledger,
    nonce: str,
    inputs: Sequence[TopicPartition],
    slots: Iterable[int],
    *,
    take_over_code: bool = False,
    registry: Registry | None = None,
) -> Iterator[str]:
    """Rebuild the ledger from the log under `nonce`.

    Args:
        log: may be closed; its own producer is fenced with all others.
        ledger: the one to rebuild.
        nonce: the generation to be.
        inputs: every topic-partition that the gate reads.
        slots: every slot there can be; all of them are fenced.
        take_over_code: rebuild although the ledger was run by other scripts.
        registry: where schema ids come from.

    Raises:
        UnverifiedError: another recovery claimed the ledger meanwhile.
        CodeMismatchError: the ledger runs other scripts.
        LostInputError: the log has lost what it must have.
        LogError, UnavailableError: begin again.
    """
    yield "claim"
    ledger.claim(nonce, take_over_code=take_over_code)
    yield "fence"
    log.fence(slots)
    history = History(log, inputs, registry)
    for point in history.read():
        ledger.beat(nonce)
        yield point
    yield "wipe"
    ledger.wipe(nonce)
    if (snapshot := history.snapshot) is not None:
        yield "load"
        ledger.load(nonce, snapshot.clk, snapshot.accounts, snapshot.reserved)
    # Redis executes one step while the audit is read for the next.
    for found in history.entries():
        if not found:
            ledger.beat(nonce)
            yield "read"
        for entries in chunks(found, count=CHUNK):
            yield "apply"
            ledger.apply(nonce, entries)
    for ids in history.ids():
        yield "apply"
        ledger.remember(nonce, ids)
    nexts = {tp: history.next_offset(tp) for tp in inputs}
    yield "finish"
    ctl = history.control[-1] + 1 if history.control else 0
    ledger.finish(nonce, history.seq(), ctl, history.after(), nexts)
