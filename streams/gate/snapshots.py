"""Snapshots: the accounts as of a stable seq, so that a recovery need not fold the audit from its beginning.

One transaction holds one snapshot, ended by a record that says how many parts there are, and the segment of ids that
are new since the one before (segments.py).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgpack
import orjson
import structlog

from toolgate.streams.gate import segments
from toolgate.streams.gate.segments import Chain
from toolgate.streams.ledger.accounts import BUCKETS_KEPT, bucket
from toolgate.streams.ledger.chunks import chunks
from toolgate.streams.ledger.rows import reserved
from toolgate.streams.ports import Output, Reserved

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from toolgate.processors.case import Envelope
    from toolgate.streams.gate.segments import Segment
    from toolgate.streams.ports import Log, TopicPartition

TOPIC = "snapshots"
PART_BYTES = 400_000  # before it is compressed; a record takes 1 MB
FIRST_LOOK = 64  # records from the end in which the newest snapshot is looked for first
_VERSION = 4
_WITHOUT_IDS = 3  # what earlier versions wrote
_IN_JSON = 2  # ... and before them
_READ = frozenset({_IN_JSON, _WITHOUT_IDS, _VERSION})
log_ = structlog.get_logger("toolgate.gate")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Accounts after `seq`, where the ids lie that were used up to then, and where in the audit a recovery begins.

    `read_from` is, by audit partition, the first offset with a higher seq. `begins` says by partition where the events
    of each bucket begin: from the horizon of ids on is read where no chain of them is whole.
    """

    seq: int
    clk: int
    accounts: Mapping[str, Any]  # as `ports.Ledger.dump` gives them
    reserved: Sequence[Reserved]
    read_from: Mapping[int, int]
    after: Mapping[int, int]  # control offset -> the seq after which it holds
    positions: Sequence[tuple[int, int]]  # (ctl, first seq decided under it), ascending
    next: Mapping[TopicPartition, int]  # input topic-partition -> behind its highest audited offset
    begins: Mapping[int, Mapping[int, int]]  # audit partition -> bucket -> the first offset of it
    chain: Chain | None  # None: an earlier version wrote it
    segment: Segment | None = field(default=None, compare=False)  # what is to be written of the chain

    @property
    def oldest(self) -> int:
        """The oldest bucket of which ids are remembered."""
        return bucket(self.clk) - BUCKETS_KEPT

    def horizon(self) -> dict[int, int]:
        """For each audit partition the first offset with a higher seq, or with an id that is still remembered."""
        start = dict(self.read_from)
        for partition, begins in self.begins.items():
            known = (offset for born, offset in begins.items() if born >= self.oldest)
            start[partition] = min([start[partition], *known])
        return start


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
        {p: dict(begins) for p, begins in end.get("begins", ())},
        Chain(end["chain"][0], dict(end["chain"][1])) if "chain" in end else None,
    )


def _row(envelope: Envelope) -> dict[str, Any] | None:
    try:
        text = zlib.decompress(envelope.value or b"")
        row: Any = orjson.loads(text) if text.startswith(b"{") else msgpack.unpackb(text)
    except (zlib.error, ValueError):
        log_.warning("a snapshot record cannot be read", offset=envelope.offset)
        return None
    return row if isinstance(row, dict) and row.get("version") in _READ else None


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
        "begins": [[p, list(begins.items())] for p, begins in snapshot.begins.items()],
    }
    if snapshot.chain is not None:
        end["chain"] = [snapshot.chain.name, list(snapshot.chain.begins.items())]
    return [*segments.outputs(snapshot.segment), *made, _output(key, end)]


def _output(key: bytes, row: dict[str, Any]) -> Output:
    return Output(TOPIC, 0, key, zlib.compress(_packed({"version": _VERSION, **row}), 1))


def _packed(row: Any) -> bytes:
    packed: bytes = msgpack.packb(row)
    return packed
