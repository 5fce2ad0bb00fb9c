"""The live table: counts as agents report, moving on a terminal, in plain lines elsewhere."""

from __future__ import annotations

import io

from rich.console import Console

from toolgate.demo.billing import agents
from toolgate.demo.live import Board
from toolgate.demo.script import Lane, Part, Step, Task, Told
from toolgate.schemas.records import Outcome, Result

LANES = [
    Lane("good", "a", tuple(Part(Task(f"g-{n}", ()), agents.good) for n in range(2))),
    Lane("looping", "b", (Part(Task("l-0", ()), agents.looping),)),
]
DONE = Result("0-1", "i", "r", "pay", "d", "ok", "e")
FAILED = Result("0-1", "i", "r", "pay", "d", "error", "e")


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def step(kind: str, run_id: str, result: Result | None, *codes: str) -> Step:
    """An approval with its result, or a denial with its codes."""
    outcome = Outcome("i", "d", 1, "APPROVE" if result else "DENY", codes)
    return Step(kind, "a", run_id, "i", "pay", Told(outcome, result), 0.0)


def played(console: Console, clock: Clock) -> Board:
    """A board that has heard of four calls, a second apart."""
    board = Board(console, LANES, clock)
    board.note("Playing")
    for one in (
        step("good", "g-0", DONE),
        step("good", "g-0", FAILED),
        step("looping", "l-0", None, "CALLS_EXCEEDED"),
        step("looping", "l-0", None, "TOO_MANY_DENIALS", "CALLS_EXCEEDED"),
    ):
        board.step(one)
        clock.now += 1
    return board


def test_plain_lines_come_every_other_second():
    """A log of the demo stays short, and says the same as the table."""
    out = io.StringIO()
    played(Console(file=out, width=120), Clock())
    assert out.getvalue().splitlines() == [
        "Playing",
        "3 decided, 2 a second: 2 approved, 1 denied; 2 of 3 runs begun",
    ]


def test_the_table_has_a_row_for_each_kind_of_agents():
    """With what its last denial was for."""
    board = played(Console(file=io.StringIO(), force_terminal=True), Clock())
    page = Console(file=io.StringIO(), width=120)
    page.print(board)
    lines = page.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert [line.split() for line in lines[1:3]] == [
        ["good", "1/2", "2", "0", "1"],
        ["looping", "1/1", "0", "2", "0", "pay:", "TOO_MANY_DENIALS,", "CALLS_EXCEEDED"],
    ]
    assert lines[3].strip() == "4 decided, 1 a second: 2 approved, 2 denied; 2 of 3 runs begun"
    assert lines[4].strip() == "Playing ..."


def test_a_terminal_gets_a_table_that_goes_when_it_is_over():
    """It moves in place; what stays is the report."""
    out = io.StringIO()
    with Board(Console(file=out, force_terminal=True, width=120), LANES, Clock()) as board:
        board.step(step("good", "g-0", DONE))
    assert "agents" in out.getvalue()
    assert "\x1b[2K" in out.getvalue()
