"""Tickets: every answer reaches the one who waits for it, whatever the order of arrival."""

from __future__ import annotations

import asyncio
import threading

import pytest

from toolgate import sdk
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Intent, Outcome, Result
from toolgate.sdk.errors import IntentError, NoAnswerError, SdkError
from toolgate.sdk.tickets import Tickets

INTENT = Intent("i-1", "call", "default", "w", "run-1", "agent", "read_invoice", params='{"n":1}')
APPROVED = Outcome("i-1", "d", 7, "APPROVE", command_id="0-3")
DENIED = Outcome("i-1", "d", 7, "DENY", codes=("TOOL_DENIED",))
END = Result("0-3", "i-1", "run-1", "read_invoice", "d", "ok", "desk")


def test_an_outcome_and_then_a_result_reach_their_ticket():
    """The agent learns the decision first and the end of its command later."""
    tickets = Tickets()
    ticket = tickets.expect(INTENT, "d")
    tickets.outcome(APPROVED)
    assert ticket.decided(0) == APPROVED
    tickets.result(changed(END, status="started"))
    assert not ticket.result.done()
    tickets.result(END)
    assert ticket.ended(0) == END


def test_a_result_that_is_read_before_its_outcome_is_kept():
    """Two topics have no order between them."""
    tickets = Tickets()
    ticket = tickets.expect(INTENT, "d")
    tickets.result(END)
    assert not ticket.result.done()
    tickets.outcome(APPROVED)
    assert ticket.ended(0) == END


HELD = Outcome("i-1", "d", 6, "HOLD", codes=("HELD_BY_RULE",), hold_id="0-3")


def test_what_people_decide_reaches_the_ticket_of_a_held_call():
    """The decision stays what it was; the end of the command is heard as if it had been approved at once."""
    tickets = Tickets()
    ticket = tickets.expect(INTENT, "d")
    tickets.outcome(HELD)
    assert ticket.decided(0) == HELD
    with pytest.raises(NoAnswerError, match="nobody has decided about 0-3"):
        ticket.settled(0)
    with pytest.raises(ValueError, match="made no command: HOLD"):
        ticket.ended(0)
    tickets.result(END)  # two topics have no order between them
    tickets.outcome(changed(APPROVED, hold_id="0-3"))
    assert (ticket.decided(0), ticket.settled(0).verdict) == (HELD, "APPROVE")
    assert ticket.ended(0) == END


def test_a_held_call_that_people_reject_makes_no_command():
    """And nothing that comes later changes that."""
    tickets = Tickets()
    ticket = tickets.expect(INTENT, "d")
    tickets.outcome(HELD)
    rejected = changed(DENIED, codes=("HOLD_REJECTED",), hold_id="0-3")
    tickets.outcome(rejected)
    tickets.outcome(APPROVED)
    assert ticket.settled(0) == asyncio.run(ticket.settled_async(1)) == rejected
    with pytest.raises(ValueError, match="made no command: DENY"):
        ticket.ended(0)


def test_a_call_that_waits_for_nobody_is_settled_with_its_decision():
    """And one that is not decided is not settled either."""
    tickets = Tickets()
    ticket = tickets.expect(INTENT, "d")
    with pytest.raises(NoAnswerError, match="has not been decided"):
        ticket.settled(0)
    tickets.outcome(APPROVED)
    assert ticket.settled(0) == APPROVED


@pytest.mark.parametrize(
    ("outcome", "result"),
    [
        (changed(APPROVED, command_id="0-4"), END),
        (DENIED, END),
        (APPROVED, changed(END, intent_id="i-2")),
        (APPROVED, changed(END, digest="e")),
        (APPROVED, changed(END, status="started")),
    ],
)
def test_a_result_of_another_command_is_no_answer(outcome, result):
    """Only the end of the command that the outcome names counts."""
    tickets = Tickets()
    ticket = tickets.expect(INTENT, "d")
    tickets.outcome(outcome)
    tickets.result(result)
    assert not ticket.result.done()


