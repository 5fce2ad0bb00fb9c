"""Repeats: runs that ask for the same again and learn nothing, and runs that do not take no for an answer.

A loop is LOOP_MIN results of the same tool and parameters within WINDOW_MS that all say the same. A retry storm is
STORM_MIN denials of the same tool and parameters within WINDOW_MS, with nothing new in between: no result of the run
that said something else than the last time it asked. Each is told once; it is over after WINDOW_MS without another,
or with the first thing that is new.

What a run remembers is a plain dict, made for a table: `news_ms`, and at most ENTRIES_MAX `entries` by a digest of
what was asked, each with at most as many times as it takes to be told. The one that was touched longest ago is
forgotten first; so a run that goes round in more than ENTRIES_MAX different calls is not seen to loop: its budgets
and rates are what ends it.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

WINDOW_MS = 600_000
LOOP_MIN = 5
STORM_MIN = 5
ENTRIES_MAX = 32
LOOP, RETRY_STORM = "loop", "retry_storm"
_COUNT = {LOOP: LOOP_MIN, RETRY_STORM: STORM_MIN}

Memory = dict[str, Any]  # JSON-able; {} for a run that nothing is known of


@dataclass(frozen=True, slots=True)
class Repeat:
    """A loop or a retry storm that is told: the times of its first and last, and how many there were."""

    kind: str  # LOOP or RETRY_STORM
    began_ms: int
    ended_ms: int
    count: int


def after_result(
    memory: Memory, *, tool: str, params_digest: str, body_digest: str, time_ms: int
) -> tuple[Memory, Repeat | None]:
    """What a run remembers after the END of an approved call, and the loop that it completes.

    `body_digest` stands for all that the result says: of one that is an error, for the error.
    """
    key = _key(LOOP, tool, params_digest)
    known = memory.get("entries", {}).get(key)
    if known is None or known["body"] != body_digest:
        memory = {**memory, "news_ms": max(time_ms, memory.get("news_ms", 0))}
        known = None
    return _again(memory, key, LOOP, known or _entry(body_digest), time_ms)


def after_denial(
    memory: Memory, *, tool: str, params_digest: str, time_ms: int
) -> tuple[Memory, Repeat | None]:
    """What a run remembers after a denial, and the retry storm that it completes."""
    news_ms = memory.get("news_ms", 0)
    if time_ms < news_ms:
        return memory, None  # what was denied before the news was not asked in spite of it
    key = _key(RETRY_STORM, tool, params_digest)
    known = memory.get("entries", {}).get(key) or _entry("")
    since = {**known, "times": [denied_ms for denied_ms in known["times"] if denied_ms >= news_ms]}
    return _again(memory, key, RETRY_STORM, since, time_ms)


def _again(
    memory: Memory, key: str, kind: str, entry: dict[str, Any], time_ms: int
) -> tuple[Memory, Repeat | None]:
    """The memory with one more time of an entry; times may come out of order, from several topics and writers."""
    oldest_ms = max((time_ms, *entry["times"])) - WINDOW_MS
    before = [known_ms for known_ms in entry["times"] if known_ms > oldest_ms]
    times = sorted((*before, time_ms) if time_ms > oldest_ms else before)[-_COUNT[kind] :]
    told, found = entry["told"] and bool(before), None
    if len(times) == _COUNT[kind] and not told:
        found, told = Repeat(kind, times[0], times[-1], len(times)), True
    others = {other: value for other, value in memory.get("entries", {}).items() if other != key}
    kept = dict(list(others.items())[-(ENTRIES_MAX - 1) :])
    kept[key] = {"body": entry["body"], "times": times, "told": told}
    return {"news_ms": memory.get("news_ms", 0), "entries": kept}, found


def _entry(body_digest: str) -> dict[str, Any]:
    return {"body": body_digest, "times": [], "told": False}


def _key(kind: str, tool: str, params_digest: str) -> str:
    """Short, however long a name an agent has made up."""
    asked = f"{kind}\0{tool}\0{params_digest}".encode("utf-8", "surrogatepass")
    return blake2b(asked, digest_size=12).hexdigest()
