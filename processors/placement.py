"""Placement: the partition that a key belongs to, as every well-behaved Kafka client reckons it.

All records of a run are decided in one order only because they lie in one partition. murmur2 is what Java clients,
Faust, aiokafka and our own SDK use; librdkafka only where it is told to (`partitioner=murmur2_random`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toolgate.processors.case import Envelope

_SEED = 0x9747B28C
_M = 0x5BD1E995
_MASK = 0xFFFFFFFF
_RUNS_MAX = 65_536  # keys remembered: a run has many records, and murmur2 in Python takes microseconds


@lru_cache(_RUNS_MAX)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition, from 0, that a record with this key belongs to where there are so many."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """32-bit murmur2 with the seed of Kafka's default partitioner, unsigned."""
    whole = len(data) & ~3
    found = _SEED ^ len(data)
    for at in range(0, whole, 4):
        word = int.from_bytes(data[at : at + 4], "little") * _M & _MASK
        word = (word ^ word >> 24) * _M & _MASK
        found = (found * _M & _MASK) ^ word
    if rest := data[whole:]:
        found = (found ^ int.from_bytes(rest, "little")) * _M & _MASK
    found = (found ^ found >> 13) * _M & _MASK
    return found ^ found >> 15


def astray(envelope: Envelope, run_id: str, partitions: int) -> str:
    """Why a record of this run lies where it could be decided out of the run's order, or ""."""
    if envelope.key != run_id.encode():
        return "the record's key is not the run_id: it could be decided out of its run's order"
    if partitions and (home := partition_of(envelope.key, partitions)) != envelope.partition:
        lies = f"the record lies in partition {envelope.partition}, but its key belongs to {home}"
        return f"{lies}: use the murmur2 partitioner"
    return ""