@pytest.mark.parametrize("verdict", ["APPROVE", "DENY"])
def test_an_outcome_of_another_intent_with_the_same_id_is_no_answer(verdict):
    """Whoever guesses an id cannot end somebody else's wait: the digest is of what was really sent."""
    tickets = Tickets()
    ticket = tickets.expect(INTENT, "d")
    tickets.outcome(Outcome("i-1", "e", 6, verdict, command_id="0-2"))
    tickets.result(changed(END, digest="e", command_id="0-2"))
    assert not ticket.outcome.done()
    tickets.outcome(APPROVED)
    tickets.result(END)
    assert (ticket.decided(0), ticket.ended(0)) == (APPROVED, END)


def timed_out(tickets, intent=INTENT, digest="d"):
    """A ticket whose time is over."""
    ticket = tickets.expect(intent, digest)
    with pytest.raises(NoAnswerError):
        ticket.decided(0)
    return ticket


def test_a_ticket_that_times_out_is_no_longer_waited_for():
    """A client of agents that time out does not grow; the last ones are told that they were let go."""
    tickets = Tickets(kept=2)
    given_up = [timed_out(tickets, changed(INTENT, intent_id=f"i-{n}")) for n in range(5)]
    assert (len(tickets._waiting), list(tickets._late)) == (0, ["i-3", "i-4"])
    with pytest.raises(NoAnswerError, match="i-0 was given up"):
        given_up[0].outcome.result(0)
    assert not given_up[4].outcome.done()


def test_a_decision_after_the_timeout_is_found_by_the_repetition():
    """The gate answers a repetition with nothing, so the late answer to the first must be the second's."""
    tickets = Tickets()
    ticket = timed_out(tickets)
    tickets.outcome(APPROVED)
    assert tickets.expect(INTENT, "d") is ticket
    assert ticket.decided(0) == APPROVED


def test_a_repetition_after_the_timeout_waits_again():
    """The same ticket, whichever of the two intents is decided."""
    tickets = Tickets()
    ticket = timed_out(tickets)
    assert tickets.expect(INTENT, "d") is ticket
    assert (list(tickets._waiting), len(tickets._late)) == (["i-1"], 0)
    tickets.outcome(APPROVED)
    assert ticket.decided(0) == APPROVED


def test_an_id_that_was_given_up_may_be_used_for_something_else():
    """The gate tells the two apart and so does the client; who still awaits the first is told."""
    tickets = Tickets()
    first = timed_out(tickets)
    second = tickets.expect(changed(INTENT, params='{"n":2}'), "e")
    with pytest.raises(NoAnswerError, match="given up"):
        first.outcome.result(0)
    tickets.outcome(APPROVED)
    assert not second.outcome.done()
    tickets.outcome(changed(DENIED, digest="e"))
    assert second.decided(0).verdict == "DENY"


def test_giving_up_a_decided_ticket_changes_nothing():
    """The answer came just before."""
    tickets = Tickets()
    ticket = tickets.expect(INTENT, "d")
    tickets.outcome(APPROVED)
    ticket.give_up()
    assert tickets.expect(INTENT, "d") is ticket


def test_the_first_end_wins():
    """An executor that was started twice may report two ends."""
    tickets = Tickets()
    ticket = tickets.expect(INTENT, "d")
    tickets.outcome(APPROVED)
    tickets.result(END)
    tickets.result(changed(END, status="error"))
    assert ticket.ended(0) == END


def test_the_same_intent_has_the_same_ticket_before_and_after_its_decision():
    """A repetition is decided once, so there is one answer."""
    tickets = Tickets()
    ticket = tickets.expect(INTENT, "d")
    assert tickets.expect(INTENT, "d") is ticket
    tickets.outcome(APPROVED)
    assert tickets.expect(INTENT, "d") is ticket
    assert ticket.decided(0) == APPROVED


def test_an_id_with_other_content_is_refused_while_it_is_waited_for():
    """The two answers could not be told apart."""
    tickets = Tickets()
    tickets.expect(INTENT, "d")
    with pytest.raises(IntentError, match="other content"):
        tickets.expect(changed(INTENT, params='{"n":2}'), "e")


