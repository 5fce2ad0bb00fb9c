"""Segments: which ids were used by first decisions, beside the snapshots; each holds what is new since the one before.

Snapshots are whole, ids would be most of them. A segment's name is a digest of all that it holds, the name of the one
before it included, and a snapshot names its newest segment: a chain of which a part is lost, cut short or somebody
else's is noticed, and whoever rebuilds reads the ids from the audit instead.
"""

from __future__ import annotations

import zlib
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgpack
import structlog

from toolgate.schemas.frozen import frozen
from toolgate.streams.ledger import rows
from toolgate.streams.ledger.accounts import bucket
from toolgate.streams.ports import LogError, Output, RetryError

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from toolgate.schemas.records import AuditEvent
    from toolgate.streams.ports import Log, Seen

TOPIC = "seen"
PART_IDS = 4000  # 110 bytes each before they are compressed; a record takes 1 MB
log_ = structlog.get_logger("toolgate.gate")


@frozen
class Chain:
    """Where the ids of the first decisions up to a snapshot lie."""

    name: str  # of the newest segment; "" while there is none
    begins: Mapping[int, int]  # bucket -> where on the topic segments with ids of it begin, or before


class _BrokenError(Exception):
    """A segment of a chain is lost."""


NO_SEGMENTS = Chain("", {})


@frozen
class Segment:
    """One segment as it is written: its head, then its parts.

    The head says the name of the segment `before` and the newest bucket of which ids are in it or in those before it,
    `since`.
    """

    name: str
    values: tuple[bytes, ...]


class NewIds:
    """Ids that no segment holds yet, packed as they come."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._last: list[AuditEvent | Seen] = []
        self._born: set[int] = set()

    def add(self, first: AuditEvent | Seen) -> None:
        """The id of a first decision; in the order of seq within its bucket or not."""
        self._last.append(first)
        self._born.add(bucket(first.clk))
        if len(self._last) >= PART_IDS:
            self._pack()

    def _pack(self) -> None:
        if self._last:
            self._parts.append(zlib.compress(rows.packed_ids(self._last), 1))
            self._last = []

    def segment(self, chain: Chain, oldest: int, end: int) -> tuple[Chain, Segment | None]:
        """The segment of these ids, and the chain of which it is the newest; none where there are no ids.

        Args:
            chain: what there is already.
            oldest: the oldest bucket that is still remembered.
            end: where the topic ends now.
        """
        self._pack()
        if not self._parts:
            return chain, None
        since = max(chain.begins, default=0)
        # `at` is there for the name alone: the same ids may be written again because a record of them was lost.
        head = msgpack.packb({"version": 1, "before": chain.name, "since": since, "at": end})
        values = (head, *self._parts)
        begins = dict.fromkeys(self._born, end) | dict(chain.begins)
        kept = {born: at for born, at in sorted(begins.items()) if born >= oldest}
        return Chain(_name(values), kept), Segment(_name(values), values)


def _name(values: Sequence[bytes]) -> str:
    digest = blake2b(digest_size=16)
    for value in values:
        digest.update(len(value).to_bytes(4))
        digest.update(value)
    return digest.hexdigest()


def outputs(segment: Segment | None) -> list[Output]:
    """Its records."""
    if segment is None:
        return []
    return [Output(TOPIC, 0, segment.name.encode(), value) for value in segment.values]


def look(log: Log, chain: Chain, oldest: int) -> Generator[str, None, list[bytes] | None]:
    """The parts of a chain that have ids of the bucket `oldest` or a later one; yields between records.

    None where the chain is not whole. Each part is read by `ids`.
    """
    start = min((at for born, at in chain.begins.items() if born >= oldest), default=None)
    if start is None:
        return []
    written: dict[bytes | None, list[bytes]] = {}
    try:
        for envelope in log.read(TOPIC, {0: start}):
            yield "read"
            written.setdefault(envelope.key, []).append(envelope.value or b"")
        return _walked(written, chain.name, oldest)
    except RetryError:
        raise
    except (LogError, _BrokenError) as error:
        log_.warning("ids are read from the audit: their segments are not whole", detail=str(error))
        return None


def whole(log: Log, chain: Chain, oldest: int) -> bool:
    """Whether `look` finds the chain."""
    looking = look(log, chain, oldest)
    while True:
        try:
            next(looking)
        except StopIteration as done:
            return done.value is not None


def _walked(written: Mapping[bytes | None, list[bytes]], name: str, oldest: int) -> list[bytes]:
    parts: list[bytes] = []
    while name:
        values = written.get(name.encode())
        if values is None or _name(values) != name:
            raise _BrokenError(f"segment {name} is not there or not as it was written")
        head: dict[str, Any] = msgpack.unpackb(values[0])
        parts += values[1:]
        if head["since"] < oldest:
            break
        name = head["before"]
    return parts


def ids(part: bytes) -> bytes:
    """The ids of a part, as `ports.Ledger.remember` takes them."""
    return zlib.decompress(part)
