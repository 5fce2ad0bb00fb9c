"""`python -m bench.recorded FILE FOLDER`: recorded runs through the chain alone, in seconds and without Kafka.

For whoever writes rules: tables of labelled calls as `toolgate demo --runs` prints them. Each call is judged by what
approved ones before it told. Nothing is counted against limits, budgets, rates and blast radii: that takes the ledger.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from toolgate.cli.exits import Exit
from toolgate.demo import labelled, performance, report
from toolgate.demo.player import Played, parsed
from toolgate.processors import loader
from toolgate.processors.case import Case, Envelope
from toolgate.processors.chain import judge
from toolgate.processors.control_state import ControlState
from toolgate.processors.keyring import Keyring
from toolgate.processors.problems import LoadError
from toolgate.processors.remembering import remembered
from toolgate.processors.verdicts import retryable
from toolgate.processors.world import World
from toolgate.schemas.enums import Verdict
from toolgate.schemas.records import Intent, Outcome
from toolgate.schemas.strict_json import dumps_canonical

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from toolgate.demo.runs import Run

WIDTH = 140


def replayed(run: Run, world: World, workflow: tuple[str, str]) -> Iterator[tuple[Played, Case]]:
    """Each call of a run with the case that came of it, in order."""
    facts: Mapping[str, str] = {}
    ends: Counter[str] = Counter()
    tenant, workflow_id = workflow
    for offset, call in enumerate(run.calls):
        params = dumps_canonical(call.params)
        intent = Intent(
            intent_id=call.intent_id,
            kind="call",
            tenant=tenant,
            workflow_id=workflow_id,
            run_id=run.run_id,
            agent_id=performance.AGENT_ID,
            tool=call.tool,
            params=params,
        )
        own, end = f"{call.tool} {params}", "failed" if call.error else "landed"
        history = {
            "landed": ends[f"landed {own}"],
            "failed": ends[f"failed {own}"],
            "landed_writes": ends["landed"],
            "failed_writes": ends["failed"],
        }
        envelope = Envelope("intents", 0, offset, 0, run.run_id.encode(), params.encode())
        case = judge(Case(envelope, intent, "", facts=facts, history=history), world)
        codes = tuple(reason.code for reason in case.reasons)
        outcome = Outcome(call.intent_id, "", offset, case.verdict, codes, retryable(case.reasons))
        yield Played(run.run_id, call, outcome), case
        if case.verdict != Verdict.APPROVE:
            continue
        tool = world.policies.tools[call.tool]
        ends.update([f"{end} {own}", *([end] if tool.writes else [])])
        if not call.error:
            told = remembered(tool.remember, call.params, parsed(call.result), offset)
            facts = {**facts, **{name: text for name, (text, _) in told.items()}}


def recorded(
    runs: Annotated[Path, typer.Argument(help="Recorded runs, one a line of JSON.")],
    policy: Annotated[Path, typer.Argument(help="Folder with tools.yaml and policy.yaml.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of tables.")] = False,
) -> None:
    """What rules alone make of recorded runs.

    Exit codes: 0 judged; 7 the files do not load.
    """
    try:
        script = performance.read(runs, policy)
    except LoadError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(Exit.FILES) from None
    world = World(loader.load(policy), ControlState(), Keyring.insecure())
    found = [pair for run in script.runs for pair in replayed(run, world, script.workflow)]
    played = [one for one, _ in found]
    reasons = {case.intent.intent_id: case.reasons for _, case in found}
    if as_json:
        typer.echo(json.dumps(labelled.as_json(script.runs, played, reasons)))
        return
    report.show_labelled(Console(highlight=False, width=WIDTH), script.runs, played, reasons)


if __name__ == "__main__":
    typer.run(recorded)
