"""Bugs of the watch: figures that a crash changes, and orders that let something do more."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from bug import in_tests
from faust.transport.drivers import aiokafka as driver

from toolgate.streams.watch import ladder, measures, reporting
from toolgate.streams.watch.figures import Figures
from toolgate.streams.watch.rows import Row
from toolgate.streams.watch.runs import Runs
from toolgate.streams.watch.transport import Consumer

if TYPE_CHECKING:
    import pytest


def rows_without_marks(patch: pytest.MonkeyPatch) -> None:
    """A row takes whatever it is given: what is read again counts again."""
    take = Row.take

    def counting(self: Row, pulse: Any, offset: int) -> bool:
        self.mark = -1
        return take(self, pulse, offset)

    patch.setattr(Row, "take", counting)


def runs_without_marks(patch: pytest.MonkeyPatch) -> None:
    """What a run did counts again when it is read again."""
    take = Runs._take

    def counting(self: Runs, key: Any, topic: str, offset: int, *rest: Any) -> Any:
        if (state := self._of(key).get(key)) is not None:
            state.marks.pop(topic, None)
        return take(self, key, topic, offset, *rest)

    patch.setattr(Runs, "_take", counting)


def one_mark_for_all_rows(patch: pytest.MonkeyPatch) -> None:
    """A record is passed over as soon as one of its rows has it: a crash between them loses the others."""
    take = Figures.take

    def trusting(self: Figures, partition: int, offset: int, pulse: Any) -> Any:
        workflow = self.workflows.get((partition, pulse.tenant, pulse.workflow_id))
        version = workflow.versions.get(pulse.policy_digest) if workflow else None
        return [] if version and version.ever.mark >= offset else take(self, partition, offset, pulse)

    patch.setattr(Figures, "take", trusting)


def commits_before_its_changelog(patch: pytest.MonkeyPatch) -> None:
    """An offset is committed although the changelog may never get what came of it."""

    async def at_once(self: Consumer, *offsets: Any) -> bool:
        return bool(await driver.Consumer._commit_offsets(self, *offsets))

    patch.setattr(Consumer, "_commit_offsets", at_once)


def commits_when_as_many_rows_are_written(patch: pytest.MonkeyPatch) -> None:
    """A row that was sent later counts for one that the broker does not have yet."""

    async def any_of_them(self: Consumer, *offsets: Any) -> bool:
        sent = len(rows := self.app.tables[0].pending)
        while sum(row.done() for row in rows) < sent:  # noqa: ASYNC110 - no event says so
            await asyncio.sleep(0)
        return bool(await driver.Consumer._commit_offsets(self, *offsets))

    patch.setattr(Consumer, "_commit_offsets", any_of_them)


def hands_on_while_it_goes_back(patch: pytest.MonkeyPatch) -> None:
    """After a rebalance records are handed on while the consumer still asks where to go on."""

    async def meanwhile(self: Consumer) -> None:
        await driver.Consumer.perform_seek(self)

    patch.setattr(Consumer, "perform_seek", meanwhile)


def demotes_for_one_cause_again(patch: pytest.MonkeyPatch) -> None:
    """A rung is lost for figures that were counted before the last move."""
    decide = ladder.decide

    def forgetful(standing: Any, broken: Any, **rest: Any) -> Any:
        fresh = ladder.Standing(standing.policy_mode, standing.ordered)
        return decide(fresh, broken, **rest)

    patch.setattr(ladder, "decide", forgetful)


def orders_what_loosens(patch: pytest.MonkeyPatch) -> None:
    """Nobody looks whether an order lets through more than the one that stands."""
    patch.setattr(reporting, "looser", lambda *_: False)


def failures_are_free(patch: pytest.MonkeyPatch) -> None:
    """What an outcome costs leaves out the runs that came to nothing."""
    cost = measures.cost

    def of_successes(row: Row, prices: Any) -> Any:
        found, share = cost(row, prices), measures.success(row)
        return measures.Cost(found.calls * share.count // max(1, share.total), found.review, found.remedy)

    patch.setattr(measures, "cost", of_successes)


_UNIT = "unit/streams/watch"
BUGS = (
    in_tests(rows_without_marks, f"{_UNIT}/test_figures.py::test_what_is_read_again_changes_nothing"),
    in_tests(runs_without_marks, f"{_UNIT}/test_runs.py::test_what_is_read_again_changes_nothing"),
    in_tests(
        one_mark_for_all_rows,
        f"{_UNIT}/test_figures.py::test_a_crash_in_the_middle_of_a_record_changes_nothing",
    ),
    in_tests(
        commits_before_its_changelog, f"{_UNIT}/test_transport.py::test_an_offset_waits_for_the_changelog"
    ),
    in_tests(
        commits_when_as_many_rows_are_written,
        f"{_UNIT}/test_transport.py::test_an_offset_waits_for_the_changelog",
    ),
    in_tests(
        hands_on_while_it_goes_back,
        f"{_UNIT}/test_transport.py::test_nothing_is_handed_on_while_it_goes_back",
    ),
    in_tests(demotes_for_one_cause_again, f"{_UNIT}/test_judging.py::test_one_cause_moves_once"),
    in_tests(orders_what_loosens, f"{_UNIT}/test_reporting.py::test_nothing_is_ordered_that_loosens"),
    in_tests(
        failures_are_free, f"{_UNIT}/test_measures.py::test_an_outcome_costs_what_calls_and_people_cost"
    ),
)
