"""Open runs: which end without a word, when, whose they count as, and what a crash leaves of that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from pulses import BEGIN_MS, pulse

from toolgate.processors.claims import RUN_IDLE_MS
from toolgate.streams.watch import open_runs
from toolgate.streams.watch.figures import Figures, loaded, written
from toolgate.streams.watch.open_runs import HOUR_MS, OpenRuns
from toolgate.streams.watch.rows import UNREPORTED

if TYPE_CHECKING:
    import pytest

    from toolgate.schemas.records import Pulse

Rows = dict[bytes, bytes]
RUNS = ("r1", "r2", "r3")


def said(history: list[Pulse]) -> list[dict[tuple[str, str, str], int]]:
    """What each pulse shows to have ended without a word."""
    runs = OpenRuns()
    return [dict(runs.take(0, one)[1]) for one in history]


def test_a_run_that_says_what_came_of_it_is_no_longer_open() -> None:
    """In the same pulse as well."""
    late = pulse(BEGIN_MS + 9 * RUN_IDLE_MS)
    assert said([pulse(active=("r1",)), pulse(ended=("r1",)), late]) == [{}, {}, {}]
    assert said([pulse(active=("r1",), ended=("r1", "never heard of")), late]) == [{}, {}]


def test_a_silent_run_has_ended_when_the_ledger_has_ended_it_for_certain() -> None:
    """A day after the end of the hour of its last approval; under the version of that one, once."""
    over_ms = BEGIN_MS + HOUR_MS + HOUR_MS + RUN_IDLE_MS
    history = [
        pulse(active=("r1", "r2")),
        pulse(BEGIN_MS + HOUR_MS, version="v2", active=("r1",)),
        pulse(over_ms - HOUR_MS - 1, version="v3"),
        pulse(over_ms - HOUR_MS, version="v3"),
        pulse(over_ms - 1, version="v3"),
        pulse(over_ms, workflow="another", version="v3"),
        pulse(over_ms + RUN_IDLE_MS, version="v3"),
    ]
    assert said(history) == [
        {}, {}, {}, {("default", "desk", "v1"): 1}, {}, {("default", "desk", "v2"): 1}, {},
    ]  # fmt: skip


def test_partitions_and_workflows_have_their_own() -> None:
    """The time of one partition ends no run of another; a run of the same name is another workflow's."""
    runs = OpenRuns()
    for partition, workflow in ((0, "desk"), (0, "till"), (1, "desk")):
        runs.take(partition, pulse(workflow=workflow, active=("r1",)))
    assert runs.take(0, pulse(workflow="till", ended=("r1",)))[1] == {}
    assert runs.take(0, pulse(BEGIN_MS + 2 * RUN_IDLE_MS))[1] == {("default", "desk", "v1"): 1}
    assert [key.partition for key in runs.rows()] == [1]


def test_a_busy_run_is_written_once_an_hour() -> None:
    """Or where its policy changes."""
    runs = OpenRuns()

    def writes(ms: int, version: str = "v1") -> int:
        return len(runs.take(0, pulse(BEGIN_MS + ms, version=version, active=("r1",)))[0])

    assert [writes(0), writes(1), writes(HOUR_MS - 1), writes(HOUR_MS), writes(HOUR_MS, "v2")] == [
        1,
        0,
        0,
        1,
        1,
    ]
    assert writes(10, "v2") == 0, "a pulse that comes late takes it back by no hour"


