"""Tickets: every answer reaches the one who waits for it, whatever the order of arrival."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

import pytest

from toolgate.schemas.records import Intent, Outcome, Result
from toolgate.sdk.errors import IntentError, NoAnswerError, SdkError
from toolgate.sdk.replies import Tickets

INTENT = Intent("i-1", "call", "default", "w", "run-1", "agent", "read_invoice", params='{"n":1}')
APPROVED = Outcome("i-1", 7, "APPROVE", command_id="0-3")
DENIED = Outcome("i-1", 7, "DENY", codes=("TOOL_DENIED",))
END = Result("0-3", "i-1", "run-1", "read_invoice", "d", "ok", "desk")


def test_an_outcome_and_then_a_result_reach_their_ticket():
    """The agent learns the decision first and the end of its command later."""
    tickets = Tickets()
    ticket = tickets.expect(INTENT)
    tickets.outcome(APPROVED)
    assert ticket.decided(0) == APPROVED
    tickets.result(replace(END, status="started"))
    assert not ticket.result.done()
    tickets.result(END)
    assert ticket.ended(0) == END


def test_a_result_that_is_read_before_its_outcome_is_kept():
    """Two topics have no order between them."""
    tickets = Tickets()
    ticket = tickets.expect(INTENT)
    tickets.result(END)
    assert not ticket.result.done()
    tickets.outcome(APPROVED)
    assert ticket.ended(0) == END


@pytest.mark.parametrize(
    ("outcome", "result"),
    [
        (replace(APPROVED, command_id="0-4"), END),
        (DENIED, END),
        (APPROVED, replace(END, intent_id="i-2")),
        (APPROVED, replace(END, status="started")),
    ],
)
def test_a_result_of_another_command_is_no_answer(outcome, result):
    """Only the end of the command that the outcome names counts."""
    tickets = Tickets()
    ticket = tickets.expect(INTENT)
    tickets.outcome(outcome)
    tickets.result(result)
    assert not ticket.result.done()


def test_the_first_end_wins():
    """An executor that was started twice may report two ends."""
    tickets = Tickets()
    ticket = tickets.expect(INTENT)
    tickets.outcome(APPROVED)
    tickets.result(END)
    tickets.result(replace(END, status="error"))
    assert ticket.ended(0) == END


def test_the_same_intent_has_the_same_ticket_before_and_after_its_decision():
    """A repetition is decided once, so there is one answer."""
    tickets = Tickets()
    ticket = tickets.expect(INTENT)
    assert tickets.expect(INTENT) is ticket
    tickets.outcome(APPROVED)
    assert tickets.expect(INTENT) is ticket
    assert ticket.decided(0) == APPROVED


def test_an_id_with_other_content_is_refused_while_it_is_waited_for():
    """The two answers could not be told apart."""
    tickets = Tickets()
    tickets.expect(INTENT)
    with pytest.raises(IntentError, match="other content"):
        tickets.expect(replace(INTENT, params='{"n":2}'))


def test_an_id_with_other_content_has_a_ticket_of_its_own_after_the_decision():
    """The gate answers it, with a denial."""
    tickets = Tickets()
    first = tickets.expect(INTENT)
    tickets.outcome(APPROVED)
    second = tickets.expect(replace(INTENT, params='{"n":2}'))
    assert second is not first
    tickets.outcome(DENIED)
    assert first.decided(0) == APPROVED
    assert second.decided(0) == DENIED


def test_what_others_asked_is_passed_over():
    """Outcomes of other clients share the topic."""
    tickets = Tickets()
    tickets.outcome(APPROVED)
    tickets.result(END)
    assert not tickets.expect(INTENT).outcome.done()


def test_only_so_many_decided_tickets_are_remembered():
    """A client that runs for months does not grow."""
    tickets = Tickets(kept=2)
    first = tickets.expect(INTENT)
    tickets.outcome(APPROVED)
    for number in (2, 3):
        tickets.expect(replace(INTENT, intent_id=f"i-{number}"))
        tickets.outcome(replace(APPROVED, intent_id=f"i-{number}"))
    assert tickets.expect(INTENT) is not first


def test_no_answer_in_time_says_which_intent_and_what_to_do():
    """A timeout is an error of its own, and repeating is offered."""
    ticket = Tickets().expect(INTENT)
    with pytest.raises(NoAnswerError, match=r"i-1 of run run-1 has not been decided[\s\S]*again is safe"):
        ticket.decided(0)


def test_waiting_for_the_end_of_a_denied_intent_is_a_mistake():
    """There is no command, so nothing would ever come."""
    tickets = Tickets()
    ticket = tickets.expect(INTENT)
    tickets.outcome(DENIED)
    with pytest.raises(ValueError, match="made no command: DENY"):
        ticket.ended(0)


def test_a_failure_reaches_whoever_waits_and_whoever_comes():
    """Nobody waits for what can no longer be heard; what is known stays known."""
    tickets = Tickets()
    decided = tickets.expect(INTENT)
    tickets.outcome(APPROVED)
    waiting = tickets.expect(replace(INTENT, intent_id="i-2"))
    tickets.fail(SdkError("gone"))
    assert decided.decided(0) == APPROVED
    for call in (
        lambda: decided.ended(0),
        lambda: waiting.decided(0),
        lambda: tickets.expect(replace(INTENT, intent_id="i-3")),
    ):
        with pytest.raises(SdkError, match="gone"):
            call()


def test_an_intent_that_never_left_is_forgotten():
    """It may be sent again, and is waited for anew."""
    tickets = Tickets()
    ticket = tickets.expect(INTENT)
    tickets.drop(ticket, SdkError("queue full"))
    with pytest.raises(SdkError, match="queue full"):
        ticket.decided(0)
    assert tickets.expect(INTENT) is not ticket


def test_a_waiter_that_gives_up_takes_nothing_from_the_others():
    """A cancelled await leaves the ticket as it was."""
    tickets = Tickets()
    ticket = tickets.expect(INTENT)

    async def waiters() -> Outcome:
        impatient = asyncio.wrap_future(ticket.outcome)
        patient = asyncio.wrap_future(ticket.outcome)
        impatient.cancel()
        await asyncio.sleep(0)
        threading.Thread(target=tickets.outcome, args=(APPROVED,)).start()
        return await asyncio.wait_for(patient, 10)

    assert asyncio.run(waiters()) == APPROVED
