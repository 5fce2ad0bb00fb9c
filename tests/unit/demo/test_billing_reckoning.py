"""The reckoning: books that agree with the log hold, and each way of tampering with either is named."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from toolgate.demo import day
from toolgate.demo.billing import desk
from toolgate.demo.billing.books import Books, Customer, Invoice, Opening
from toolgate.demo.billing.reckoning import check_books, trace
from toolgate.demo.evidence import Evidence
from toolgate.processors import loader
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import AuditEvent, Command, Result
from toolgate.sdk import ToolError

OPENING = Opening(
    (Customer("C-0001", "team", "ACCT000000000001"),),
    (Invoice("INV-1000", "C-0001", "team", 10, 30, 4900, late_fee_cents=1500),),
)
POLICIES = loader.load(day.FOLDER)
CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("read_invoice", {"invoice_id": "INV-1000"}),
    (
        "create_adjustment_draft",
        {"reference": "ADJ-1", "invoice_id": "INV-1000", "amount_cents": -700, "reason": "outage"},
    ),
    ("waive_late_fee", {"reference": "CR-1", "invoice_id": "INV-1000"}),
    ("waive_late_fee", {"reference": "CR-2", "invoice_id": "INV-1000"}),  # the books refuse this one
    ("credit_outage_day", {"reference": "CR-3", "invoice_id": "INV-1000"}),
)


def command(number: int, tool: str, params: dict[str, Any]) -> Command:
    """An approved command."""
    return Command(
        f"0-{number}", f"i-{number}", number, 0, "t", "w", "r", "a", tool, "1", json.dumps(params), "d", "",
        True, 0, 0, 0,
    )  # fmt: skip


def approval(of: Command) -> AuditEvent:
    """The decision that allowed a command."""
    return AuditEvent(
        of.seq, "g", 0, 1_000, 0, (), "intents", 0, of.seq, 1_000, True, "APPROVE", of.intent_id, "d", "", "t", "w",
        "r", "a", of.tool, "1", False, of.command_id, 0, (), (), (), "", 1, "1", "k",
    )  # fmt: skip


def do(books: Books, made: Command) -> list[Result]:
    """Run a command as an executor does: STARTED, then its end."""
    begun = Result(made.command_id, made.intent_id, "r", made.tool, "d", "started", "e")
    try:
        desk.tools(books)[made.tool](made)
    except ToolError:
        return [begun, changed(begun, status="error")]
    return [begun, changed(begun, status="ok")]


@pytest.fixture
def books():
    """Books on which all calls were run."""
    with Books(OPENING) as made:
        yield made


@pytest.fixture
def evidence(books) -> Evidence:
    """The log of these calls."""
    commands = tuple(command(number, *call) for number, call in enumerate(CALLS, start=1))
    results = tuple(result for one in commands for result in do(books, one))
    return Evidence({}, tuple(map(approval, commands)), commands, results, (), 0, 0, 0, {})


def found(evidence: Evidence, books: Books) -> dict[str, tuple[str, ...]]:
    """Differences by the first word of the check."""
    return {
        check.name.split()[0]: check.differences for check in check_books(evidence, OPENING, books, POLICIES)
    }


def change(books: Books, sql: str) -> None:
    """Tamper with the books."""
    books._database.execute(sql)


def test_what_was_allowed_and_done_agrees(evidence, books):
    """Reads change nothing, a call that the books refused neither."""
    assert found(evidence, books) == {"every": (), "books": (), "undoing": ()}
    assert len(books.changes()) == 3


@pytest.mark.parametrize(
    ("sql", "check", "difference"),
    [
        ("UPDATE invoices SET due_cents = 0", "books", "invoices INV-1000: the log gives"),
        ("UPDATE invoices SET due_cents = 0", "undoing", "invoices INV-1000: it was"),
        ("UPDATE customers SET account = 'XX'", "books", "customers C-0001: the log gives"),
        (
            "INSERT INTO refunds VALUES ('0-9', 'INV-1000', 'XX', 5)",
            "books",
            "refunds 0-9: the log gives None",
        ),
        ("DELETE FROM credits WHERE reference = 'CR-1'", "books", "credits CR-1: the log gives"),
        (
            "DELETE FROM credits WHERE reference = 'CR-1'",
            "undoing",
            "waive_late_fee on INV-1000 (i-3): reverse_credit refuses to undo it: there is no credit CR-1",
        ),
        (
            "DELETE FROM changes WHERE seq = 3",
            "every",
            "command 0-3 is reported as done, and changed nothing",
        ),
        (
            "INSERT INTO changes VALUES ('9-9', 'i-9', 9, 'waive_late_fee', 'INV-1000', 'due', '', '', '{}')",
            "every",
            "waive_late_fee on INV-1000 (i-9, seq 9) was changed by command 9-9, which nobody allowed",
        ),
        (
            "INSERT INTO changes VALUES ('9-9', 'i-9', 9, 'waive_late_fee', 'INV-1000', 'due', '', '', '{}')",
            "undoing",
            "waive_late_fee on INV-1000 (i-9): nobody allowed it",
        ),
        (
            "UPDATE changes SET seq = 33 WHERE seq = 3",
            "every",
            "waive_late_fee on INV-1000 (i-3, seq 33) is not what command 0-3 allowed",
        ),
    ],
)
def test_books_that_were_tampered_with_are_found(evidence, books, sql, check, difference):
    """By the check that is for it, with the record."""
    change(books, sql)
    assert any(text.startswith(difference) for text in found(evidence, books)[check])


def test_a_change_without_an_approval_is_found(evidence, books):
    """The audit is what allows; a command alone does not."""
    audit = tuple(event for event in evidence.audit if event.seq != 5)
    assert found(replace(evidence, audit=audit), books)["every"] == (
        "credit_outage_day on INV-1000 (i-5, seq 5) was changed by command 0-5, which nobody allowed",
    )


def test_a_change_that_was_reported_as_failed_is_found(evidence, books):
    """The executor said that nothing happened."""
    results = tuple(
        changed(one, status="error") if (one.command_id, one.status) == ("0-5", "ok") else one
        for one in evidence.results
    )
    differences = found(replace(evidence, results=results), books)
    assert differences["every"] == ("command 0-5 changed something, and is not reported as done",)
    assert differences["books"]


def test_only_the_first_end_of_a_command_counts(evidence, books):
    """An executor that was started twice may have ended it twice."""
    again = changed(evidence.results[-1], status="error")
    assert not any(found(replace(evidence, results=(*evidence.results, again)), books).values())


def test_what_cannot_be_undone_is_said(evidence, books):
    """A policy that allowed refunds would have this check fail."""
    refund = command(6, "execute_refund", {"invoice_id": "INV-1000", "amount_cents": 5})
    done = replace(
        evidence,
        commands=(*evidence.commands, refund),
        results=(*evidence.results, *do(books, refund)),
        audit=(*evidence.audit, approval(refund)),
    )
    differences = found(done, books)
    assert (differences["every"], differences["books"]) == ((), ())
    assert any(
        text.startswith("execute_refund on INV-1000 (i-6): it cannot be undone")
        for text in differences["undoing"]
    )


def test_every_change_is_traced_to_its_command_and_its_undo(evidence, books):
    """In the order they were allowed."""
    traced = trace(books.changes(), evidence.commands, POLICIES)
    assert [(one.change.seq, one.undo.tool, one.undo.params) for one in traced] == [
        (2, "discard_draft", {"reference": "ADJ-1"}),
        (3, "reverse_credit", {"reference": "CR-1"}),
        (5, "reverse_credit", {"reference": "CR-3"}),
    ]
