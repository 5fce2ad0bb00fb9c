"""The systems of record: customers, invoices with their balances, drafts, credits and refunds, in one SQLite file.

Everything is really changed: what the gate lets through has its effect here, and stays. Each change is written down in
the same transaction with the command it came from, so that a command which is run again answers as it did and changes
nothing.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import closing
from dataclasses import asdict, astuple, dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from types import TracebackType

    from toolgate.sdk import Command

_TABLES = """
CREATE TABLE customers (customer_id TEXT PRIMARY KEY, plan TEXT NOT NULL, account TEXT NOT NULL);
CREATE TABLE invoices (
    invoice_id TEXT PRIMARY KEY, customer_id TEXT NOT NULL, plan TEXT NOT NULL, days_used INTEGER NOT NULL,
    days_in_period INTEGER NOT NULL, total_cents INTEGER NOT NULL, late_fee_cents INTEGER NOT NULL,
    open INTEGER NOT NULL, memo TEXT NOT NULL,
    due_cents INTEGER NOT NULL CHECK (due_cents >= 0), proposed_cents INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE drafts (
    reference TEXT PRIMARY KEY, invoice_id TEXT NOT NULL, amount_cents INTEGER NOT NULL, reason TEXT NOT NULL,
    state TEXT NOT NULL
);
CREATE TABLE credits (
    reference TEXT PRIMARY KEY, invoice_id TEXT NOT NULL, what TEXT NOT NULL, amount_cents INTEGER NOT NULL,
    state TEXT NOT NULL
);
CREATE TABLE refunds (
    command_id TEXT PRIMARY KEY, invoice_id TEXT NOT NULL, account TEXT NOT NULL, amount_cents INTEGER NOT NULL
);
CREATE TABLE changes (
    command_id TEXT PRIMARY KEY, intent_id TEXT NOT NULL, seq INTEGER NOT NULL, tool TEXT NOT NULL,
    record TEXT NOT NULL, field TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL, answer TEXT NOT NULL
);
"""
_STATE = {  # what the systems hold; `changes` says how they came to it
    "customers": "customer_id",
    "invoices": "invoice_id",
    "drafts": "reference",
    "credits": "reference",
    "refunds": "command_id",
}


class BooksError(Exception):
    """The systems of record refuse a change, in words for whoever asked."""


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer; `account` is where refunds would go."""

    customer_id: str
    plan: str
    account: str


@dataclass(frozen=True, slots=True)
class Invoice:
    """One invoice as it was written, before anybody adjusted it. Only an open one may be adjusted."""

    invoice_id: str
    customer_id: str
    plan: str
    days_used: int
    days_in_period: int
    total_cents: int
    late_fee_cents: int = 0
    open: bool = True
    memo: str = ""


@dataclass(frozen=True, slots=True)
class Opening:
    """What the books hold before the first agent begins."""

    customers: tuple[Customer, ...]
    invoices: tuple[Invoice, ...]


@dataclass(frozen=True, slots=True)
class Effect:
    """What one command did: the field of a record before and after, and the answer to whoever asked."""

    record: str
    field: str
    before: str
    after: str
    answer: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """An effect as it was written down; `intent_id` and `seq` are the decision that allowed it."""

    command_id: str
    intent_id: str
    seq: int
    tool: str
    record: str
    field: str
    before: str
    after: str


class Books:
    """The systems of record, for any number of threads.

    Args:
        opening: what they begin with.
        path: the SQLite file to make; None keeps everything in memory.
    """

    def __init__(self, opening: Opening | None, path: Path | None = None) -> None:
        self._lock = threading.Lock()
        # one connection under one lock; None: transactions are begun and ended here
        self._database = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        self._database.row_factory = sqlite3.Row
        self._database.execute(
            "PRAGMA synchronous = OFF"
        )  # simulated systems: a crash of the machine may lose them
        if opening is not None:
            self._database.executescript(_TABLES)
            self._fill(opening)

    def read(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """Rows of a query."""
        with self._lock, closing(self._database.execute(sql, values)) as found:
            return [dict(row) for row in found]

    def write(self, command: Command, effect: Callable[[sqlite3.Connection], Effect]) -> dict[str, Any]:
        """Let a command have its effect once, all of it or nothing; the answer, also when it is asked again.

        Raises:
            BooksError: the effect refuses, or breaks a rule of the books; nothing has changed.
        """
        with self._lock:
            seen = self._database.execute(
                "SELECT answer FROM changes WHERE command_id = ?", (command.command_id,)
            ).fetchone()
            if seen is not None:
                return json.loads(seen["answer"])  # type: ignore[no-any-return]
            self._database.execute("BEGIN IMMEDIATE")
            try:
                done = effect(self._database)
                row = (command.command_id, command.intent_id, command.seq, command.tool)
                shown = (done.record, done.field, done.before, done.after, json.dumps(done.answer))
                self._database.execute(_insert("changes", 9), (*row, *shown))
            except BaseException as error:
                self._database.execute("ROLLBACK")
                if isinstance(error, sqlite3.IntegrityError):
                    raise BooksError(f"the books refuse this: {error}") from None
                raise
            self._database.execute("COMMIT")
            return done.answer

    def changes(self) -> tuple[Change, ...]:
        """Everything that was changed, in the order of the decisions that allowed it."""
        fields = ", ".join(Change.__dataclass_fields__)
        return tuple(Change(**row) for row in self.read(f"SELECT {fields} FROM changes ORDER BY seq"))  # noqa: S608

    def state(self) -> dict[str, dict[str, dict[str, Any]]]:
        """All rows by table and key."""
        return {
            table: {row[key]: row for row in self.read(f"SELECT * FROM {table} ORDER BY {key}")}  # noqa: S608
            for table, key in _STATE.items()
        }

    def copy(self) -> Books:
        """Books of their own in memory, as these are now."""
        made = Books(None)
        with self._lock:
            self._database.backup(made._database)
        return made

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _fill(self, opening: Opening) -> None:
        self._insert("customers", (astuple(customer) for customer in opening.customers))
        invoices = ({**asdict(invoice), "due": _due(invoice), "proposed": 0} for invoice in opening.invoices)
        self._insert("invoices", (tuple(invoice.values()) for invoice in invoices))

    def _insert(self, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
        found = list(rows)
        if found:
            self._database.execute("BEGIN")
            self._database.executemany(_insert(table, len(found[0])), found)
            self._database.execute("COMMIT")


def _due(invoice: Invoice) -> int:
    return invoice.total_cents + invoice.late_fee_cents


def _insert(table: str, columns: int) -> str:
    return f"INSERT INTO {table} VALUES ({', '.join('?' * columns)})"  # noqa: S608 - names of this module
