"""The script of the billing desk: a function of its seed, and agents that do what they are known for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolgate.demo import day
from toolgate.demo.billing import agents, cast, desk
from toolgate.demo.billing.books import Books
from toolgate.demo.script import Ask, Part, Task, Told
from toolgate.processors import loader
from toolgate.schemas.records import Command, Outcome, Result
from toolgate.sdk import ToolError

if TYPE_CHECKING:
    from collections.abc import Callable
POLICIES = loader.load(day.FOLDER)
[POLICY] = POLICIES.workflows.values()


def unguarded(part: Part, books: Books, deny: Callable[[Ask], str] = lambda _: "") -> list[Ask]:
    """What an agent asks for when everything is allowed and done but what `deny` has a code for."""
    tools, asked = desk.tools(books), []
    agent = part.agent(part.task)
    try:
        ask = next(agent)
        while True:
            asked.append(ask)
            ask = agent.send(answer(ask, f"{part.task.run_id}.{len(asked)}", tools, deny(ask)))
    except StopIteration:
        return asked


def answer(ask: Ask, name: str, tools: dict[str, desk.Handler], code: str) -> Told:
    """A denial, or whatever the tool says."""
    if code or ask.tool not in tools:
        return Told(Outcome(name, "d", 1, "DENY", (code or "TOOL_UNKNOWN",)))
    params = json.dumps(ask.params)
    made = Command(name, name, 1, 0, "t", "w", "r", "a", ask.tool, "1", params, "d", "", True, 0, 0, 0)
    end: dict[str, Any] = {"status": "ok"}
    try:
        end["body"] = json.dumps(tools[ask.tool](made).body)
    except (ToolError, KeyError, TypeError) as error:
        end = {"status": "error", "error": str(error)}
    return Told(
        Outcome(name, "d", 1, "APPROVE", command_id=name),
        Result(name, name, "r", ask.tool, "d", executor_id="e", **end),
    )


def parts(kind: str, seed: int = 7) -> tuple[Books, list[Part]]:
    """The books and all runs of one kind of agents."""
    play = cast.cast(seed)
    return Books(play.opening), [part for lane in play.lanes if lane.kind == kind for part in lane.parts]


def allowed(ask: Ask) -> bool:
    """Whether the policy lists the tool and the parameters fit."""
    return ask.tool in POLICY.plans and not POLICIES.tools[ask.tool].schema.faults(ask.params)


@settings(max_examples=10)
@given(st.integers())
def test_the_same_seed_gives_the_same_script(seed):
    """Runs, tasks and books; the next seed gives another."""
    assert cast.cast(seed) == cast.cast(seed)
    assert cast.cast(seed).opening != cast.cast(seed + 1).opening


@settings(max_examples=10)
@given(st.integers())
def test_every_task_is_about_invoices_that_are_there(seed):
    """Runs have names of their own, and every invoice a number that the catalogue takes."""
    play = cast.cast(seed)
    tasks = [part.task for lane in play.lanes for part in lane.parts]
    known = {invoice.invoice_id for invoice in play.opening.invoices}
    assert len({task.run_id for task in tasks}) == len(tasks) == play.runs
    assert {invoice for task in tasks for invoice in task.invoices} <= known
    faults = POLICIES.tools["read_invoice"].schema.faults
    assert not any(faults({"invoice_id": invoice_id}) for invoice_id in known)


def test_good_agents_ask_for_nothing_that_the_policy_forbids():
    """Whatever is left to refuse them is a limit they share with others."""
    books, found = parts("good")
    asked = [ask for part in found for ask in unguarded(part, books)]
    assert len(found) == cast.GOOD_AGENTS * cast.GOOD_RUNS
    assert all(allowed(ask) for ask in asked)
    assert any(ask.again for ask in asked)
    assert all(len(unguarded(part, books)) <= 12 for part in found)


def test_the_drifting_agent_goes_a_little_further_each_time():
    """It begins within the policy, and ends with tools that are not its own."""
    books, found = parts("drifting")
    forbidden = [sum(not allowed(ask) for ask in unguarded(part, books)) for part in found]
    assert forbidden[0] == 0
    assert forbidden == sorted(forbidden)
    assert forbidden[-1] > 2
    reach = [len({ask.params.get("invoice_id") for ask in unguarded(part, books)}) for part in found]
    assert reach[-1] > reach[0]


@pytest.mark.parametrize("variant", range(5))
def test_wrong_parameters_are_wrong_and_put_right(variant):
    """Each way but the last is one that the catalogue sees; the agent then asks rightly."""
    books, found = parts("wrong params")
    asked = unguarded(next(part for part in found if part.task.variant == variant), books)
    assert [allowed(ask) for ask in asked].count(False) == 1
    assert allowed(asked[-1])


def test_parameters_that_fit_may_still_be_wrong():
    """The last way names an invoice that nobody has: no schema knows, the system of record does."""
    books, found = parts("wrong params")
    asked = unguarded(next(part for part in found if part.task.variant == 5), books)
    assert all(allowed(ask) for ask in asked)
    assert not books.read("SELECT 1 FROM invoices WHERE invoice_id = ?", asked[1].params["invoice_id"])


def test_a_loop_ends_only_when_the_run_is_stopped():
    """A denial alone does not end it."""
    books, found = parts("looping")
    assert len(unguarded(found[0], books, lambda _: "CALLS_EXCEEDED")) == agents.LOOP_MAX
    assert len(unguarded(found[0], books, lambda _: "TOO_MANY_DENIALS")) == 1


def test_the_gullible_agent_does_what_a_memo_says():
    """The order is in a tool's result, and nowhere in its task."""
    books, found = parts("injected")
    ordered = {ask.tool for part in found for ask in unguarded(part, books)}
    assert ordered >= {"execute_refund", "update_payout_account", "export_customers"}
    plain = parts("good")[1][0].task.invoices[:1]
    asked = unguarded(Part(Task("x", plain), agents.gullible), parts("good")[0])
    assert [ask.tool for ask in asked] == ["read_invoice", "compute_proration", "create_adjustment_draft"]


def test_ten_agents_want_more_than_their_budget_has():
    """Otherwise nobody would see it hold."""
    books, found = parts("ten on one budget")
    [cap] = [budget.max for budget in POLICY.written.budgets if budget.unit == "goodwill_usd"]
    usage = {name: dict(tool.usage).get("goodwill_usd", 0) for name, tool in POLICIES.tools.items()}
    assert sum(usage[ask.tool] for part in found for ask in unguarded(part, books)) > cap
