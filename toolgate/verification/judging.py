"""Judging: every law over every event of a history, in one pass."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from toolgate.verification import ledger
from toolgate.verification.book import Book
from toolgate.verification.contracts import Contracts
from toolgate.verification.control import Shadow, Stops
from toolgate.verification.firsts import Firsts
from toolgate.verification.grants import Grants
from toolgate.verification.history import AUDIT
from toolgate.verification.money import Caps, Reservations
from toolgate.verification.order import Order, Totality
from toolgate.verification.outputs import Quarantined, outputs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from toolgate.schemas.records import AuditEvent
    from toolgate.verification.findings import Findings
    from toolgate.verification.history import Cut, History

_BATCH = (
    500  # events that one law after the other looks at: what one law needs stays in the processor's cache
)


class Judge(Protocol):
    """One law, or several that look at the same."""

    def see(self, event: AuditEvent) -> None:
        """The next event in the order of seq."""

    def end(self) -> None:
        """All events have been seen."""


@dataclass(frozen=True, slots=True)
class Report:
    """What came of it: everything wrong, and how far the history was judged."""

    findings: Findings
    cut: Cut
    judged: int  # events
    book: Book


def judge(history: History, notify: Callable[[int, int], None] = lambda _done, _total: None) -> Report:
    """Hold a history to every law.

    Args:
        history: what lies on the topics; judging it takes it apart.
        notify: told how many events are done, and of how many.
    """
    cut, findings, book = history.cut(), history.findings, Book()
    alone, beside = _alone(history, cut, findings), _beside(book, history, findings)
    sights = [one.see for one in beside]
    done, total = 0, len(history.audit)
    for events in _batches(history, cut.upto):
        for one in alone:
            see = one.see
            for event in events:
                see(event)
        for event in events:
            book.arrive(event)
            for see in sights:
                see(event)
            book.apply(event)
        done += len(events)
        notify(done, total)
    for one in (*alone, *beside):
        one.end()
    notify(total, total)
    return Report(findings, cut, done, book)


def compare(report: Report, dump: dict[str, Any] | None) -> None:
    """Hold the ledger's own dump, None for nothing, against the book.

    Only a history at rest says all that a ledger holds.
    """
    ledger.compare(report.book.canonical(), dump, report.findings)


def _batches(history: History, upto: int) -> Iterator[list[AuditEvent]]:
    """The events up to a seq that can be read, many at a time."""
    rows = history.audit.upto(upto)
    while batch := list(islice(rows, _BATCH)):
        yield [event for row in batch if (event := history.read(AUDIT, row)) is not None]


def _alone(history: History, cut: Cut, findings: Findings) -> tuple[Judge, ...]:
    """Laws that need no book. Stops and Grants come before the outputs, one of which takes the commands away."""
    return (
        Totality(history, cut, findings),
        Order(cut, findings),
        Shadow(findings),
        Stops(history, findings),
        Grants(history, findings),
        *outputs(history, cut, findings),
        Quarantined(history, cut, findings),
    )


def _beside(book: Book, history: History, findings: Findings) -> tuple[Judge, ...]:
    """Laws that look at the book as it stands before each event."""
    return (
        Firsts(book, history.audit.has, findings),
        Reservations(book, findings),
        Caps(book, findings),
        Contracts(book, findings),
    )
