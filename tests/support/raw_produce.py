"""Record batches that no client library would make, sent by a produce request of our own.

Only what the broker checks has to be right here: lengths of the batch, CRC32C, the count of records. All else is the
caller's to break. Record batch v2 and Produce v7, as https://kafka.apache.org/protocol describes them.
"""

from __future__ import annotations

import itertools
import socket
import struct
import time
from dataclasses import dataclass

LIMIT_S = 30.0
NONE, MESSAGE_TOO_LARGE, INVALID_RECORD = 0, 10, 87  # error codes of the protocol
UNCOMPRESSED, GZIP, ZSTD = 0, 1, 4
_CORRELATION = 7
_PRODUCE, _VERSION = 0, 7
_NOT_LEADER = 6
_ZSTD_BLOCK = 128 * 1024
_POLYNOMIAL = 0x82F63B78


@dataclass(frozen=True, slots=True)
class RawRecord:
    """A record of a batch; lengths, place and counts may lie, `None` is the truth.

    `headers` are pairs of bytes; a value of None is a header without value.
    """

    value: bytes | None = b"{}"
    key: bytes | None = b"run-1"
    headers: tuple[tuple[bytes, bytes | None], ...] = ()
    key_length: int | None = None
    value_length: int | None = None
    header_count: int | None = None
    offset_delta: int | None = None

    def encoded(self, place: int) -> bytes:
        """The record as the `place`-th of its batch."""
        delta = place if self.offset_delta is None else self.offset_delta
        body = b"\0" + varint(0) + varint(delta)
        body += _sized(self.key, self.key_length) + _sized(self.value, self.value_length)
        body += varint(len(self.headers) if self.header_count is None else self.header_count)
        body += b"".join(_sized(key) + _sized(value) for key, value in self.headers)
        return varint(len(body)) + body


@dataclass(frozen=True, slots=True)
class Answer:
    """What the broker says: an error code of the protocol, and the offset of the batch's first record."""

    error: int
    offset: int


def batch(*records: RawRecord) -> bytes:
    """An uncompressed batch of these records."""
    return framed(b"".join(record.encoded(place) for place, record in enumerate(records)), len(records))


def framed(records: bytes, count: int, compression: int = UNCOMPRESSED) -> bytes:
    """A batch that says it holds `count` records; `records` are their bytes, compressed as `compression` says."""
    now = int(time.time() * 1000)
    tail = struct.pack(">hiqqqhii", compression, count - 1, now, now, -1, -1, -1, count) + records
    head = struct.pack(">ibI", -1, 2, crc32c(tail))
    return struct.pack(">qi", 0, len(head) + len(tail)) + head + tail


def zstd_bomb(size: int) -> bytes:
    """A batch of one record whose value has `size` zero bytes: some 4 bytes for each 128 KiB of them."""
    body = b"\0" + varint(0) + varint(0) + varint(-1) + varint(size)
    start = varint(len(body) + size + 1) + body
    frame = struct.pack("<IBB", 0xFD2FB528, 0, 13 << 3)  # no size told, a window of 8 MiB
    frame += _zstd_block(start, 0, len(start))
    left = size + 1  # the last zero byte is the number of headers
    while left:
        length = min(left, _ZSTD_BLOCK)
        left -= length
        frame += _zstd_block(b"\0", 1, length, last=not left)
    return framed(frame, 1, ZSTD)


def _zstd_block(content: bytes, kind: int, size: int, *, last: bool = False) -> bytes:
    return struct.pack("<I", size << 3 | kind << 1 | last)[:3] + content


def produce(bootstrap: str, topic: str, partition: int, records: bytes) -> Answer:
    """Send one batch to a partition and wait for the answer; waits also for a topic that was just made.

    Args:
        bootstrap: host:port of the only broker.
        topic: its full name.
        partition: of the topic.
        records: the batch.
    """
    name = topic.encode()
    body = struct.pack(">hhi", -1, -1, int(LIMIT_S * 1000))  # no transaction, all replicas
    body += struct.pack(">ih", 1, len(name)) + name
    body += struct.pack(">iii", 1, partition, len(records)) + records
    request = struct.pack(">hhih", _PRODUCE, _VERSION, _CORRELATION, 4) + b"test" + body
    end = time.monotonic() + LIMIT_S
    while True:
        reply = _exchange(bootstrap, request)
        # correlation id, one topic, its name, one partition, its index: error code, base offset
        error, offset = struct.unpack_from(">hq", reply, 4 + 4 + 2 + len(name) + 4 + 4)
        if error != _NOT_LEADER or time.monotonic() > end:
            return Answer(error, offset)


def varint(number: int) -> bytes:
    """A number as records have it: zigzag, seven bits a byte."""
    rest = (number << 1) ^ (number >> 63)
    out = bytearray()
    while rest >= 0x80:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def _entry(index: int) -> int:
    for _ in itertools.repeat(None, 8):
        index = index >> 1 ^ (_POLYNOMIAL if index & 1 else 0)
    return index


_TABLE = tuple(map(_entry, range(256)))


def _sized(content: bytes | None, length: int | None = None) -> bytes:
    """Content behind its length; a negative length that lies has nothing behind it."""
    if length is not None:
        return varint(length) + ((content or b"") if length > 0 else b"")
    return varint(-1) if content is None else varint(len(content)) + content


def _exchange(address: str, request: bytes) -> bytes:
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=LIMIT_S) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        answer = connection.makefile("rb")
        (length,) = struct.unpack(">i", answer.read(4))
        return answer.read(length)
