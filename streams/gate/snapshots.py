"""Snapshots: the accounts as of a stable seq, so that a recovery need not fold the audit from its beginning.

Never a dump of Redis, which holds charges that may never commit, and never "up to an audit offset", for a low
seq may be published late: S is the highest `stable` of any committed audit event, and exactly seq <= S is
folded. One transaction holds one snapshot, ended by a record that says how many parts there are.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
import structlog

from toolgate.schemas.codec import Codec
from toolgate.schemas.records import AuditEvent
from toolgate.streams.ledger.accounts import BUCKETS_KEPT, bucket
from toolgate.streams.ledger.fold import Fold
from toolgate.streams.ports import Output

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from toolgate.processors.case import Envelope
    from toolgate.schemas.registry import Registry
    from toolgate.streams.ports import Log, TopicPartition

TOPIC = "snapshots"
PART_BYTES = 400_000  # of JSON, before it is compressed; a record takes 1 MB
FIRST_LOOK = 64  # records from the end in which the newest snapshot is looked for first
_VERSION = 2
log_ = structlog.get_logger("toolgate.gate")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Accounts after `seq`, and where in each audit partition a recovery begins to read.

    `read_from` is the first offset with a higher seq, or earlier: where the horizon of seen ids begins.
    """

    seq: int
    state: Mapping[str, Any]
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
    span = FIRST_LOOK
    while True:
        start = max(first, end - span)
        found = yield from _newest(log, start)
        if found is not None or start <= first:
            return found
        span *= 8


def _newest(log: Log, start: int) -> Generator[str, None, Snapshot | None]:
    """The newest snapshot that is complete from `start` on; what cannot be read is passed over."""
    name, parts = b"", list[dict[str, Any]]()
    newest: tuple[dict[str, Any], list[dict[str, Any]]] | None = None
    for envelope in log.read(TOPIC, {0: start}):
        yield "read"
        row = _row(envelope)
        if row is None:
            continue
        if envelope.key != name:
            name, parts = envelope.key or b"", []
        if "end" not in row:
            parts.append(row)
        elif row["end"] == len(parts):
            newest = (row, parts)
    if newest is None:
        return None
    end, parts = newest
    state: dict[str, Any] = {"clk": end["clk"], "accounts": {}, "reservations": {}}
    for part in parts:
        state["accounts"].update(part["accounts"])
        state["reservations"].update(part["reservations"])
    return Snapshot(
        end["seq"],
        state,
        {int(p): offset for p, offset in end["read_from"].items()},
        {int(offset): after for offset, after in end["after"].items()},
        [(ctl, seq) for ctl, seq in end["positions"]],
        {(topic, p): offset for topic, p, offset in end["next"]},
    )


def _row(envelope: Envelope) -> dict[str, Any] | None:
    try:
        row: dict[str, Any] = orjson.loads(zlib.decompress(envelope.value or b""))
    except (zlib.error, orjson.JSONDecodeError):
        log_.warning("a snapshot record cannot be read", offset=envelope.offset)
        return None
    return row if row.get("version") == _VERSION else None


def outputs(snapshot: Snapshot) -> list[Output]:
    """The records of a snapshot's transaction."""
    key = f"{snapshot.seq:020d}".encode()
    made: list[Output] = []
    for kind in ("accounts", "reservations"):
        empty: dict[str, Any] = {"accounts": {}, "reservations": {}}
        made += [_output(key, {**empty, kind: part}) for part in _parts(snapshot.state[kind])]
    read_from = {str(p): offset for p, offset in snapshot.read_from.items()}
    end = {
        "end": len(made),
        "seq": snapshot.seq,
        "clk": snapshot.state["clk"],
        "read_from": read_from,
        "after": {str(offset): after for offset, after in snapshot.after.items()},
        "positions": list(snapshot.positions),
        "next": [[*tp, offset] for tp, offset in snapshot.next.items()],
    }
    return [*made, _output(key, end)]


def _parts(rows: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Rows in parts of about PART_BYTES: an account with many records is as large as thousands without."""
    part: dict[str, Any] = {}
    size = 0
    for name, row in rows.items():
        part[name] = row
        size += len(name) + len(orjson.dumps(row))
        if size >= PART_BYTES:
            yield part
            part, size = {}, 0
    if part:
        yield part


def _output(key: bytes, row: dict[str, Any]) -> Output:
    return Output(TOPIC, 0, key, zlib.compress(orjson.dumps({"version": _VERSION, **row}), 1))


class Snapshotter:
    """Follows the audit and folds it up to the highest stable seq; begins at the newest snapshot."""

    def __init__(self, log: Log, registry: Registry | None = None) -> None:
        self._log = log
        self._codec = Codec(AuditEvent, registry)
        base = latest(log)
        # Which ids were seen is never in a snapshot: they would be most of its memory.
        self._fold = Fold(dict(base.state), base.seq, ids=False) if base else Fold(ids=False)
        if base:
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
        stable = max((event.stable for event, _ in self._read()), default=0)
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
            {"clk": state["clk"], "accounts": state["accounts"], "reservations": state["reservations"]},
            self._read_from(),
            dict(self._fold.after),
            list(self._fold.positions),
            dict(self._fold.next),
        )

    def _read(self) -> Iterator[tuple[AuditEvent, int]]:
        for envelope in self._log.read("audit", self._next or None):
            event = self._codec.decode(envelope.value)
            self._next[envelope.partition] = envelope.offset + 1
            born = self._begins.setdefault(envelope.partition, {})
            born.setdefault(bucket(event.clk), envelope.offset)
            if event.seq > self._fold.seq:
                self._waiting.append((event, envelope.offset))
            yield event, envelope.offset

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
