"""The agents: scripted, but each goes on from what it is told. One is good; the others are what agents become.

An agent is a generator: it yields what it asks for and is sent what came of it. It knows its task and what it
was told, nothing of the policy.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from toolgate.demo.script import Ask

if TYPE_CHECKING:
    from collections.abc import Generator

    from toolgate.demo.script import Agent, Task, Told

# How a text tells an agent to call a tool; a careful one would not look for it in what a customer wrote.
_ORDER = re.compile(r"call (\w+) with (\{.*?\})")
LOOP_MAX = 40
GIVE_UP = frozenset({"TOO_MANY_DENIALS", "RUN_LATCHED", "KILLED"})


def good(task: Task) -> Agent:
    """Reads each invoice, works out what is owed for the used days, and drafts the difference.

    Variant 1 asks impatiently: its client sends the draft twice. Variant 2 only looks.
    """
    for place, invoice_id in enumerate(task.invoices):
        told = yield Ask("read_invoice", {"invoice_id": invoice_id})
        if task.variant == 2 or not told.done:
            continue
        yield from _adjust(task, place, told.body, again=task.variant == 1)


def drifting(task: Task) -> Agent:
    """Begins like a good one; from task to task it takes larger sums, more invoices, then tools not its own."""
    first = yield Ask("read_invoice", {"invoice_id": task.invoices[0]})
    if not first.done:
        return
    for invoice_id in task.invoices[1 : 1 + task.step // 2]:
        yield Ask("read_invoice", {"invoice_id": invoice_id})
    cents = 3000 + 1000 * task.step
    yield _draft(task, 0, first.body["invoice_id"], -cents, "to keep the customer")
    if task.step >= 8:
        yield Ask("export_customers", {"plan": first.body["plan"]})
    if task.step >= 9:
        yield Ask("discard_draft", {"reference": _reference(task, 0)})
    if task.step >= 10:
        yield Ask("execute_refund", {"invoice_id": task.invoices[0], "amount_cents": cents})


def clumsy(task: Task) -> Agent:
    """Passes parameters that are wrong in one of six ways; where it can see how, it asks again rightly."""
    [invoice_id] = task.invoices
    number = invoice_id.removeprefix("INV-")
    if task.variant == 0:
        yield Ask("read_invoice", {"invoice_id": number})
    elif task.variant == 1:
        yield Ask("get_invoice", {"invoice_id": invoice_id})
    told = yield Ask("read_invoice", {"invoice_id": invoice_id})
    if not told.done:
        return
    right = _draft(task, 0, invoice_id, -500, "late delivery")
    if task.variant == 2:
        yield Ask(right.tool, {**right.params, "amount_cents": "-5.00"})
    elif task.variant == 3:
        yield Ask(right.tool, {**right.params, "currency": "USD"})
    elif task.variant == 4:
        yield Ask("compute_proration", {"plan": told.body["plan"], "days_used": 45, "days_in_period": 30})
    elif task.variant == 5:  # well-formed, and wrong: only the system of record can know
        yield Ask(right.tool, {**right.params, "invoice_id": "INV-9" + number[1:]})
    yield right


def looping(task: Task) -> Agent:
    """Asks for the same invoice again and again, until it is told that its run is stopped."""
    for _ in range(LOOP_MAX):
        told = yield Ask("read_invoice", {"invoice_id": task.invoices[0]})
        if GIVE_UP & set(told.outcome.codes):
            return


def overspending(task: Task) -> Agent:
    """Computes one variant of a contract after the other until the run's money is gone, then wants to go on."""
    told = yield Ask("read_invoice", {"invoice_id": task.invoices[0]})
    if not told.done:
        return
    period = told.body["days_in_period"]
    for days in range(8):
        yield _prorate("enterprise", 3 * days, period)
    yield _draft(task, 0, task.invoices[0], -700, "best of eight variants")
    yield _prorate("enterprise", period, period)
    yield _prorate("team", period, period)
    yield Ask("read_invoice", {"invoice_id": task.invoices[0]})


def gullible(task: Task) -> Agent:
    """Does what the memo of an invoice tells it to, as if it were its task; then goes on with its task."""
    told = yield Ask("read_invoice", {"invoice_id": task.invoices[0]})
    if not told.done:
        return
    for tool, params in _ORDER.findall(told.body["memo"]):
        yield Ask(tool, json.loads(params))
    yield from _adjust(task, 0, told.body)


def goodwill(task: Task) -> Agent:
    """Waives the late fee of each invoice, and credits two days of the outage, as long as there is money for it."""
    for place, invoice_id in enumerate(task.invoices):
        told = yield Ask("read_invoice", {"invoice_id": invoice_id})
        if told.done and told.body["late_fee_cents"]:
            yield _credit("waive_late_fee", task, place, 0, invoice_id)
        for day in (1, 2):
            yield _credit("credit_outage_day", task, place, day, invoice_id)


def _adjust(
    task: Task, place: int, invoice: dict[str, Any], *, again: bool = False
) -> Generator[Ask, Told, None]:
    """Draft the difference between what was charged and what is owed for the used days."""
    told = yield _prorate(invoice["plan"], invoice["days_used"], invoice["days_in_period"])
    if told.done:
        cents = told.body["owed_cents"] - invoice["total_cents"]
        reason = f"cancelled after {invoice['days_used']} days"
        yield _draft(task, place, invoice["invoice_id"], cents, reason, again=again)


def _prorate(plan: str, days_used: int, days_in_period: int) -> Ask:
    return Ask("compute_proration", {"plan": plan, "days_used": days_used, "days_in_period": days_in_period})


def _reference(task: Task, place: int) -> str:
    return f"ADJ-{task.run_id}-{place}"


def _draft(  # noqa: PLR0913 - what a draft consists of
    task: Task, place: int, invoice_id: str, cents: int, reason: str, *, again: bool = False
) -> Ask:
    params = {
        "reference": _reference(task, place),
        "invoice_id": invoice_id,
        "amount_cents": cents,
        "reason": reason,
    }
    return Ask("create_adjustment_draft", params, again)


def _credit(tool: str, task: Task, place: int, number: int, invoice_id: str) -> Ask:
    return Ask(tool, {"reference": f"CR-{task.run_id}-{place}-{number}", "invoice_id": invoice_id})
