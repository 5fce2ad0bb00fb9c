"""Snapshots: the accounts as of a stable seq, so that a recovery need not fold the audit from its beginning.

Never a dump of Redis, which holds charges that may never commit, and never "up to an audit offset", for a low
seq may be published late: S is the highest `stable` of any committed audit event, and exactly seq <= S is
folded. One transaction holds one snapshot, ended by a record that says how many parts there are.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgpack
import orjson
import structlog

from toolgate.schemas.beginnings import Beginnings
from toolgate.schemas.codec import Codec
from toolgate.schemas.frozen import frozen
from toolgate.schemas.records import AuditEvent
from toolgate.streams.ledger.accounts import BUCKETS_KEPT, bucket
from toolgate.streams.ledger.chunks import chunks
from toolgate.streams.ledger.fold import Fold
from toolgate.streams.ledger.rows import reservations, reserved
from toolgate.streams.ports import Output, Reserved

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from toolgate.processors.case import Envelope
    from toolgate.schemas.registry import Registry
    from toolgate.streams.ports import Log, TopicPartition

TOPIC = "snapshots"
PART_BYTES = 400_000  # before it is compressed; a record takes 1 MB
FIRST_LOOK = 64  # records from the end in which the newest snapshot is looked for first
_VERSION = 3
_IN_JSON = 2  # what earlier versions wrote
log_ = structlog.get_logger("toolgate.gate")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Accounts after `seq`, and where in each audit partition a recovery begins to read.

    `read_from` is the first offset with a higher seq, or earlier: where the horizon of seen ids begins.
    """

    seq: int
    clk: int
    accounts: Mapping[str, Any]  # as `ports.Ledger.dump` gives them
    reserved: Sequence[Reserved]
    read_from: Mapping[int, int]
    after: Mapping[int, int]  # control offset -> the seq after which it holds
    positions: Sequence[tuple[int, int]]  # (ctl, first seq decided under it), ascending
    next: Mapping[TopicPartition, int]  # input topic-partition -> behind its highest audited offset


def latest(log: Log) -> Snapshot | None:
    """The newest complete snapshot, or None."""
    reading = look(log)
    while True:
        try:
            next(reading)
        except StopIteration as done:
            found: Snapshot | None = done.value
            return found


def look(log: Log) -> Generator[str, None, Snapshot | None]:
    """Look for the newest complete snapshot from the topic's end; yields between pieces, a large one has hundreds."""
    first, end = log.bounds((TOPIC, 0))
    start = max(first, end - FIRST_LOOK)
    while True:
        written: dict[bytes | None, list[Envelope]] = {}
        for envelope in log.read(TOPIC, {0: start}):
            yield "read"
            written.setdefault(envelope.key, []).append(envelope)
        found, begin = _newest(written, start)
        if found is not None or start <= first:
            return found
        start = max(first, end - 8 * (end - start) if begin is None else begin)


def _newest(written: Mapping[bytes | None, list[Envelope]], start: int) -> tuple[Snapshot | None, int | None]:
    """The newest snapshot that is complete from `start` on; else where one begins of which the end is there.

    Only of that one everything is unpacked. What cannot be read is passed over.

    Args:
        written: the records of each snapshot, by key.
        start: the first offset that was read.
    """
    for records in sorted(written.values(), key=lambda records: records[-1].offset, reverse=True):
        end = _row(records[-1])
        if end is None or "end" not in end:
            continue
        parts = [row for envelope in records[:-1][-end["end"] :] if (row := _row(envelope)) is not None]
        if len(parts) == end["end"]:
            return _made(end, parts), None
        begin: int = records[-1].offset - end["end"]  # they lie side by side: a transaction of one writer
        if begin < start:
            return None, begin
    return None, None


def _made(end: dict[str, Any], parts: list[dict[str, Any]]) -> Snapshot:
    accounts: dict[str, Any] = {}
    held: list[Reserved] = []
    for part in parts:
        accounts.update(part["accounts"])
        if part["version"] == _IN_JSON:
            held += reserved(part["reservations"].items(), end["clk"], PART_BYTES)
        elif part["buckets"]:
            held.append(Reserved([(born, values) for born, values in part["buckets"]], part["due"]))
    return Snapshot(
        end["seq"],
        end["clk"],
        accounts,
        held,
        {int(p): offset for p, offset in end["read_from"].items()},
        {int(offset): after for offset, after in end["after"].items()},
        [(ctl, seq) for ctl, seq in end["positions"]],
        {(topic, p): offset for topic, p, offset in end["next"]},
    )


