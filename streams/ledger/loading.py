"""Loading: a snapshot as the commands that put it where the ledger keeps it; state.lua describes the rows.

Redis executes them as they come. It is the slower half of a rebuild: what is made ready here it need not look into.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from toolgate.streams.ledger.chunks import chunks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from toolgate.streams.ports import Reserved

Command = list[Any]  # word, key behind the hash tag, values
_Parts = dict[
    str, list[tuple[str, int, int]]
]  # account -> id, expires_at, amount of what time will give back

COUNT = 2000
SIZE = 1_000_000  # about: all that a run remembers may have 65,536, and Redis does nothing else meanwhile
_DUE_MS = 3_600_000  # flush.lua sweeps by the hour


def commands(accounts: Mapping[str, Any], reserved: Sequence[Reserved]) -> Iterator[list[Command]]:
    """The commands for accounts in canonical form and reservations, some at a time."""
    parts: _Parts = {}
    for account, *part in (due for one in reserved for due in one.due):
        parts.setdefault(account, []).append((part[0], part[1], part[2]))
    for chunk in chunks(accounts.items(), count=COUNT, size=SIZE, weight=weight):
        yield _Loading().accounts(chunk, parts)
    for one in reserved:
        yield [["HSET", f"rs:{born}", values] for born, values in one.buckets]


def weight(account: tuple[str, Sequence[Any]]) -> int:
    """About how many bytes an account takes, its records or facts included."""
    members = account[1][0]
    if not isinstance(members, dict):
        return 64
    return 64 + sum(len(name.encode()) + _size(value) for name, value in members.items())


def _size(value: str | int) -> int:
    return len(value.encode()) if isinstance(value, str) else 9


class _Loading:
    """The commands of some accounts: one for each hash and list, one for what lies beside an account."""

    def __init__(self) -> None:
        self._common: dict[tuple[str, str], list[Any]] = {}
        self._own: list[Command] = []

    def accounts(self, chunk: Iterable[tuple[str, Sequence[Any]]], parts: _Parts) -> list[Command]:
        for name, row in chunk:
            kind, _, bare = name.partition(":")
            *_, at, keep = row
            stored = self._row(kind, bare, row, parts.get(bare, []))
            self._into("HSET", f"a:{kind}", bare, struct.pack("<2d", at, keep) + stored)
            if keep:
                self._into("RPUSH", f"due:{(at + keep) // _DUE_MS}", kind + bare)
        return [[word, key, values] for (word, key), values in self._common.items()] + self._own

    def _into(self, word: str, key: str, *values: Any) -> None:
        self._common.setdefault((word, key), []).extend(values)

    def _row(self, kind: str, bare: str, row: Sequence[Any], parts: list[tuple[str, int, int]]) -> bytes:
        """An account's stored row behind `at` and `keep`."""
        match kind:
            case "c":
                used, uncovered, *_ = row
                values = [value for name, end, amount in parts for value in (str(end), f"{name}|{amount}")]
                self._beside("ZADD", f"o:{bare}", values)
                earliest = min((end for _, end, _ in parts), default=0)
                return struct.pack("<5d", used, 0, uncovered, len(parts), earliest)
            case "n":
                return struct.pack("<2d", row[0], row[0])
            case "w":
                seen, window, *_ = row
                self._beside("ZADD", f"w:{bare}", [v for key, at in seen.items() for v in (str(at), key)])
                return struct.pack("<3d", window, len(seen), min(seen.values(), default=0))
            case "f":
                texts = row[0]
                self._beside("HSET", f"f:{bare}", [value for pair in texts.items() for value in pair])
                size = sum(len(name.encode()) + len(text.encode()) for name, text in texts.items())
                return struct.pack("<2d", len(texts), size)
            case "r":
                owner: str = row[0]
                return owner.encode()
            case _:
                return struct.pack("<d", row[0])

    def _beside(self, word: str, key: str, values: list[Any]) -> None:
        if values:
            self._own.append([word, key, values])
