"""Figures: rows by workflow, version and time, fed at least once."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st
from pulses import BEGIN_MS, pulse

from toolgate.schemas.records import Level as Reported
from toolgate.schemas.records import Pulse, Review
from toolgate.streams.watch.figures import (
    EVER,
    MINUTE_MS,
    MINUTES_KEPT,
    QUARTER_MS,
    VERSIONS_KEPT,
    VERSIONS_MAX,
    Figures,
    Key,
    loaded,
    packed_key,
    unpacked_key,
    written,
)
from toolgate.streams.watch.rows import REVIEWED_MAX, Row, packed, unpacked

DAY_MS = 86_400_000
T = BEGIN_MS


def review(
    finding: str, minutes: int = 4, approved_at: int = T, command: str = "0-1", version: str = "v1"
) -> Review:
    """What somebody found."""
    return Review("r", command, "default", "desk", "run", version, "ann", finding, "", minutes, approved_at)


@dataclass
class Table:
    """What a table has after all that was written."""

    rows: dict[bytes, bytes] = field(default_factory=dict)

    def write(self, changes: list) -> None:
        """Apply what is to be written."""
        for key, value in written(changes):
            if value is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = value


pulses = st.builds(
    pulse,
    clk=st.integers(T, T + 3 * DAY_MS),
    workflow=st.sampled_from(["desk", "ops"]),
    version=st.sampled_from(["v1", "v2"]),
    intents=st.integers(0, 50),
    denied=st.integers(0, 50),
    tools=st.dictionaries(st.sampled_from("abc"), st.integers(1, 9)),
    finished=st.dictionaries(st.sampled_from(["succeeded", "failed"]), st.integers(1, 9)),
    detection_ms_max=st.integers(0, 99),
)


def folded(history: list[Pulse], begin: int = 0, figures: Figures | None = None) -> tuple[Figures, Table]:
    """The figures after a history, and the table that was written meanwhile."""
    made, table = figures or Figures(), Table()
    for offset, one in enumerate(history[begin:], start=begin):
        table.write(made.take(0, offset, one))
    return made, table


@given(st.lists(pulses, max_size=40), st.data())
def test_what_is_read_again_changes_nothing(history: list[Pulse], data: st.DataObject) -> None:
    """From whatever offset a worker reads again, figures and table end as if it had read once."""
    once, table = folded(history)
    again = data.draw(st.integers(0, len(history)))
    restarted = loaded(table.rows, {0})
    assert dict(restarted.all_rows()) == dict(once.all_rows())
    for offset, one in enumerate(history[again:], start=again):
        table.write(restarted.take(0, offset, one))
    assert dict(restarted.all_rows()) == dict(once.all_rows())


@given(st.lists(pulses, min_size=1, max_size=40), st.data())
def test_a_crash_in_the_middle_of_a_record_changes_nothing(history: list[Pulse], data: st.DataObject) -> None:
    """A table that got only some of the rows of its last records is completed by reading them again."""
    once, _ = folded(history)
    figures, changes = Figures(), []
    for offset, one in enumerate(history):
        changes += list(written(figures.take(0, offset, one)))
    got = Table()
    cut = data.draw(st.integers(0, len(changes)))
    for key, value in changes[:cut]:
        if value is None:
            got.rows.pop(key, None)
        else:
            got.rows[key] = value
    restarted = loaded(got.rows, {0})
    for offset, one in enumerate(history):
        restarted.take(0, offset, one)
    assert dict(restarted.all_rows()) == dict(once.all_rows())


@given(st.lists(pulses, max_size=40))
def test_the_row_of_all_time_is_the_sum(history: list[Pulse]) -> None:
    """Nothing that was read is missing in it, whatever windows have forgotten."""
    figures, _ = folded(history)
    sums = [row for key, row in figures.all_rows() if key.grain == EVER]
    assert sum(row.intents for row in sums) == sum(one.intents for one in history)
    assert sum(row.tools.get("a", 0) for row in sums) == sum(one.tools.get("a", 0) for one in history)
    assert sum(row.pulses for row in sums) == len(history)


@given(st.lists(pulses, max_size=40), st.integers(1, MINUTES_KEPT))
def test_a_window_of_minutes_is_what_happened_in_it(history: list[Pulse], minutes: int) -> None:
    """Told by brute force over the pulses themselves."""
    ordered = sorted(history, key=lambda one: one.clk)
    figures, _ = folded(ordered)
    for workflow in figures.workflows.values():
        end = workflow.clk - workflow.clk % MINUTE_MS + MINUTE_MS
        inside = [
            one.intents
            for one in ordered
            if one.workflow_id == workflow.workflow_id and end - minutes * MINUTE_MS <= one.clk < end
        ]
        assert workflow.window(end, minutes * MINUTE_MS).intents == sum(inside)


def test_a_long_window_is_made_of_quarters() -> None:
    """One of six hours holds the quarters that had not ended before it began."""
    figures, _ = folded([pulse(T + n * QUARTER_MS, intents=1) for n in range(40)])
    workflow = figures.workflows[0, "default", "desk"]
    assert workflow.window(T + 40 * QUARTER_MS, 24 * QUARTER_MS).intents == 24
    assert workflow.window(T + 39 * QUARTER_MS + MINUTE_MS, 24 * QUARTER_MS).intents == 25


def test_versions_are_apart_and_together() -> None:
    """A window is of one version, or of all."""
    figures, _ = folded([pulse(intents=1), pulse(version="v2", intents=2)])
    workflow = figures.workflows[0, "default", "desk"]
    end = T + MINUTE_MS
    found = [workflow.window(end, MINUTE_MS, version).intents for version in ("v1", "v2", None, "v3")]
    assert found == [1, 2, 3, 0]


def test_old_rows_are_forgotten_in_the_table_too() -> None:
    """Of minutes so many are kept, and the table keeps no more than memory does."""
    figures, table = folded([pulse(T + n * MINUTE_MS, intents=1) for n in range(3 * MINUTES_KEPT)])
    version = figures.workflows[0, "default", "desk"].versions["v1"]
    assert len(version.minutes) == MINUTES_KEPT
    assert len(table.rows) == len(dict(figures.all_rows()))
    assert version.ever.intents == 3 * MINUTES_KEPT


def test_rows_of_a_version_that_is_over_are_forgotten() -> None:
    """As soon as they are old for the workflow, in the table too, with those of reviews alone."""
    figures, table = folded([pulse(version="v2"), pulse(T + DAY_MS, version="v2")])
    table.write(figures.hear(0, 0, review("right"), T + DAY_MS))
    table.write(figures.take(0, 2, pulse(T + 9 * DAY_MS, version="v2")))
    version = figures.workflows[0, "default", "desk"].versions["v1"]
    assert (version.minutes, version.quarters, version.ever.findings) == ({}, {}, {"right": 1})
    assert set(table.rows) == {packed_key(key) for key, _ in figures.all_rows()}


def test_a_pulse_that_comes_too_late_counts_where_it_still_can() -> None:
    """Its minute is forgotten and not begun anew; the sum of all time has it."""
    figures, table = folded([pulse(T + DAY_MS, intents=1), pulse(T, intents=1)])
    version = figures.workflows[0, "default", "desk"].versions["v1"]
    assert (len(version.minutes), len(version.quarters), version.ever.intents) == (1, 2, 2)
    assert set(table.rows) == {packed_key(key) for key, _ in figures.all_rows()}


def test_old_versions_are_forgotten() -> None:
    """Of a workflow that changes its policy every day, the versions that were heard of last."""
    figures, table = folded([pulse(T + n * DAY_MS, version=f"v{n}") for n in range(VERSIONS_KEPT + 3)])
    assert sorted(figures.workflows[0, "default", "desk"].versions) == sorted(
        f"v{n}" for n in range(3, VERSIONS_KEPT + 3)
    )
    assert {unpacked_key(key).version for key in table.rows} == {f"v{n}" for n in range(3, VERSIONS_KEPT + 3)}


def test_a_day_of_new_versions_takes_nothing_from_a_window() -> None:
    """Whoever tunes any policy of a set makes a new version for all of its workflows."""
    count = 3 * VERSIONS_KEPT
    figures, table = folded([pulse(T + n * QUARTER_MS, version=f"v{n}", intents=1) for n in range(count)])
    assert figures.workflows[0, "default", "desk"].window(T + DAY_MS, DAY_MS).intents == count
    assert len({unpacked_key(key).version for key in table.rows}) == count


def test_versions_are_bounded() -> None:
    """Those that were heard of last."""
    figures, table = folded([pulse(T + n * MINUTE_MS, version=f"v{n}") for n in range(VERSIONS_MAX + 5)])
    kept = {f"v{n}" for n in range(5, VERSIONS_MAX + 5)}
    assert set(figures.workflows[0, "default", "desk"].versions) == kept
    assert {unpacked_key(key).version for key in table.rows} == kept


def test_partitions_of_others_are_not_loaded() -> None:
    """What another worker owns now is not counted here."""
    figures, table = folded([pulse(intents=1)])
    assert loaded(table.rows, {0}).workflows.keys() == figures.workflows.keys()
    assert not loaded(table.rows, {1}).workflows


def test_reviews_count_beside_pulses() -> None:
    """Each has marks of its own: the offsets of two topics say nothing of each other."""
    figures, table = folded([pulse(intents=1), pulse(intents=1)])
    for offset, one in enumerate([review("right"), review("wrong", command="0-2")]):
        table.write(figures.hear(0, offset, one, T + 5_000))
    assert figures.hear(0, 1, review("wrong", command="0-2"), T + 5_000) == []
    row = figures.workflows[0, "default", "desk"].versions["v1"].ever
    assert row.findings == {"right": 1, "wrong": 1}
    assert (row.review_minutes, row.detected, row.detection_ms, row.intents) == (8, 1, 5_000, 2)
    assert dict(loaded(table.rows, {0}).all_rows()) == dict(figures.all_rows())


def test_of_a_command_the_first_finding_counts() -> None:
    """A second reviewer, a correction, a record that is delivered again: only their minutes are added."""
    figures, table = Figures(), Table()
    words = ["unsure", "wrong", "wrong", "right", "unsure"]
    for offset, finding in enumerate(words):
        table.write(figures.hear(0, offset, review(finding), T + offset * MINUTE_MS))
    row = figures.workflows[0, "default", "desk"].versions["v1"].ever
    assert row.findings == {"unsure": 2, "wrong": 1}
    assert (row.detected, row.detection_ms, row.review_minutes) == (1, MINUTE_MS, 20)
    restarted = loaded(table.rows, {0})
    restarted.hear(0, len(words), review("right"), T + DAY_MS)
    assert restarted.workflows[0, "default", "desk"].versions["v1"].ever.findings == row.findings


reviews = st.builds(
    review,
    finding=st.sampled_from(["right", "wrong", "unsure"]),
    minutes=st.integers(0, 9),
    command=st.sampled_from(["0-1", "0-2", "0-3"]),
    version=st.sampled_from(["v1", "v2"]),
)


@given(st.lists(st.tuples(reviews, st.integers(T, T + 2 * DAY_MS)), min_size=1, max_size=30), st.data())
def test_a_crash_in_the_middle_of_a_review_changes_nothing(
    history: list[tuple[Review, int]], data: st.DataObject
) -> None:
    """Read again from the record that was cut, or from any before it, it ends as if it had been read once."""
    once, got = Figures(), Table()
    cut = data.draw(st.integers(0, len(history) - 1))
    for offset, (one, time_ms) in enumerate(history):
        changes = once.hear(0, offset, one, time_ms)
        if offset < cut:
            got.write(changes)
        elif offset == cut:
            got.write(changes[: data.draw(st.integers(0, len(changes)))])
    restarted = loaded(got.rows, {0})
    again = data.draw(st.integers(0, cut))
    for offset, (one, time_ms) in enumerate(history[again:], start=again):
        restarted.hear(0, offset, one, time_ms)
    assert dict(restarted.all_rows()) == dict(once.all_rows())


def test_reviewed_commands_that_are_remembered_are_bounded() -> None:
    """The newest; one that is older counts again, and a version that is forgotten takes them with it."""
    figures, table = Figures(), Table()
    for offset in range(REVIEWED_MAX + 5):
        table.write(figures.hear(0, offset, review("right", command=f"0-{offset}"), T))
    version = figures.workflows[0, "default", "desk"].versions["v1"]
    assert list(version.reviewed.reviewed) == [f"0-{n}" for n in range(5, REVIEWED_MAX + 5)]
    assert version.ever.findings == {"right": REVIEWED_MAX + 5}
    for offset in range(VERSIONS_MAX):
        table.write(figures.take(0, offset, pulse(T + offset, version=f"w{offset}")))
    assert set(table.rows) == {packed_key(key) for key, _ in figures.all_rows()}
    assert "v1" not in {unpacked_key(key).version for key in table.rows}


def test_what_is_remembered_of_reviews_fits_into_a_record() -> None:
    """Whoever may review could name commands of any length: a row that no changelog takes would end the watch."""
    figures = Figures()
    for n in range(REVIEWED_MAX):
        figures.hear(0, n, review("right", command=f"{n:04}" + "\U0001f600" * 5_000), T)
    memory = figures.workflows[0, "default", "desk"].versions["v1"].reviewed
    assert len(memory.reviewed) == REVIEWED_MAX
    assert len(packed(memory)) < 1_000_000


def test_of_a_limit_the_fullest_account_is_kept() -> None:
    """Of one account the newest, of several the fullest; a later minute stands for the one before."""

    def at(clk: int, account: str, used: int) -> Pulse:
        return pulse(clk, levels=(Reported("budgets[0]", "workflow", account, "usd_micros", used, 100),))

    figures, _ = folded([at(T, "a", 50), at(T, "b", 40), at(T, "a", 30), at(T + MINUTE_MS, "b", 60)])
    workflow = figures.workflows[0, "default", "desk"]
    first = workflow.versions["v1"].minutes[T].levels["budgets[0]"]
    assert (first.account, first.used) == ("a", 30)
    assert workflow.window(T + 2 * MINUTE_MS, 2 * MINUTE_MS).levels["budgets[0]"].account == "b"


def test_rows_and_keys_are_read_as_they_were_written() -> None:
    """Also those of a version that had fewer fields."""
    key = Key(3, "default", "desk", "v1", EVER, 0)
    assert unpacked_key(packed_key(key)) == key
    row = Row(intents=3, codes={"A": 1})
    assert unpacked(packed(row)) == row
    assert unpacked(b"\x92\x07\x08") == Row(mark=7, told=8)


def test_a_table_from_before_reviews_were_remembered_is_read() -> None:
    """What it has counted stays counted, and a review that it has is not added again."""
    key, old = Key(0, "default", "desk", "v1", EVER, 0), Row(told=0, findings={"wrong": 1})
    figures = loaded({packed_key(key): packed(old)}, {0})
    for offset, finding in enumerate(["wrong", "right"]):
        figures.hear(0, offset, review(finding), T)
    assert figures.workflows[0, "default", "desk"].versions["v1"].ever.findings == {"wrong": 1}


def test_a_row_has_the_fullest_account_as_it_stands_now() -> None:
    """Whatever others a pulse tells behind the fullest; what it says of the one that stood fullest is newer."""

    def told(*used: tuple[str, int]) -> Pulse:
        return pulse(
            levels=tuple(Reported("budgets[0]", "agent", name, "usd_micros", n, 100) for name, n in used)
        )

    def fullest(*pulses: Pulse) -> tuple[str, int]:
        figures = Figures()
        for offset, one in enumerate(pulses):
            figures.take(0, offset, one)
        level = figures.workflows[0, "default", "desk"].versions["v1"].ever.levels["budgets[0]"]
        return level.account, level.used

    assert fullest(told(("a", 90)), told(("c", 80), ("a", 60))) == ("c", 80)
    assert fullest(told(("a", 90)), told(("c", 80), ("b", 60))) == ("a", 90)
    assert fullest(told(("a", 90)), told(("b", 90), ("a", 90))) == ("a", 90)
    assert fullest(told(("a", 60)), told(("b", 80), ("a", 70))) == ("b", 80)
