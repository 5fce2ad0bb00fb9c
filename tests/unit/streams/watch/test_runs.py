"""Runs and agents: what they do again and again, fed at least once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from pulses import pulse

from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Denial, Reason, Result
from toolgate.streams.watch import runs as module
from toolgate.streams.watch.repeats import LOOP, LOOP_MIN, RETRY_STORM, STORM_MIN
from toolgate.streams.watch.rows import Level
from toolgate.streams.watch.runs import DAY_MS, HOUR_MS, Runs

if TYPE_CHECKING:
    import pytest

T = 1_700_000_000_000


def denial(
    n: int = 0, run: str = "run-1", params: str = "p1", agent: str = "agent-1", clk: int = T
) -> Denial:
    """A denial of a tool."""
    return Denial(
        intent_id=f"i{n}",
        seq=n,
        ctl=0,
        clk=clk + n,
        partition=0,
        offset=n,
        tenant="default",
        workflow_id="desk",
        run_id=run,
        agent_id=agent,
        tool="refund",
        tool_version="1",
        effect="write",
        digest="d",
        params_digest=params,
        policy_digest="v1",
        retryable=False,
        dry_run=False,
        cost_micros=0,
        reasons=(Reason("TOOL_DENIED"), Reason("TOOL_DENIED", "again"), Reason("KILLED")),
    )


def result(n: int = 0, status: str = "ok", body: str = "b", run: str = "run-1") -> Result:
    """The end of a command."""
    return Result(
        command_id=f"0-{n}",
        intent_id=f"i{n}",
        run_id=run,
        tool="read",
        digest="d",
        status=status,
        executor_id="e",
        body_digest=body,
        tenant="default",
        workflow_id="desk",
        policy_digest="v1",
        approved_at=T,
        params_digest="p1",
    )


def apply(table: dict[bytes, bytes], changes: list[tuple[bytes, bytes | None]]) -> None:
    """What a table has then."""
    for key, value in changes:
        if value is None:
            table.pop(key, None)
        else:
            table[key] = value


def test_a_retry_storm_is_seen_once() -> None:
    """The same call, denied again and again; whose it is stands beside it."""
    runs = Runs()
    seen = [found for n in range(3 * STORM_MIN) if (found := runs.denied(0, n, denial(n))[1])]
    (storm,) = seen
    assert (storm.repeat.kind, storm.repeat.count) == (RETRY_STORM, STORM_MIN)
    assert (storm.tenant, storm.workflow_id, storm.run_id, storm.tool) == (
        "default",
        "desk",
        "run-1",
        "refund",
    )


def test_a_loop_is_seen_once() -> None:
    """Approved each time, and nothing new is learnt."""
    runs = Runs()
    seen = [found for n in range(3 * LOOP_MIN) if (found := runs.ended(0, n, result(n), T + n)[1])]
    assert [one.repeat.kind for one in seen] == [LOOP]


def test_starts_and_old_results_say_nothing() -> None:
    """What has not ended, and what an older executor writes, which does not say what was asked."""
    runs = Runs()
    assert runs.ended(0, 1, result(1, status="started"), T) == ([], None)
    bare = Result("0-1", "i", "run-1", "read", "d", "ok", "e")
    assert runs.ended(0, 2, bare, T) == ([], None)


def test_agents_are_counted_by_code() -> None:
    """One denial counts once for each of its codes."""
    runs = Runs()
    for n in range(3):
        runs.denied(0, n, denial(n, agent="busy"))
    runs.denied(0, 3, denial(3, agent="calm"))
    assert runs.agents(1) == [("default", "busy", {"TOOL_DENIED": 3, "KILLED": 3})]


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(["r1", "r2"])), max_size=40), st.data())
def test_what_is_read_again_changes_nothing(history: list[tuple[bool, str]], data: st.DataObject) -> None:
    """From whatever place of either topic a worker reads again."""

    def read(runs: Runs, table: dict[bytes, bytes], begin: int) -> None:
        for n, (denied, run) in enumerate(history):
            if n >= begin:
                changes, _ = (
                    runs.denied(0, n, denial(n, run))
                    if denied
                    else runs.ended(0, n, result(n, run=run), T + n)
                )
                apply(table, changes)

    once, table = Runs(), {}
    read(once, table, 0)
    again = Runs.loaded(table, {0})
    assert again.rows() == once.rows()
    read(again, table, data.draw(st.integers(0, len(history))))
    assert again.rows() == once.rows()
    assert Runs.loaded(table, {1}).rows() == {}


def test_quiet_runs_are_forgotten() -> None:
    """After a day of their partition's time, in the table too."""
    runs, table = Runs(), {}
    for n in range(50):
        apply(table, runs.denied(0, n, denial(n, f"run-{n}"))[0])
    for n in range(50, 100):
        apply(table, runs.denied(0, n, denial(n, "late", clk=T + 2 * DAY_MS))[0])
    assert {key.name for key in runs.rows() if key.kind == "r"} == {"late"}
    assert len(table) == len(runs.rows())


def test_names_without_end_are_kept_for_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is denied may make up as many as they like; what is no name at all is one agent's and no run's."""
    monkeypatch.setattr(module, "KEPT_MAX", 5)
    runs, table = Runs(), {}
    for n in range(50):
        apply(table, runs.denied(0, n, denial(n, f"run-{n}", agent=f"agent-{n}"))[0])
    assert [key.name for key in runs.rows() if key.kind == "r"] == [f"run-{n}" for n in range(45, 50)]
    assert len(table) == len(runs.rows()) == 10
    runs.denied(0, 50, denial(50, "x" * 9_000, agent="y" * 9_000))
    assert max(len(key.name) for key in runs.rows()) < 10
    assert "~" in {key.name for key in runs.rows()}


def test_results_that_differ_only_at_their_end_are_no_loop() -> None:
    """Whatever their length, what was learnt is new."""
    runs = Runs()
    bodies = ["x" * 5_000 + str(n) for n in range(2 * LOOP_MIN)]
    seen = [
        runs.ended(0, n, changed(result(n), body_digest="", body=body), T + n)[1]
        for n, body in enumerate(bodies)
    ]
    assert not any(seen)


def test_an_account_is_new_once() -> None:
    """Whatever is read again; with another maximum, or by another name, it is another one."""
    runs, table = Runs(), {}

    def new(offset: int, account: str = "a", most: int = 100, clk: int = T, workflow: str = "desk") -> bool:
        level = Level("budgets[0]", "agent", account, "usd_micros", 90, most)
        changes, found = runs.stands(0, offset, pulse(clk, workflow), level)
        table.update(changes)
        return found

    assert [new(0), new(0, "b"), new(1), new(1, most=110), new(2, workflow="till")] == [
        True,
        True,
        False,
        True,
        True,
    ]
    runs = Runs.loaded(table, {0})
    assert [new(0), new(3)] == [False, False]
    assert len(table) == 4


def test_an_account_that_stands_so_for_long_is_written_once_an_hour_and_stays_known() -> None:
    """Else it would be forgotten after a week, and told as new."""
    runs = Runs()
    level = Level("budgets[0]", "agent", "a", "usd_micros", 90, 100)
    writes = [runs.stands(0, n, pulse(T + n * HOUR_MS // 4), level) for n in range(4 * 24 * 8)]
    assert [new for _, new in writes] == [True] + [False] * (len(writes) - 1)
    assert sum(len(changes) for changes, _ in writes) == 24 * 8
