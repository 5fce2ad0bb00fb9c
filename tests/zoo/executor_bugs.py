"""Bugs of executors and clients: an effect twice, an effect in spite of a kill, another one's answer."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from bug import in_tests

from toolgate.schemas.frozen import changed
from toolgate.sdk import history, rounds, stops
from toolgate.sdk.history import History, Progress, Todo
from toolgate.sdk.tickets import Tickets

if TYPE_CHECKING:
    import pytest


def run_again_after_a_crash(patch: pytest.MonkeyPatch) -> None:
    """A command that was started before a crash is run again, whether or not it may be."""
    todo = history.todo

    def eager(known: History, command: Any, refusal: str) -> Todo:
        started = known.progress(command) == Progress.STARTED
        return Todo.RUN_AGAIN if started and not refusal else todo(known, command, refusal)

    patch.setattr(history, "todo", eager)
    patch.setattr(rounds, "todo", eager)


def starts_forgotten(patch: pytest.MonkeyPatch) -> None:
    """What was read back counts only once it has ended: a STARTED says nothing."""
    add = History.add

    def ends_only(self: History, result: Any) -> None:
        if result.status != "started":
            add(self, result)

    patch.setattr(History, "add", ends_only)


def too_old_to_tell_is_new(patch: pytest.MonkeyPatch) -> None:
    """A command older than what was read back is run: nothing was read of it."""
    patch.setattr(History, "covers", lambda _self, _command: True)


def ends_taken_back(patch: pytest.MonkeyPatch) -> None:
    """A later STARTED opens a command again that has ended."""
    add = History.add

    def reopening(self: History, result: Any) -> None:
        self._ended.discard(history.key_of(result))
        add(self, result)

    patch.setattr(History, "add", reopening)


def commands_by_id_alone(patch: pytest.MonkeyPatch) -> None:
    """A result of a command with the same id and another digest counts as this one's."""
    patch.setattr(history, "key_of", lambda record: (record.command_id, ""))


def silence_of_control(patch: pytest.MonkeyPatch) -> None:
    """Where the end of control cannot be learnt, nothing counts as stopped."""
    why = stops.Stops.why

    def hopeful(self: stops.Stops, command: Any) -> str:
        said = why(self, command)
        return "" if said == stops.UNKNOWN else said

    patch.setattr(stops.Stops, "why", hopeful)


def control_read_once(patch: pytest.MonkeyPatch) -> None:
    """What the operators have stopped is read when an executor begins, and never again."""
    patch.setattr(stops, "LOOK_S", inf)


def expiry_left_to_the_gate(patch: pytest.MonkeyPatch) -> None:
    """An executor runs a command however late it comes to it."""
    patch.setattr(rounds.Rounds, "_refusal", lambda self, command: self._stops.why(command))


def stopped_before_its_start(patch: pytest.MonkeyPatch) -> None:
    """Kills are looked at before STARTED is committed, not again right before the effect."""
    patch.setattr(
        rounds.Rounds,
        "_begin",
        lambda self, partition, command, start: self._effects.begin(partition, command, start),
    )


def answers_by_id_alone(patch: pytest.MonkeyPatch) -> None:
    """A client takes the outcome of another intent with the same id for its own."""
    outcome = Tickets.outcome

    def anybody(self: Tickets, one: Any) -> None:
        ticket = self._waiting.get(one.intent_id)
        outcome(self, changed(one, digest=ticket.digest) if ticket else one)

    patch.setattr(Tickets, "outcome", anybody)


_HISTORY, _EXECUTOR = "unit/sdk/test_history.py::", "unit/sdk/test_executor.py::"
_ONCE = _HISTORY + "test_whatever_crashes_and_is_rewound_an_effect_is_there_at_most_once"
BUGS = (
    in_tests(run_again_after_a_crash, _HISTORY + "test_what_is_left_depends_on_how_far_it_came", _ONCE),
    in_tests(starts_forgotten, _HISTORY + "test_what_is_left_depends_on_how_far_it_came", _ONCE),
    in_tests(
        too_old_to_tell_is_new,
        _HISTORY + "test_nothing_is_said_of_a_command_that_is_older_than_what_was_read",
    ),
    in_tests(ends_taken_back, _HISTORY + "test_the_first_end_is_final"),
    in_tests(commands_by_id_alone, _HISTORY + "test_a_result_of_another_command_says_nothing"),
    in_tests(silence_of_control, "unit/sdk/test_stops.py::test_what_cannot_be_learnt_counts_as_stopped"),
    in_tests(
        control_read_once,
        "unit/sdk/test_stops.py::test_looks_again_after_a_quarter_of_a_second_and_reads_only_what_is_new",
    ),
    in_tests(
        expiry_left_to_the_gate,
        _EXECUTOR + "test_what_has_expired_or_is_stopped_ends_as_void_in_the_transaction",
        _EXECUTOR + "test_a_slow_clock_does_not_run_what_has_expired",
    ),
    in_tests(
        stopped_before_its_start,
        _EXECUTOR + "test_a_command_that_is_stopped_while_its_start_is_committed_is_not_run",
    ),
    in_tests(
        answers_by_id_alone,
        "unit/sdk/test_tickets.py::test_an_outcome_of_another_intent_with_the_same_id_is_no_answer",
    ),
)
