"""Many records in little memory: their coordinates as columns of numbers, and of each record the bytes that say it."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from itertools import count, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from toolgate.verification.findings import Place

if TYPE_CHECKING:
    from collections.abc import Iterator

DIGEST_BYTES = 16
NEVER = (1 << 63) - 1  # behind the last seq
_UNKNOWN = bytes(DIGEST_BYTES)


class Row(NamedTuple):
    """A record that only the gate writes. `payload` is whatever its history makes the record of."""

    seq: int
    partition: int
    offset: int
    payload: Any

    def place(self, topic: str) -> Place:
        """Where it lies."""
        return Place(topic, self.partition, self.offset, self.seq)


class Rows:
    """Records of one topic by seq, several of one seq in the order of their places."""

    def __init__(self) -> None:
        self.seqs = array("q")
        self._partitions = array("q")
        self._offsets = array("q")
        self._payloads: list[Any] = []
        self.next = NEVER  # the seq of the first that nobody has taken or gone past
        self._at = 0
        self._passed: list[int] = []  # of what was gone past and nobody took

    def __len__(self) -> int:
        return len(self._payloads)

    def add(self, seq: int, partition: int, offset: int, payload: Any) -> None:
        """One more, in any order."""
        self.seqs.append(seq)
        self._partitions.append(partition)
        self._offsets.append(offset)
        self._payloads.append(payload)

    def sort(self) -> None:
        """Call when all are there, before anything is taken."""
        order = sorted(zip(self.seqs, self._partitions, self._offsets, count()))
        for i, (seq, partition, offset, _) in enumerate(order):
            self.seqs[i], self._partitions[i], self._offsets[i] = seq, partition, offset
        self._payloads = [self._payloads[row[3]] for row in order]
        self.seqs.append(NEVER)
        self.next = self.seqs[0]

    def has(self, seq: int) -> bool:
        """Whether there is a record of this seq."""
        return self.seqs[bisect_left(self.seqs, seq)] == seq

    def first(self, seq: int) -> Row | None:
        """The first record of a seq that nobody has taken."""
        at = bisect_left(self.seqs, seq, self._at)
        return self._row(at) if self.seqs[at] == seq else None

    def upto(self, seq: int) -> Iterator[Row]:
        """Take the records up to a seq, one by one."""
        while self.next <= seq and self._at < len(self._payloads):
            yield from self.of(self.next)

    def of(self, seq: int) -> list[Row]:
        """Take the records of one seq; each call with a later seq than the one before, or it finds none."""
        at, seqs = self._at, self.seqs
        if seqs[at] < seq:
            passed, at = at, bisect_left(seqs, seq, at)
            self._passed += range(passed, at)
        found = []
        while seqs[at] == seq and at < len(self._payloads):
            found.append(Row(seq, self._partitions[at], self._offsets[at], self._payloads[at]))
            self._payloads[at] = None  # what is judged takes no memory
            at += 1
        self._at, self.next = at, seqs[at]
        return found

    def left(self) -> Iterator[Row]:
        """What nobody took."""
        return map(self._row, [*self._passed, *range(self._at, len(self))])

    def _row(self, at: int) -> Row:
        return Row(self.seqs[at], self._partitions[at], self._offsets[at], self._payloads[at])


class Bodies:
    """The digests of a partition's inputs by offset; b"" for one that cannot be known."""

    def __init__(self) -> None:
        self.offsets = array("q")
        self._digests = bytearray()
        self._at = 0

    def add(self, offset: int, digest: bytes) -> None:
        """One more, in any order; the last one of an offset counts."""
        self.offsets.append(offset)
        self._digests += digest or _UNKNOWN

    def sort(self) -> None:
        """Call when all are there, before anything is asked."""
        if all(before < after for before, after in pairwise(self.offsets)):
            return
        known = {offset: self._digest(at) for at, offset in enumerate(self.offsets)}
        self.offsets, self._digests = array("q"), bytearray()
        for offset in sorted(known):
            self.add(offset, known[offset])

    def get(self, offset: int) -> bytes | None:
        """The digest of the body at an offset; None: there is no record."""
        at, offsets = self._at, self.offsets
        if at >= len(offsets) or offsets[at] != offset:  # most are asked one after the other
            at = bisect_left(offsets, offset)
            if at == len(offsets) or offsets[at] != offset:
                return None
        self._at = at + 1
        return self._digest(at)

    def _digest(self, at: int) -> bytes:
        digest = bytes(self._digests[at * DIGEST_BYTES : (at + 1) * DIGEST_BYTES])
        return b"" if digest == _UNKNOWN else digest
