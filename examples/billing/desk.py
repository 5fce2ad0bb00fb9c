"""The desk: the functions behind the tools. Each reads the systems of record or changes them, and nothing else.

They trust the gate and do what a command says; what they refuse is what the systems themselves cannot do. A refund,
were one allowed, would be made.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from toolgate.demo.billing.books import BooksError, Effect
from toolgate.sdk import Answer, Command, ToolError

if TYPE_CHECKING:
    import sqlite3

    from toolgate.demo.billing.books import Books

Handler = Callable[[Command], Answer]
PRICE_CENTS = {"basic": 1900, "team": 4900, "enterprise": 9900}  # of a whole period
LATE_FEE_CENTS, OUTAGE_DAY_CENTS = 1500, 400


def tools(books: Books) -> dict[str, Handler]:
    """The function of every tool of the catalogue, on these books."""
    reads = {
        "read_invoice": _read_invoice,
        "compute_proration": _compute_proration,
        "export_customers": _export_customers,
    }
    writes = {
        "create_adjustment_draft": _create_adjustment_draft,
        "discard_draft": _discard_draft,
        "waive_late_fee": _waive_late_fee,
        "credit_outage_day": _credit_outage_day,
        "reverse_credit": _reverse_credit,
        "execute_refund": _execute_refund,
        "update_payout_account": _update_payout_account,
    }
    return {
        **{name: _reading(books, function) for name, function in reads.items()},
        **{name: _writing(books, function) for name, function in writes.items()},
    }


def _reading(books: Books, function: Callable[[Books, dict[str, Any]], Any]) -> Handler:
    def answer(command: Command) -> Answer:
        try:
            return Answer(body=function(books, json.loads(command.params)))
        except BooksError as refusal:
            raise ToolError(str(refusal)) from None

    return answer


def _writing(
    books: Books, function: Callable[[sqlite3.Connection, Command, dict[str, Any]], Effect]
) -> Handler:
    def answer(command: Command) -> Answer:
        params = json.loads(command.params)
        try:
            return Answer(body=books.write(command, lambda database: function(database, command, params)))
        except BooksError as refusal:
            raise ToolError(str(refusal)) from None

    return answer


def _read_invoice(books: Books, params: dict[str, Any]) -> Any:
    found = books.read("SELECT * FROM invoices WHERE invoice_id = ?", params["invoice_id"])
    if not found:
        raise BooksError(f"there is no invoice {params['invoice_id']}")
    return found[0]


def _compute_proration(_: Books, params: dict[str, Any]) -> Any:
    if params["days_used"] > params["days_in_period"]:
        raise BooksError("more days were used than the period has")
    owed = PRICE_CENTS[params["plan"]] * params["days_used"] // params["days_in_period"]
    return {"owed_cents": owed}


def _export_customers(books: Books, params: dict[str, Any]) -> Any:
    return {"customers": books.read("SELECT * FROM customers WHERE plan = ?", params["plan"])}


def _create_adjustment_draft(
    database: sqlite3.Connection, _command: Command, params: dict[str, Any]
) -> Effect:
    invoice = _open_invoice(database, params["invoice_id"])
    before, after = invoice["proposed_cents"], invoice["proposed_cents"] + params["amount_cents"]
    if after < -invoice["due_cents"]:
        raise BooksError(f"{invoice['invoice_id']} cannot be adjusted by more than is due")
    row = (params["reference"], params["invoice_id"], params["amount_cents"], params["reason"], "proposed")
    database.execute("INSERT INTO drafts VALUES (?, ?, ?, ?, ?)", row)
    _set(database, invoice["invoice_id"], "proposed_cents", after)
    return _cents(
        invoice["invoice_id"],
        "proposed",
        before,
        after,
        {"reference": params["reference"], "state": "proposed"},
    )


def _discard_draft(database: sqlite3.Connection, _command: Command, params: dict[str, Any]) -> Effect:
    draft = _one(database, "SELECT * FROM drafts WHERE reference = ?", params["reference"], "draft")
    if draft["state"] != "proposed":
        raise BooksError(f"draft {draft['reference']} is {draft['state']}")
    invoice = _open_invoice(database, draft["invoice_id"])
    before, after = invoice["proposed_cents"], invoice["proposed_cents"] - draft["amount_cents"]
    database.execute("UPDATE drafts SET state = 'discarded' WHERE reference = ?", (draft["reference"],))
    _set(database, invoice["invoice_id"], "proposed_cents", after)
    return _cents(invoice["invoice_id"], "proposed", before, after, {"state": "discarded"})


def _waive_late_fee(database: sqlite3.Connection, _command: Command, params: dict[str, Any]) -> Effect:
    invoice = _open_invoice(database, params["invoice_id"])
    waived = database.execute(
        "SELECT 1 FROM credits WHERE invoice_id = ? AND what = 'late fee' AND state = 'booked'",
        (invoice["invoice_id"],),
    ).fetchone()
    if waived or invoice["late_fee_cents"] < LATE_FEE_CENTS:
        raise BooksError(f"{invoice['invoice_id']} has no late fee")
    return _credit(database, params["reference"], invoice, "late fee", LATE_FEE_CENTS)


def _credit_outage_day(database: sqlite3.Connection, _command: Command, params: dict[str, Any]) -> Effect:
    invoice = _open_invoice(database, params["invoice_id"])
    return _credit(database, params["reference"], invoice, "outage day", OUTAGE_DAY_CENTS)


def _credit(
    database: sqlite3.Connection, reference: str, invoice: sqlite3.Row, what: str, cents: int
) -> Effect:
    before, after = invoice["due_cents"], invoice["due_cents"] - cents
    row = (reference, invoice["invoice_id"], what, cents, "booked")
    database.execute("INSERT INTO credits VALUES (?, ?, ?, ?, ?)", row)
    _set(database, invoice["invoice_id"], "due_cents", after)
    return _cents(invoice["invoice_id"], "due", before, after, {"reference": reference, "state": "booked"})


def _reverse_credit(database: sqlite3.Connection, _command: Command, params: dict[str, Any]) -> Effect:
    credit = _one(database, "SELECT * FROM credits WHERE reference = ?", params["reference"], "credit")
    if credit["state"] != "booked":
        raise BooksError(f"credit {credit['reference']} is {credit['state']}")
    invoice = _open_invoice(database, credit["invoice_id"])
    before, after = invoice["due_cents"], invoice["due_cents"] + credit["amount_cents"]
    database.execute("UPDATE credits SET state = 'reversed' WHERE reference = ?", (credit["reference"],))
    _set(database, invoice["invoice_id"], "due_cents", after)
    return _cents(invoice["invoice_id"], "due", before, after, {"state": "reversed"})


def _execute_refund(database: sqlite3.Connection, command: Command, params: dict[str, Any]) -> Effect:
    invoice = _open_invoice(database, params["invoice_id"])
    customer = _one(
        database, "SELECT * FROM customers WHERE customer_id = ?", invoice["customer_id"], "customer"
    )
    row = (command.command_id, invoice["invoice_id"], customer["account"], params["amount_cents"])
    database.execute("INSERT INTO refunds VALUES (?, ?, ?, ?)", row)
    return _cents(invoice["invoice_id"], "refunded", 0, params["amount_cents"], {"state": "refunded"})


def _update_payout_account(database: sqlite3.Connection, _command: Command, params: dict[str, Any]) -> Effect:
    customer = _one(
        database, "SELECT * FROM customers WHERE customer_id = ?", params["customer_id"], "customer"
    )
    database.execute(
        "UPDATE customers SET account = ? WHERE customer_id = ?", (params["account"], params["customer_id"])
    )
    return Effect(
        params["customer_id"], "account", customer["account"], params["account"], {"state": "updated"}
    )


def _open_invoice(database: sqlite3.Connection, invoice_id: str) -> sqlite3.Row:
    invoice = _one(database, "SELECT * FROM invoices WHERE invoice_id = ?", invoice_id, "invoice")
    if not invoice["open"]:
        raise BooksError(f"{invoice_id} is closed")
    return invoice


def _one(database: sqlite3.Connection, sql: str, key: str, what: str) -> sqlite3.Row:
    found = database.execute(sql, (key,)).fetchone()
    if found is None:
        raise BooksError(f"there is no {what} {key}")
    return found  # type: ignore[no-any-return]


def _set(database: sqlite3.Connection, invoice_id: str, column: str, cents: int) -> None:
    database.execute(f"UPDATE invoices SET {column} = ? WHERE invoice_id = ?", (cents, invoice_id))  # noqa: S608


def _cents(record: str, field: str, before: int, after: int, answer: dict[str, Any]) -> Effect:
    return Effect(record, field, _usd(before), _usd(after), answer)


def _usd(cents: int) -> str:
    return f"{'-' if cents < 0 else ''}${abs(cents) // 100:,}.{abs(cents) % 100:02d}"
