"""History: what is left to do about a command, by what the results say; and the law that no effect is there twice."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.schemas.enums import ResultStatus
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Command, Result
from toolgate.sdk.history import History, Progress, Todo, todo
from toolgate.sdk.reports import begun, ended

COMMAND = Command(
    command_id="2-7",
    intent_id="i-1",
    seq=1,
    ctl=0,
    tenant="acme",
    workflow_id="w",
    run_id="run-1",
    agent_id="a",
    tool="pay",
    tool_version="1",
    params="{}",
    digest="d",
    policy_digest="p",
    idempotent=False,
    approved_at=100,
    expires_at=200,
    reserved_cost_micros=0,
)
STARTED = begun(COMMAND, "desk")


def told(*statuses: str, since_ms: int = 0) -> History:
    """A history in which the command came so far."""
    history = History(since_ms)
    for status in statuses:
        history.add(changed(STARTED, status=status))
    return history


@pytest.mark.parametrize(
    ("statuses", "idempotent", "refusal", "left"),
    [
        ((), False, "", Todo.RUN),
        ((), True, "", Todo.RUN),
        ((), False, "killed", Todo.VOID),
        ((), True, "killed", Todo.VOID),
        (("started",), False, "", Todo.UNKNOWN),
        (("started",), False, "killed", Todo.UNKNOWN),
        (("started",), True, "", Todo.RUN_AGAIN),
        (("started",), True, "killed", Todo.UNKNOWN),
        (("started", "ok"), True, "", Todo.NOTHING),
        (("started", "error"), False, "", Todo.NOTHING),
        (("started", "unknown"), True, "", Todo.NOTHING),
        (("void",), False, "", Todo.NOTHING),
        (("void", "started"), True, "", Todo.NOTHING),
        (("started", "unknown", "ok"), False, "killed", Todo.NOTHING),
    ],
)
def test_what_is_left_depends_on_how_far_it_came(statuses, idempotent, refusal, left):
    """Never begun: run it or void it. Begun: again or unknown. Ended: nothing, whatever comes later."""
    assert todo(told(*statuses), changed(COMMAND, idempotent=idempotent), refusal) == left


@pytest.mark.parametrize("refusal", ["", "killed"])
def test_nothing_is_said_of_a_command_that_is_older_than_what_was_read(refusal):
    """It may have been run: neither may it run nor be called void."""
    assert todo(told(since_ms=101), COMMAND, refusal) == Todo.NOTHING
    assert todo(told(since_ms=100), COMMAND, refusal) != Todo.NOTHING


@pytest.mark.parametrize("other", [{"digest": "e"}, {"command_id": "2-8"}])
def test_a_result_of_another_command_says_nothing(other):
    """As at the gate, id and digest have to agree."""
    history = History(0)
    history.add(changed(STARTED, **other))
    assert history.progress(COMMAND) == Progress.NEW
    assert [result.status for result in history.open()] == ["started"]


@given(st.lists(st.sampled_from(["started", "ok", "error", "unknown", "void"]), max_size=8), st.data())
def test_the_first_end_is_final(statuses, data):
    """However often results are repeated behind it, an end stays an end, and what has none stays open."""
    history = told(*statuses)
    ends = any(status != "started" for status in statuses)
    expected = Progress.ENDED if ends else Progress.STARTED if statuses else Progress.NEW
    assert history.progress(COMMAND) == expected
    repeated = data.draw(st.lists(st.sampled_from(statuses), max_size=4)) if statuses else []
    for status in repeated:
        history.add(changed(STARTED, status=status))
    assert history.progress(COMMAND) == expected
    assert bool(history.open()) == (expected == Progress.STARTED)


@dataclass
class World:
    """One partition of commands and results, its committed offset, and the system of record."""

    commands: list[Command]
    results: list[Result] = field(default_factory=list)
    committed: int = 0
    effects: list[str] = field(default_factory=list)

    def live(self, steps: int, refused: frozenset[str]) -> bool:
        """An executor from its assignment on, which dies after so many steps; whether it came to the end."""
        history = History(0)
        for result in self.results:
            history.add(result)
        unended = {result.command_id for result in history.open()}
        behind = [command for command in self.commands[: self.committed] if command.command_id in unended]
        places = [(self.committed, command) for command in behind]
        places += [(n + 1, self.commands[n]) for n in range(self.committed, len(self.commands))]
        for offset, command in places:
            for step in self._steps(history, offset, command, "no" if command.command_id in refused else ""):
                if steps == 0:
                    return False
                steps -= 1
                step()
        return True

    def _steps(self, history: History, offset: int, command: Command, refusal: str):
        start = begun(command, "desk")
        left = todo(history, command, refusal)

        def commit(*results: Result) -> None:
            self.results += results
            self.committed = offset

        if left == Todo.RUN:
            yield lambda: commit(start)
        if left in {Todo.RUN, Todo.RUN_AGAIN}:
            yield lambda: self.effects.append(command.command_id)
            yield lambda: self.results.append(ended(start, ResultStatus.OK))
        else:
            ends = {Todo.VOID: ResultStatus.VOID, Todo.UNKNOWN: ResultStatus.UNKNOWN}
            yield lambda: commit(*([ended(start, ends[left])] if left in ends else []))


@given(
    idempotent=st.lists(st.booleans(), min_size=1, max_size=4),
    lives=st.lists(
        st.tuples(st.integers(0, 8), st.frozensets(st.sampled_from(["0", "1"])), st.booleans()), max_size=6
    ),
)
def test_whatever_crashes_and_is_rewound_an_effect_is_there_at_most_once(idempotent, lives):
    """Executors die after any step, some with the group's offset set back to the beginning; then one lives on."""
    world = World(
        [
            changed(COMMAND, command_id=str(n), digest=str(n), idempotent=is_so)
            for n, is_so in enumerate(idempotent)
        ]
    )
    for steps, refused, rewound in lives:
        world.live(steps, refused)
        world.committed = 0 if rewound else world.committed
    assert world.live(1_000, frozenset())
    effects, results = list(world.effects), list(world.results)
    for command in world.commands:
        ends = [r.status for r in results if r.command_id == command.command_id and r.status != "started"]
        assert ends, "every command comes to an end"
        times = effects.count(command.command_id)
        if not command.idempotent:
            assert times <= 1
        if ends[0] == "void":
            assert times == 0
        if ends[0] == "ok":
            assert times >= 1
    world.committed = 0
    assert world.live(1_000, frozenset())
    assert (world.effects, world.results) == (effects, results), (
        "read from the beginning, nothing is left to do"
    )