def _row(envelope: Envelope) -> dict[str, Any] | None:
    try:
        text = zlib.decompress(envelope.value or b"")
        row: Any = orjson.loads(text) if text.startswith(b"{") else msgpack.unpackb(text)
    except (zlib.error, ValueError):
        log_.warning("a snapshot record cannot be read", offset=envelope.offset)
        return None
    return row if isinstance(row, dict) and row.get("version") in {_IN_JSON, _VERSION} else None


def outputs(snapshot: Snapshot) -> list[Output]:
    """The records of a snapshot's transaction."""
    key = f"{snapshot.seq:020d}".encode()
    made = [
        _output(key, {"accounts": dict(part), "buckets": [], "due": []})
        # An account with many records is as large as thousands without.
        for part in chunks(snapshot.accounts.items(), size=PART_BYTES, weight=lambda one: len(_packed(one)))
    ]
    made += [
        _output(key, {"accounts": {}, "buckets": part.buckets, "due": part.due}) for part in snapshot.reserved
    ]
    end = {
        "end": len(made),
        "seq": snapshot.seq,
        "clk": snapshot.clk,
        "read_from": {str(p): offset for p, offset in snapshot.read_from.items()},
        "after": {str(offset): after for offset, after in snapshot.after.items()},
        "positions": list(snapshot.positions),
        "next": [[*tp, offset] for tp, offset in snapshot.next.items()],
    }
    return [*made, _output(key, end)]


def _output(key: bytes, row: dict[str, Any]) -> Output:
    return Output(TOPIC, 0, key, zlib.compress(_packed({"version": _VERSION, **row}), 1))


def _packed(row: Any) -> bytes:
    packed: bytes = msgpack.packb(row)
    return packed


@frozen
class _Head:
    """What is needed of an event that is folded already."""

    seq: int
    clk: int
    stable: int


class Snapshotter:
    """Follows the audit and folds it up to the highest stable seq; begins at the newest snapshot."""

    def __init__(self, log: Log, registry: Registry | None = None) -> None:
        self._log = log
        self._codec = Codec(AuditEvent, registry)
        self._heads = Beginnings(_Head, self._codec)
        base = latest(log)
        # Which ids were seen is never in a snapshot: they would be most of its memory.
        if base is None:
            self._fold = Fold(ids=False)
        else:
            state = {"clk": base.clk, "accounts": base.accounts, "reservations": reservations(base.reserved)}
            self._fold = Fold(state, base.seq, ids=False)
            self._fold.after.update(base.after)
            self._fold.positions.extend(base.positions)
            self._fold.next.update(base.next)
        self._next: dict[int, int] = dict(base.read_from) if base else {}
        self._waiting: list[tuple[AuditEvent, int]] = []  # events above S, with their audit offset
        self._begins: dict[int, dict[int, int]] = {}  # audit partition -> bucket -> first offset

    @property
    def seq(self) -> int:
        """The seq up to which everything is folded."""
        return self._fold.seq

    def follow(self) -> Snapshot:
        """Fold what has become stable and give the snapshot of it."""
        stable = max(self._read(), default=0)
        stable = max([stable, *(event.stable for event, _ in self._waiting)])
        # Everything below S was committed before any event could name it: to the end as of now has it all.
        for _ in self._read():
            pass
        ready = sorted(
            (event for event, _ in self._waiting if event.seq <= stable), key=lambda event: event.seq
        )
        for event in ready:
            self._fold.add(event)
        self._waiting = [(event, at) for event, at in self._waiting if event.seq > stable]
        self._fold.forget()
        state = self._fold.state()
        return Snapshot(
            self._fold.seq,
            state["clk"],
            state["accounts"],
            list(reserved(state["reservations"].items(), state["clk"], PART_BYTES)),
            self._read_from(),
            dict(self._fold.after),
            list(self._fold.positions),
            dict(self._fold.next),
        )

    def _read(self) -> Iterator[int]:
        """Read on; gives up to which seq all was committed when each event was decided."""
        for envelope in self._log.read("audit", self._next or None):
            head = self._heads(envelope.value)
            self._next[envelope.partition] = envelope.offset + 1
            born = self._begins.setdefault(envelope.partition, {})
            born.setdefault(bucket(head.clk), envelope.offset)
            if head.seq > self._fold.seq:
                self._waiting.append((self._codec.decode(envelope.value), envelope.offset))
            yield head.stable

    def _read_from(self) -> dict[int, int]:
        """For each audit partition the first offset that a recovery needs: a higher seq, or an id still known."""
        start = dict(self._next)
        for event, offset in self._waiting:
            start[event.partition] = min(start[event.partition], offset)
        oldest = bucket(self._fold.clk) - BUCKETS_KEPT
        for partition, begins in self._begins.items():
            for born in [born for born in begins if born < oldest]:
                del begins[born]
            start[partition] = min([start[partition], *begins.values()])
        return start
