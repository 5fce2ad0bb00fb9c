"""Idempotence: an id of a tenant is decided once, and whatever repeats it names that decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.verification.findings import Findings, Law

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolgate.schemas.records import AuditEvent
    from toolgate.verification.book import Book


class Firsts:
    """First decisions and what repeats them.

    Args:
        book: as it stood before each event: it knows the ids within the horizon.
        there: whether an event of a seq is in the log. A duplicate may name a decision that a recovery has discarded.
        findings: where faults go.
    """

    def __init__(self, book: Book, there: Callable[[int], bool], findings: Findings) -> None:
        self._book = book
        self._there = there
        self._findings = findings

    def see(self, event: AuditEvent) -> None:
        """The next event."""
        if event.first:
            known = self._book.first(event)
            if known is not None:
                what = f"is a second first decision of {event.intent_id}; the first has seq {known[1]}"
                self._findings.at(Law.FIRST, event, what)
        elif event.verdict == "APPROVE" and not event.dry_run:
            self._findings.at(Law.FIRST, event, "is approved and is no first decision")
        if event.first_seq is not None:
            self._repeats(event, event.first_seq)
        elif event.verdict == "DUPLICATE":
            self._findings.at(Law.FIRST, event, "is a duplicate and names no first decision")

    def end(self) -> None:
        """Nothing is left to say."""

    def _repeats(self, event: AuditEvent, first_seq: int) -> None:
        known = self._book.first(event)
        if known is None:
            if not 0 < first_seq < event.seq or self._there(first_seq):
                what = f"names seq {first_seq}, which is no first decision of {event.intent_id}"
                self._findings.at(Law.FIRST, event, what)
            return
        digest, seq, _ = known
        if seq != first_seq:
            self._findings.at(Law.FIRST, event, f"names seq {first_seq}, and {event.intent_id} has seq {seq}")
        elif (digest == event.digest) != (event.verdict == "DUPLICATE"):
            same = "the same" if digest == event.digest else "another"
            self._findings.at(Law.FIRST, event, f"has {same} content than seq {seq} and is {event.verdict}")