def test_an_id_with_other_content_has_a_ticket_of_its_own_after_the_decision():
    """The gate answers it, with a denial."""
    tickets = Tickets()
    first = tickets.expect(INTENT, "d")
    tickets.outcome(APPROVED)
    second = tickets.expect(changed(INTENT, params='{"n":2}'), "e")
    assert second is not first
    tickets.outcome(changed(DENIED, digest="e"))
    assert first.decided(0) == APPROVED
    assert second.decided(0) == changed(DENIED, digest="e")


def test_what_others_asked_is_passed_over():
    """Outcomes of other clients share the topic."""
    tickets = Tickets()
    tickets.outcome(APPROVED)
    tickets.result(END)
    assert not tickets.expect(INTENT, "d").outcome.done()


def test_only_so_many_decided_tickets_are_remembered():
    """A client that runs for months does not grow."""
    tickets = Tickets(kept=2)
    first = tickets.expect(INTENT, "d")
    tickets.outcome(APPROVED)
    for number in (2, 3):
        tickets.expect(changed(INTENT, intent_id=f"i-{number}"), "d")
        tickets.outcome(changed(APPROVED, intent_id=f"i-{number}"))
    assert tickets.expect(INTENT, "d") is not first


def test_no_answer_in_time_says_which_intent_and_what_to_do():
    """A timeout is an error of its own, and repeating is offered."""
    ticket = Tickets().expect(INTENT, "d")
    with pytest.raises(
        NoAnswerError, match=r"i-1 of run run-1 has not been decided[\s\S]*again is safe"
    ) as told:
        ticket.decided(0)
    assert "BAD_IDENTITY" in str(told.value)


def test_waiting_for_the_end_of_a_denied_intent_is_a_mistake():
    """There is no command, so nothing would ever come."""
    tickets = Tickets()
    ticket = tickets.expect(INTENT, "d")
    tickets.outcome(DENIED)
    with pytest.raises(ValueError, match="made no command: DENY"):
        ticket.ended(0)


def test_a_failure_reaches_whoever_waits_and_whoever_comes():
    """Nobody waits for what can no longer be heard; what is known stays known."""
    tickets = Tickets()
    decided = tickets.expect(INTENT, "d")
    tickets.outcome(APPROVED)
    waiting = tickets.expect(changed(INTENT, intent_id="i-2"), "d")
    tickets.fail(SdkError("gone"))
    assert decided.decided(0) == APPROVED
    for call in (
        lambda: decided.ended(0),
        lambda: waiting.decided(0),
        lambda: tickets.expect(changed(INTENT, intent_id="i-3"), "d"),
    ):
        with pytest.raises(SdkError, match="gone"):
            call()


def test_an_intent_that_never_left_is_forgotten():
    """It may be sent again, and is waited for anew."""
    tickets = Tickets()
    ticket = tickets.expect(INTENT, "d")
    tickets.drop(ticket, SdkError("queue full"))
    with pytest.raises(SdkError, match="queue full"):
        ticket.decided(0)
    assert tickets.expect(INTENT, "d") is not ticket


def test_a_waiter_that_gives_up_takes_nothing_from_the_others():
    """A cancelled await leaves the ticket as it was."""
    tickets = Tickets()
    ticket = tickets.expect(INTENT, "d")

    async def waiters() -> Outcome:
        impatient = asyncio.wrap_future(ticket.outcome)
        patient = asyncio.wrap_future(ticket.outcome)
        impatient.cancel()
        await asyncio.sleep(0)
        threading.Thread(target=tickets.outcome, args=(APPROVED,)).start()
        return await asyncio.wait_for(patient, 10)

    assert asyncio.run(waiters()) == APPROVED


def test_one_base_catches_whatever_the_sdk_raises():
    """Errors of the SDK and of what lies below it; nobody needs a list of them."""
    for kind in (sdk.SdkError, sdk.NoAnswerError, sdk.UnreachableError, sdk.SettingsError):
        assert issubclass(kind, sdk.ToolgateError)
