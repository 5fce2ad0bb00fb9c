"""Redis against the book: to the integer, account by account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolgate.verification.findings import Findings, Law

if TYPE_CHECKING:
    from collections.abc import Mapping


def compare(book: Mapping[str, Any], dump: Mapping[str, Any], findings: Findings) -> None:
    """Find every difference between two canonical states.

    Args:
        book: as `Book.canonical` gives it.
        dump: as the ledger gives it.
        findings: where differences go.
    """
    if book["clk"] != dump["clk"]:
        findings.add(Law.LEDGER, None, f"the ledger's clock is {dump['clk']}, the log's {book['clk']}")
    for part, named in (("accounts", "account"), ("reservations", "reservation"), ("seen", "id")):
        ours, theirs = book[part], dump[part]
        for name in sorted(ours.keys() | theirs.keys()):
            if ours.get(name) != theirs.get(name):
                what = f"{named} {name}: the log says {_shown(ours.get(name))}, the ledger has {_shown(theirs.get(name))}"
                findings.add(Law.LEDGER, None, what)


def _shown(value: Any) -> str:
    return "nothing" if value is None else str(value)
