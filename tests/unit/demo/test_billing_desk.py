"""The billing desk's tools and books: real effects, each once, all or nothing, undone as the catalogue says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from toolgate.demo import day
from toolgate.demo.billing import desk
from toolgate.demo.billing.books import Books, Customer, Invoice, Opening
from toolgate.inspection.explanation import how_to_undo
from toolgate.processors import loader
from toolgate.schemas.records import Command
from toolgate.sdk import ToolError

OPENING = Opening(
    (Customer("C-0001", "team", "ACCT000000000001"), Customer("C-0002", "basic", "ACCT000000000002")),
    (
        Invoice("INV-1000", "C-0001", "team", 10, 30, 4900, late_fee_cents=1500),
        Invoice("INV-1001", "C-0002", "basic", 5, 30, 1900),
        Invoice("INV-1002", "C-0002", "basic", 5, 30, 1900, open=False),
    ),
)
POLICIES = loader.load(day.FOLDER)
DRAFT = {"reference": "ADJ-1", "invoice_id": "INV-1000", "amount_cents": -700, "reason": "outage"}
FEE = {"reference": "CR-1", "invoice_id": "INV-1000"}


def command(number: int, tool: str, params: dict[str, Any]) -> Command:
    """An approved command."""
    return Command(
        f"0-{number}", f"i-{number}", number, 0, "t", "w", "r", "a", tool, "1", json.dumps(params), "d", "",
        True, 0, 0, 0,
    )  # fmt: skip


@pytest.fixture
def books():
    """Books with two customers and three invoices."""
    with Books(OPENING) as made:
        yield made


def does(books: Books, number: int, tool: str, params: dict[str, Any]) -> Any:
    """What a tool answers."""
    return desk.tools(books)[tool](command(number, tool, params)).body


def invoice(books: Books, invoice_id: str = "INV-1000") -> tuple[int, int]:
    """(due, proposed) in cents."""
    row = books.state()["invoices"][invoice_id]
    return row["due_cents"], row["proposed_cents"]


def test_every_tool_of_the_catalogue_has_a_function(books):
    """And no function is without a tool."""
    assert desk.tools(books).keys() == POLICIES.tools.keys()


def test_the_example_is_the_folder_of_examples():
    """What an installed demo plays and what people read is one thing."""
    link = Path(__file__).parents[3] / "toolgate" / "demo" / "billing"
    assert link.readlink().as_posix() == "../../examples/billing"


@pytest.mark.parametrize(
    ("tool", "params", "due", "proposed"),
    [
        ("create_adjustment_draft", DRAFT, 6400, -700),
        ("waive_late_fee", FEE, 4900, 0),
        ("credit_outage_day", FEE, 6000, 0),
        ("read_invoice", {"invoice_id": "INV-1000"}, 6400, 0),
        ("compute_proration", {"plan": "team", "days_used": 10, "days_in_period": 30}, 6400, 0),
        ("export_customers", {"plan": "team"}, 6400, 0),
    ],
)
def test_only_what_writes_changes_a_balance(books, tool, params, due, proposed):
    """Drafts are proposed, credits are taken off what is due."""
    assert does(books, 1, tool, params)
    assert invoice(books) == (due, proposed)
    assert len(books.changes()) == POLICIES.tools[tool].writes


def test_a_change_names_the_decision_that_allowed_it(books):
    """With the field before and after."""
    does(books, 7, "waive_late_fee", FEE)
    [change] = books.changes()
    assert (change.command_id, change.intent_id, change.seq) == ("0-7", "i-7", 7)
    assert (change.record, change.field, change.before, change.after) == (
        "INV-1000", "due", "$64.00", "$49.00",
    )  # fmt: skip


def test_a_command_that_is_run_again_changes_nothing_and_answers_alike(books):
    """An executor that died may have begun it."""
    first = does(books, 1, "credit_outage_day", FEE)
    assert does(books, 1, "credit_outage_day", FEE) == first
    assert invoice(books) == (6000, 0)


@pytest.mark.parametrize(
    ("tool", "params", "why"),
    [
        ("read_invoice", {"invoice_id": "INV-9999"}, "there is no invoice INV-9999"),
        (
            "compute_proration",
            {"plan": "team", "days_used": 31, "days_in_period": 30},
            "more days were used than the period has",
        ),
        ("create_adjustment_draft", DRAFT | {"invoice_id": "INV-1002"}, "INV-1002 is closed"),
        (
            "create_adjustment_draft",
            DRAFT | {"invoice_id": "INV-1001", "amount_cents": -1901},
            "INV-1001 cannot be adjusted by more than is due",
        ),
        ("waive_late_fee", FEE | {"invoice_id": "INV-1001"}, "INV-1001 has no late fee"),
        ("reverse_credit", {"reference": "CR-9"}, "there is no credit CR-9"),
        ("discard_draft", {"reference": "ADJ-9"}, "there is no draft ADJ-9"),
    ],
)
def test_what_the_systems_cannot_do_is_refused_in_words(books, tool, params, why):
    """And nothing has changed."""
    before = books.state()
    with pytest.raises(ToolError, match=why):
        does(books, 1, tool, params)
    assert (books.state(), books.changes()) == (before, ())


def test_a_reference_that_is_used_again_is_refused_whole(books):
    """The balance that was already written is taken back with the rest."""
    does(books, 1, "waive_late_fee", FEE)
    with pytest.raises(ToolError, match="UNIQUE constraint failed"):
        does(books, 2, "credit_outage_day", FEE)
    assert invoice(books) == (4900, 0)
    assert len(books.changes()) == 1


def test_a_refund_that_were_allowed_would_be_made(books):
    """The tools are no dummies: what stops a refund is the gate alone."""
    does(books, 1, "execute_refund", {"invoice_id": "INV-1000", "amount_cents": 100})
    does(books, 2, "update_payout_account", {"customer_id": "C-0001", "account": "XX000000"})
    state = books.state()
    assert [row["amount_cents"] for row in state["refunds"].values()] == [100]
    assert state["customers"]["C-0001"]["account"] == "XX000000"


@pytest.mark.parametrize(
    ("tool", "params"),
    [("create_adjustment_draft", DRAFT), ("waive_late_fee", FEE), ("credit_outage_day", FEE)],
)
def test_the_inverse_of_the_catalogue_takes_a_change_back(books, tool, params):
    """Its parameters come from the call alone; a second time it is refused."""
    before = invoice(books)
    done = command(1, tool, params)
    desk.tools(books)[tool](done)
    undo = how_to_undo(done, (), POLICIES)
    does(books, 2, undo.tool, undo.params)
    assert invoice(books) == before
    with pytest.raises(ToolError, match=r"is (discarded|reversed)"):
        does(books, 3, undo.tool, undo.params)


def test_goodwill_is_counted_at_its_face_value():
    """What the gate counts in dollars is what the books give in cents."""
    usage = {name: dict(tool.usage).get("goodwill_usd", 0) for name, tool in POLICIES.tools.items()}
    assert {name: usd for name, usd in usage.items() if usd} == {
        "waive_late_fee": desk.LATE_FEE_CENTS // 100,
        "credit_outage_day": desk.OUTAGE_DAY_CENTS // 100,
    }


def test_a_copy_is_its_own(books):
    """What is tried on it does not reach the books."""
    with books.copy() as copy:
        does(copy, 1, "waive_late_fee", FEE)
        assert invoice(copy) == (4900, 0)
    assert invoice(books) == (6400, 0)


def test_books_in_a_file_are_there_for_others(tmp_path):
    """People look into them afterwards."""
    with Books(OPENING, tmp_path / "books.sqlite") as made:
        does(made, 1, "waive_late_fee", FEE)
    with Books(None, tmp_path / "books.sqlite") as again:
        assert len(again.changes()) == 1
