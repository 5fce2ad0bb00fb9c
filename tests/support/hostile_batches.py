"""Batches that are hostile as a whole: what the broker refuses, and bombs for a topic that lets them in."""

from __future__ import annotations

import gzip
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from raw_produce import GZIP, INVALID_RECORD, MESSAGE_TOO_LARGE, RawRecord, batch, framed, zstd_bomb

if TYPE_CHECKING:
    from collections.abc import Callable

CORRUPT_MESSAGE = 2
MIB = 1024 * 1024
_CONTROL_BATCH = 0x20
NAMES = {
    CORRUPT_MESSAGE: "CORRUPT_MESSAGE",
    MESSAGE_TOO_LARGE: "MESSAGE_TOO_LARGE",
    INVALID_RECORD: "INVALID_RECORD",
}


@dataclass(frozen=True, slots=True)
class Refused:
    """A batch that does not come onto the topic: in words, the broker's error, how to make it."""

    words: str
    error: int
    make: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Bomb:
    """A batch that comes only onto a topic whose `compression.type` was loosened."""

    words: str
    make: Callable[[], bytes]


def gzip_bomb(size: int) -> bytes:
    """A batch of one record whose value has `size` zero bytes, some thousandth of that on the wire."""
    return framed(gzip.compress(RawRecord(bytes(size)).encoded(0)), 1, GZIP)


def _wrong_sum() -> bytes:
    whole = batch(RawRecord())
    at = 8 + 4 + 4 + 1
    (found,) = struct.unpack_from(">I", whole, at)
    return whole[:at] + struct.pack(">I", found ^ 1) + whole[at + 4 :]


REFUSED: tuple[Refused, ...] = (
    Refused("a batch above 128 KiB", MESSAGE_TOO_LARGE, lambda: batch(RawRecord(bytes(140_000)))),
    Refused("a zstd bomb: 2 KB that become 64 MiB", MESSAGE_TOO_LARGE, lambda: zstd_bomb(64 * MIB)),
    Refused("a gzip bomb: 5 KB that become 5 MiB", MESSAGE_TOO_LARGE, lambda: gzip_bomb(5 * MIB)),
    Refused("a wrong checksum", CORRUPT_MESSAGE, _wrong_sum),
    Refused(
        "more records announced than there are",
        INVALID_RECORD,
        lambda: framed(RawRecord().encoded(0), 3),
    ),
    Refused("-1 headers", INVALID_RECORD, lambda: batch(RawRecord(header_count=-1))),
    Refused(
        "more headers announced than there are",
        INVALID_RECORD,
        lambda: batch(RawRecord(header_count=2**30)),
    ),
    Refused(
        "a longer value announced than there is",
        INVALID_RECORD,
        lambda: batch(RawRecord(value_length=2**20)),
    ),
    Refused(
        "the mark of a transaction's end",
        INVALID_RECORD,
        lambda: framed(RawRecord().encoded(0), 1, _CONTROL_BATCH),
    ),
)
BOMBS: tuple[Bomb, ...] = (
    Bomb("a zstd bomb: 10 KB that become 300 MiB", lambda: zstd_bomb(300 * MIB)),
    Bomb("a gzip bomb: 5 KB that become 5 MiB", lambda: gzip_bomb(5 * MIB)),
)
