"""A performance: stage, agents and executors together, from the files to the evidence."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from toolgate.demo import runs as recorded
from toolgate.demo.checks import Check, run_checks
from toolgate.demo.evidence import Evidence, await_rest, gather
from toolgate.demo.player import Played, play, recorded_tools
from toolgate.demo.stage import Elsewhere, Stage
from toolgate.processors import loader
from toolgate.processors.problems import LoadError, Problem
from toolgate.sdk import Client, Executor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from toolgate.demo.runs import Run

T = TypeVar("T")
AGENT_ID = "recorded-agent"


@dataclass(frozen=True, slots=True)
class Script:
    """What is played: checked files, and the one workflow that the runs belong to."""

    runs: tuple[Run, ...]
    policies_dir: Path
    workflow: tuple[str, str]  # tenant, workflow_id

    @property
    def calls(self) -> int:
        """How many calls the runs have."""
        return sum(len(run.calls) for run in self.runs)


@dataclass(frozen=True, slots=True)
class Performance:
    """What came of it. `seconds` from the first intent to the last answer."""

    played: list[Played]
    evidence: Evidence
    checks: tuple[Check, ...]
    seconds: float
    prefix: str


def read(runs_file: Path, policies_dir: Path) -> Script:
    """Read runs and policies, before anything is started.

    Raises:
        LoadError: every mistake with file and line; also when the folder has policies of several workflows.
    """
    policies = loader.load(policies_dir)
    if len(policies.workflows) != 1:
        names = ", ".join(sorted(workflow for _, workflow in policies.workflows))
        what = f"recorded runs name no workflow, and here are {len(policies.workflows)}: {names}"
        raise LoadError(
            [Problem(str(policies_dir), 0, 0, what, "give a folder with the policy of one workflow")]
        )
    found = recorded.load(runs_file)
    recorded.check_tools(runs_file, found, policies.tools)
    [workflow] = policies.workflows
    return Script(found, policies_dir.absolute(), workflow)


def perform(  # noqa: PLR0913
    script: Script,
    directory: Path,
    *,
    workers: int,
    parallel: int,
    elsewhere: Elsewhere | None,
    notify: Callable[[str], None],
    on_call: Callable[[Played], None],
) -> Performance:
    """Play a script on a stage and check what comes out; nothing that was started is left.

    Raises:
        ToolgateError: something could not be started, or stopped working.
    """
    with Stage(
        directory, script.policies_dir, script.workflow, workers=workers, elsewhere=elsewhere, notify=notify
    ) as stage:
        executor = Executor(stage.settings, stage.executor_key, recorded_tools(script.runs))

        def agents(check: Callable[[], None]) -> tuple[list[Played], float]:
            with Client(stage.settings, stage.intent_key, AGENT_ID) as client:
                begin = time.monotonic()
                played = play(client, script.runs, parallel, on_call, check)
                return played, time.monotonic() - begin

        (played, seconds), evidence = to_the_end(stage, executor, agents, notify)
        return Performance(played, evidence, run_checks(evidence), seconds, stage.settings.prefix)


def to_the_end(
    stage: Stage,
    executor: Executor,
    agents: Callable[[Callable[[], None]], T],
    notify: Callable[[str], None],
) -> tuple[T, Evidence]:
    """Let agents play to an executor, stop the gate once it has decided everything, and read back what was written.

    Args:
        stage: what runs; its workers are stopped here.
        executor: started and stopped here.
        agents: plays; is given a function that raises when a part has died.
        notify: told in a few words what takes time.

    Returns:
        What `agents` returned, and the evidence.

    Raises:
        ToolgateError: a part stopped working; or whatever `agents` raises.
    """

    def check() -> None:
        stage.check()
        executor.check()

    with executor:
        notify("Playing")
        played = agents(check)
        notify("Waiting until everything is decided")
        await_rest(stage.settings, check)
    notify("Stopping the gate")
    stage.stop_workers()
    notify("Reading the topics back")
    return played, gather(stage.settings)