def test_there_are_only_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are followed go on being followed."""
    monkeypatch.setattr(open_runs, "OPEN_MAX", 2)
    runs = OpenRuns()
    runs.take(0, pulse(active=("r1", "r2", "r3")))
    runs.take(0, pulse(BEGIN_MS + HOUR_MS, active=("r1", "r2", "r3")))
    assert sorted((key.run_id, run.hour_ms - BEGIN_MS) for key, run in runs.rows().items()) == [
        ("r1", HOUR_MS), ("r2", HOUR_MS),
    ]  # fmt: skip
    assert len(runs) == 2


steps = st.sampled_from([0, 1_000, -HOUR_MS // 2, HOUR_MS // 2, HOUR_MS, 9 * HOUR_MS, RUN_IDLE_MS])
some_runs = st.lists(st.sampled_from(RUNS), unique=True, max_size=2).map(tuple)
histories = st.lists(
    st.tuples(
        steps,
        st.sampled_from(["desk", "till"]),
        st.sampled_from(["v1", "v2"]),
        some_runs,
        st.just(()) | some_runs,
    ),
    min_size=6,
    max_size=25,
)


def _pulses(drawn: list[tuple[int, str, str, tuple[str, ...], tuple[str, ...]]]) -> list[Pulse]:
    made, clk = [], BEGIN_MS
    for step_ms, workflow, version, active, ended in drawn:
        clk += step_ms
        mine, done = ([f"{workflow}-{run}" for run in runs] for runs in (active, ended))
        fields = {"active": tuple(mine), "ended": tuple(run for run in done if run not in mine)}
        made.append(pulse(clk, workflow, version, **fields, finished={"succeeded": 1} if done else {}))
    return made


class Worker:
    """Folds as the watch does; `log` has each row that was written, in order, and where a worker waits for its rows."""

    def __init__(self, figures: Figures, runs: OpenRuns) -> None:
        self.figures, self.runs = figures, runs
        self.rows: list[tuple[int, bytes, bytes | None]] = []  # of figures: offset, key, value
        self.open: list[
            tuple[int, int, bytes, bytes | None]
        ] = []  # offset, rows that were kept before, key, value

    def take(self, offset: int, one: Pulse) -> None:
        """One pulse."""
        changes, silent = self.runs.take(0, one)
        self.rows += [(offset, *pair) for pair in written(self.figures.take(0, offset, one, silent))]
        kept = len(self.rows) if silent else 0
        self.open += [(offset, kept, *pair) for pair in changes]


def _table(changes: list[tuple[bytes, bytes | None]]) -> Rows:
    rows: Rows = {}
    for key, value in changes:
        if value is None:
            rows.pop(key, None)
        else:
            rows[key] = value
    return rows


def unreported(figures: Figures) -> int:
    """Of all workflows and versions."""
    return sum(
        version.ever.finished.get(UNREPORTED, 0)
        for workflow in figures.workflows.values()
        for version in workflow.versions.values()
    )


@given(histories, st.data())
def test_no_crash_changes_what_is_counted_or_open(
    drawn: list[tuple[int, str, str, tuple[str, ...], tuple[str, ...]]], data: st.DataObject
) -> None:
    """Changelogs that lack the end of what was sent, each its own, are completed from any offset they allow."""
    history = _pulses(drawn)
    once = Worker(Figures(), OpenRuns())
    for offset, one in enumerate(history):
        once.take(offset, one)

    rows = data.draw(st.integers(0, len(once.rows)))
    allowed = next((n for n, (_, kept, _, _) in enumerate(once.open) if kept > rows), len(once.open))
    opens = data.draw(st.integers(0, allowed))
    missing = [offset for offset, *_ in once.rows[rows:]] + [offset for offset, *_ in once.open[opens:]]
    begin = data.draw(st.integers(0, min(missing, default=len(history))))

    figures = loaded(_table([change[1:] for change in once.rows[:rows]]), {0})
    runs = OpenRuns.loaded(_table([change[2:] for change in once.open[:opens]]), {0})
    again = Worker(figures, runs)
    for offset, one in enumerate(history[begin:], start=begin):
        again.take(offset, one)
    assert dict(again.figures.all_rows()) == dict(once.figures.all_rows())
    assert again.runs.rows() == once.runs.rows()
    assert unreported(again.figures) == unreported(once.figures)
