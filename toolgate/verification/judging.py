"""Judging: every law over every event of a history, in one pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from toolgate.verification import ledger
from toolgate.verification.book import Book
from toolgate.verification.contracts import Contracts
from toolgate.verification.control import Shadow, Stops
from toolgate.verification.firsts import Firsts
from toolgate.verification.history import AUDIT
from toolgate.verification.money import Caps, Reservations
from toolgate.verification.order import Order, Totality
from toolgate.verification.outputs import Outputs, Quarantined

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolgate.schemas.records import AuditEvent
    from toolgate.verification.findings import Findings
    from toolgate.verification.history import Cut, History

_STEP = 1000  # events between two signs of progress


class Judge(Protocol):
    """One law, or several that look at the same."""

    def see(self, event: AuditEvent) -> None:
        """The next event in the order of seq; the book stands before it."""

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
    judges = _judges(history, cut, findings, book)
    done, total = 0, len(history.audit)
    for row in history.audit.upto(cut.upto):
        event = history.read(AUDIT, row)
        if event is None:
            continue
        book.arrive(event)
        for one in judges:
            one.see(event)
        book.apply(event)
        done += 1
        if not done % _STEP:
            notify(done, total)
    for one in judges:
        one.end()
    notify(total, total)
    return Report(findings, cut, done, book)


def compare(report: Report, dump: dict[str, Any] | None) -> None:
    """Hold the ledger's own dump, None for nothing, against the book.

    Only a history at rest says all that a ledger holds.
    """
    ledger.compare(report.book.canonical(), dump, report.findings)


def _judges(history: History, cut: Cut, findings: Findings, book: Book) -> tuple[Judge, ...]:
    """Stops comes before Outputs, which takes the commands away."""
    return (
        Totality(history, cut, findings),
        Order(cut, findings),
        Firsts(book, history.audit.has, findings),
        Reservations(book, findings),
        Caps(book, findings),
        Shadow(findings),
        Contracts(book, findings),
        Stops(history, findings),
        Outputs(history, cut, findings),
        Quarantined(history, cut, findings),
    )
