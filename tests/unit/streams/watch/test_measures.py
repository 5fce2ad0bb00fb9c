"""Measures: what operators care about, from a row."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.streams.watch import measures
from toolgate.streams.watch.measures import Prices
from toolgate.streams.watch.rows import Level, Row

PRICES = Prices(minute_micros=1_000, word_minutes=3, remedy_minutes=30)


@pytest.mark.parametrize(
    ("measure", "row", "count", "total"),
    [
        (measures.success, Row(), 0, 0),
        (measures.success, Row(finished={"succeeded": 3, "failed": 1, "abandoned": 1}), 3, 5),
        (measures.success, Row(finished={"succeeded": 3, "unreported": 2}), 3, 5),
        (measures.success, Row(finished={"succeeded": 3}, findings={"wrong": 1, "right": 7}), 2, 3),
        (measures.success, Row(finished={"succeeded": 1}, findings={"wrong": 4}), 0, 1),
        (measures.intervention, Row(intents=10, held=2, drafted=1), 3, 10),
        (measures.denial, Row(intents=10, denied=4), 4, 10),
        (measures.tool_error, Row(intents=10, results={"ok": 6, "error": 1, "unknown": 1, "void": 2}), 2, 10),
        (
            measures.tool_error,
            Row(denied=3, codes={"PARAMS_SCHEMA": 2, "KILLED": 1}, results={"ok": 8}),
            2,
            10,
        ),
        (measures.tool_error, Row(duplicates=1, results={"ok": 3}), 1, 4),
    ],
)
def test_shares(measure, row: Row, count: int, total: int) -> None:
    """Each measure, as good or bad ones of all."""
    found = measure(row)
    assert (found.count, found.total) == (count, total)
    assert found.ratio == (count / total if total else None)


def test_an_outcome_costs_what_calls_and_people_cost() -> None:
    """Two votes and a review are minutes, a failed command is half an hour; runs that succeeded pay for all."""
    row = Row(
        settled_micros=5_000,
        cost_micros=9_000,
        results={"ok": 3, "error": 1},
        words={"approve": 1, "reject": 1, "withdraw": 5},
        review_minutes=4,
        finished={"succeeded": 2, "failed": 1},
    )
    spent = measures.cost(row, PRICES)
    assert (spent.calls, spent.review, spent.remedy) == (5_000, 10_000, 30_000)
    assert measures.unit_cost(row, PRICES) == 22_500


def test_what_is_reserved_counts_until_a_result_says_more() -> None:
    """A workflow whose executors report nothing is not free."""
    assert measures.cost(Row(cost_micros=700), PRICES).calls == 700


def test_no_outcome_has_no_unit_cost() -> None:
    """Nothing is divided by nothing."""
    assert measures.unit_cost(Row(cost_micros=7), PRICES) is None


def test_detection_is_a_mean_and_a_longest() -> None:
    """Over the commands that were found wrong."""
    found = measures.detection(Row(detected=2, detection_ms=30, detection_ms_max=20))
    assert (found.count, found.mean_ms, found.longest_ms) == (2, 15.0, 20)
    assert measures.detection(Row()).mean_ms is None


@given(st.lists(st.integers(0, 5_000), min_size=1, max_size=200), st.floats(0.01, 1))
def test_a_percentile_is_that_of_the_sorted_list(values: list[int], share: float) -> None:
    """The nearest-rank definition."""
    tally: dict[str, int] = {}
    for value in values:
        tally[str(value)] = tally.get(str(value), 0) + 1
    found = measures.percentile(tally, share)
    at_most = sum(value <= found for value in values)
    below = sum(value < found for value in values)
    assert at_most >= share * len(values) - 1e-9
    assert below < share * len(values) + 1e-9


def test_the_blast_radius_and_its_limit() -> None:
    """The most that an account touched; and how near one came to the limit that is its own, not another's."""
    row = Row(records={"1": 90, "50": 1})
    agent = Level("blast_radius[0]", "agent", "a", "records", 50, 60)
    run = Level("blast_radius[1]", "run", "r", "records", 2, 3)
    for level in (agent, run, Level("budgets[0]", "run", "b", "usd_micros", 2, 2)):
        row.levels[level.rule] = level
    assert (measures.widest(row), measures.percentile(row.records, 0.99)) == (50, 50)
    assert measures.blast_radius(row) == agent
    assert (measures.widest(Row()), measures.blast_radius(Row())) == (None, None)


def test_the_limit_of_single_runs_hides_none_that_they_share() -> None:
    """A run that touches all it may has done its work; where there is no other limit, it is shown."""
    run = Level("blast_radius[0]", "run", "r", "records", 3, 3)
    agent = Level("blast_radius[1]", "agent", "a", "records", 6, 60)
    assert measures.blast_radius(Row(levels={"blast_radius[0]": run, "blast_radius[1]": agent})) == agent
    assert measures.blast_radius(Row(levels={"blast_radius[0]": run})) == run


def test_of_a_window_the_fullest_blast_radius_counts() -> None:
    """A run that was nearly at its limit shows until the window has passed, whatever later runs do."""
    near, later = (
        Level("blast_radius[0]", "run", run, "records", used, 20) for run, used in (("a", 19), ("b", 1))
    )
    row = Row(levels={"blast_radius[0]": near})
    row.merge(Row(levels={"blast_radius[0]": later}))
    assert measures.blast_radius(row) == near


def test_findings_of_a_sample_speak_of_all_completed_work() -> None:
    """Each version weighs as many as it completed, however few were looked at."""
    old = Row(results={"ok": 900, "error": 50, "unknown": 50, "void": 7}, findings={"right": 9, "wrong": 1})
    new = Row(results={"ok": 1_000}, findings={"right": 5, "unsure": 3})
    found = measures.reviewed([old, new])
    assert (found.rate, found.wrong, found.judged) == (0.05, 100, 15)
    assert found.low < 0.05 < found.high
    assert measures.reviewed([Row(results={"ok": 9})]) is None


def test_what_was_not_drawn_is_no_part_of_the_sample() -> None:
    """Whoever looks at a command because it went wrong says nothing of all others by it."""
    row = Row(results={"ok": 1_000}, findings={"right": 9, "wrong": 6}, undrawn={"wrong": 5})
    found = measures.reviewed([row])
    assert (found.rate, found.judged) == (0.1, 10)
    assert measures.success(Row(finished={"succeeded": 9}, findings=row.findings)).count == 3


def test_calls_go_wrong_in_three_ways() -> None:
    """What is denied for other reasons is none of them: it has a share of its own."""
    codes, results = {"PARAMS_SCHEMA": 4, "BUDGET_EXCEEDED": 5}, {"ok": 6, "error": 1, "unknown": 2}
    row = Row(denied=9, duplicates=2, codes=codes, results=results)
    assert measures.tool_errors(row) == {"failed": 3, "invalid_params": 4, "retried": 2}
    assert measures.tool_error(row) == measures.Share(9, 15)
