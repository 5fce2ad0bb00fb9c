"""A day at the billing desk: the script of a seed, played on a real stage, from the first intent to the last check."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolgate.demo import billing
from toolgate.demo.acting import act
from toolgate.demo.billing import desk
from toolgate.demo.billing.books import Books
from toolgate.demo.billing.reckoning import Traced, check_books, trace
from toolgate.demo.checks import check_limits, check_told, run_checks
from toolgate.demo.performance import to_the_end
from toolgate.demo.stage import Stage
from toolgate.processors import loader
from toolgate.processors.problems import LoadError, Problem
from toolgate.sdk import Executor

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolgate.demo.billing.cast import Play
    from toolgate.demo.checks import Check
    from toolgate.demo.evidence import Evidence
    from toolgate.demo.script import Step
    from toolgate.demo.stage import Elsewhere

FOLDER = Path(billing.__file__).parent
HANDS = 4  # commands that the executor runs at once
BOOKS = "books.sqlite"


@dataclass(frozen=True, slots=True)
class Day:
    """What came of it. `seconds` from the first decision that an agent heard of to the last."""

    play: Play
    steps: list[Step]
    evidence: Evidence
    traced: tuple[Traced, ...]
    checks: tuple[Check, ...]
    seconds: float
    prefix: str

    @property
    def decisions_per_second(self) -> float:
        """How many decisions agents heard a second; they wait for each answer, so it is their speed, not the gate's."""
        return len(self.steps) / self.seconds if self.seconds else 0.0


def live_through(  # noqa: PLR0913
    play: Play,
    directory: Path,
    *,
    workers: int,
    elsewhere: Elsewhere | None,
    notify: Callable[[str], None],
    on_step: Callable[[Step], None],
) -> Day:
    """Play a script through a gate of its own and check what comes out; nothing that was started is left.

    Args:
        play: the script.
        directory: state, keys, logs, and the books.
        workers: how many of the gate.
        elsewhere: use these instead of starting a local Kafka and Valkey.
        notify: told in a few words what takes time.
        on_step: told of each call when it is over, from several threads.

    Raises:
        LoadError: the example's files are not there, or somebody has broken them.
        ToolgateError: something could not be started, or stopped working.
    """
    policies = loader.load(FOLDER)
    if len(policies.workflows) != 1:
        what = f"the billing desk is one workflow, and here are {len(policies.workflows)}"
        raise LoadError([Problem(str(FOLDER), 0, 0, what, "keep one policy in it")])
    [workflow] = policies.workflows
    stage = Stage(directory, FOLDER, workflow, workers=workers, elsewhere=elsewhere, notify=notify)
    with stage, Books(play.opening, directory / stage.settings.prefix / BOOKS) as books:
        executor = Executor(stage.settings, stage.executor_key, desk.tools(books), parallel=HANDS)
        steps, evidence = to_the_end(
            stage,
            executor,
            lambda check: act(stage.settings, stage.intent_key, play.lanes, on_step, check),
            notify,
        )
        notify("Checking")
        checks = (
            *run_checks(evidence),
            check_told(evidence, steps),
            check_limits(evidence),
            *check_books(evidence, play.opening, books, policies),
        )
        heard = [step.decided_at_s for step in steps]
        return Day(
            play=play,
            steps=steps,
            evidence=evidence,
            traced=trace(books.changes(), evidence.commands, policies),
            checks=checks,
            seconds=max(heard) - min(heard),
            prefix=stage.settings.prefix,
        )
