"""How accounts, reservations, ids and marks lie in Redis; state.lua and stored.lua write and describe them."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import msgpack

from toolgate.streams.ledger.accounts import bucket, given_back, seen_key
from toolgate.streams.ledger.chunks import chunks
from toolgate.streams.ports import Reserved

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from toolgate.schemas.records import AuditEvent
    from toolgate.streams.ports import Seen


def packed(value: Any) -> bytes:
    """A value as scripts pack and unpack it: they have one kind of string."""
    made: bytes = msgpack.packb(value, use_bin_type=False)
    return made


def mark(raw: bytes) -> tuple[int, int, int]:
    """Epoch and owning slot of a topic-partition, and the offset behind the last decision."""
    epoch, following, slot, _low, _gives = struct.unpack("<5d", raw)
    return int(epoch), int(slot), int(following)


def reserved(rows: Iterable[tuple[str, list[Any]]], clk: int, size: int) -> Iterator[Reserved]:
    """Reservations of a canonical state, in parts.

    Args:
        rows: id and canonical row of each.
        clk: the state's time.
        size: about how many bytes a part may have.
    """
    stored = ((name, _stored(row), row) for name, row in rows)
    for chunk in chunks(stored, size=size, weight=lambda one: len(one[0]) + len(one[1])):
        buckets: dict[int, list[Any]] = {}
        due: list[list[Any]] = []
        for name, raw, (born, expires_at, _digest, _tool, parts, end, _sets) in chunk:
            buckets.setdefault(born, []).extend((name, raw))
            returns = given_back(parts, end, expires_at, clk)
            due += ([account, name, expires_at, amount] for account, amount in returns)
        yield Reserved(list(buckets.items()), due)


def _stored(row: list[Any]) -> bytes:
    *before, end, sets = row
    return packed(end) + packed([*before, sets])


def reservations(parts: Iterable[Reserved]) -> dict[str, list[Any]]:
    """... and back: the canonical row by id."""
    return {
        name: parse_reservation(raw)
        for part in parts
        for _born, values in part.buckets
        for name, raw in zip(values[::2], values[1::2], strict=True)
    }


def packed_ids(firsts: Iterable[Seen | AuditEvent]) -> bytes:
    """Ids of first decisions, packed as `remember` takes them: [[bucket, [id, stored, ...]], ...]."""
    found: dict[int, list[Any]] = {}
    for one in firsts:
        stored = struct.pack("<d", one.seq) + one.digest.encode()
        found.setdefault(bucket(one.clk), []).extend((seen_key(one.tenant, one.intent_id), stored))
    return packed(list(found.items()))


def parse_ids(raw: bytes) -> Iterator[tuple[int, str, list[Any]]]:
    """... and back: bucket, id, then digest and seq of its first decision."""
    for born, values in msgpack.unpackb(raw, raw=True):
        for key, stored in zip(values[::2], values[1::2], strict=True):
            yield born, key.decode(), parse_first(stored)


def parse_account(kind: str, raw: bytes) -> list[Any]:
    """The stored row of an account: at, keep, then the kind's own values."""
    if kind == "r":
        at, keep = struct.unpack_from("<2d", raw)
        return [int(at), int(keep), raw[16:].decode()]
    return [int(value) for (value,) in struct.iter_unpack("<d", raw)]


def parse_reservation(raw: bytes) -> list[Any]:
    """A stored reservation in canonical form."""
    unpacker = msgpack.Unpacker(raw=False, max_buffer_size=len(raw))
    unpacker.feed(raw)
    end, (*row, sets) = unpacker
    return [*row, end, sets]


def parse_first(raw: bytes) -> list[Any]:
    """Digest and seq of an id's first decision."""
    return [raw[8:].decode(), int(*struct.unpack_from("<d", raw))]
