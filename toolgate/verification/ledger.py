"""Redis against the book: to the integer, account by account."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import redis

from toolgate.streams.errors import UnreachableError
from toolgate.streams.ledger.redis import RedisLedger
from toolgate.streams.ports import UnavailableError
from toolgate.verification.findings import Findings, Law

if TYPE_CHECKING:
    from collections.abc import Mapping


def dump(url: str, prefix: str) -> dict[str, Any] | None:
    """What the ledger of a prefix holds; None while it is empty or being rebuilt.

    Raises:
        UnreachableError: Redis does not answer.
    """
    try:
        with closing(RedisLedger(url, prefix)) as ledger:
            return ledger.dump() if ledger.standing().gen else None
    except (redis.exceptions.RedisError, UnavailableError) as error:
        raise UnreachableError(
            f"Redis does not answer: {error}", where="the ledger", remedy="start it, or correct --redis"
        ) from None


def compare(book: Mapping[str, Any], dump: Mapping[str, Any] | None, findings: Findings) -> None:
    """Find every difference between two canonical states.

    Args:
        book: as `Book.canonical` gives it.
        dump: as the ledger gives it; None: it holds nothing.
        findings: where differences go.
    """
    if dump is None:
        findings.add(Law.LEDGER, None, "the ledger is empty or being rebuilt: a gate that starts rebuilds it")
        return
    if book["clk"] != dump["clk"]:
        findings.add(Law.LEDGER, None, f"the ledger's clock is {dump['clk']}, the log's {book['clk']}")
    for part, named in (("accounts", "account"), ("reservations", "reservation"), ("seen", "id")):
        ours, theirs = book[part], dump[part]
        for name in sorted(ours.keys() | theirs.keys()):
            if ours.get(name) != theirs.get(name):
                said, has = _shown(ours.get(name)), _shown(theirs.get(name))
                what = f"{named} {name}: the log says {said}, the ledger has {has}"
                findings.add(Law.LEDGER, None, what)


def _shown(value: Any) -> str:
    return "nothing" if value is None else str(value)
