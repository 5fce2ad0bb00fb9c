"""`toolgate policy test`: does a policy say what its cases expect?"""

from __future__ import annotations

import json
import time
from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolgate.cli import folders, tables
from toolgate.cli.exits import Exit
from toolgate.cli.options import AsJson  # noqa: TC001
from toolgate.cli.replacing import replace_file
from toolgate.cli.wording import safe
from toolgate.processors.amounts import amount
from toolgate.processors.problems import LoadError, Problem
from toolgate.whatif import cases, junit

if TYPE_CHECKING:
    from toolgate.whatif.cases import Case, Outcome


def run_cases(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of policies with cases/*.yaml or *.cases.yaml.")
    ],
    *,
    junit_file: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write the outcome as JUnit XML, too.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run the cases that lie beside policies; exit code 10 when one comes out otherwise than it expects.

    Each case runs through the real gate on a ledger in memory that begins empty: budgets, rates, blast radii and time
    count. No Kafka and no Redis is needed.
    """
    policies = folders.load(directory)
    found = cases.find(directory, policies)
    if not found:
        hint = f"write some into {directory / 'cases' / 'first.yaml'}"
        raise LoadError([Problem(str(directory), 0, 0, "there are no cases beside the policies", hint)])
    begin = time.perf_counter()
    outcomes = [cases.run(case, policies) for case in found]
    seconds = time.perf_counter() - begin
    if junit_file is not None:
        replace_file(junit_file, junit.as_xml(outcomes, seconds))
    failed = [outcome for outcome in outcomes if outcome.faults]
    if as_json:
        typer.echo(json.dumps(_as_json(outcomes, policies.digest)))
    else:
        _show(outcomes, failed)
    if failed:
        raise typer.Exit(Exit.DIFFERENCE)


def _show(outcomes: list[Outcome], failed: list[Outcome]) -> None:
    rows = (
        (
            "FAILED" if one.faults else "ok",
            safe(one.case.entry.name),
            cases.verdict_of(one.event),
            _codes(one),
            _place(one.case),
        )
        for one in outcomes
    )
    tables.show(("", "case", "verdict", "codes", "at"), rows)
    for one in failed:
        typer.echo(f"\n{_place(one.case)}: {safe(one.case.entry.name)}")
        for fault in one.faults:
            typer.echo(f"  {one.case.file}:{fault.line}: {fault.what}")
            typer.echo(f"    - expected  {safe(fault.expected)}")
            typer.echo(f"    + found     {safe(fault.found)}")
        if one.event.reasons:
            typer.echo("  the gate said")
            for reason in one.event.reasons:
                typer.echo(f"    {safe(cases.worded(reason))}")
    said = f", {len(failed):,} failed" if failed else ", all as expected"
    typer.echo(f"\n{amount(len(outcomes), 'cases')}{said}")


def _codes(outcome: Outcome) -> str:
    return " ".join(dict.fromkeys(reason.code for reason in outcome.event.reasons))


def _place(case: Case) -> str:
    return f"{case.file}:{case.line}"


def _as_json(outcomes: list[Outcome], digest: str) -> dict[str, Any]:
    return {
        "ok": not any(outcome.faults for outcome in outcomes),
        "digest": digest,
        "cases": [
            {
                "name": outcome.case.entry.name,
                "file": outcome.case.file,
                "line": outcome.case.line,
                "ok": not outcome.faults,
                "verdict": outcome.event.verdict,
                "reasons": [
                    {
                        "code": reason.code,
                        "rule": reason.rule,
                        "because": reason.because,
                        "unit": reason.unit,
                        "distance": reason.distance,
                    }
                    for reason in outcome.event.reasons
                ],
                "faults": [
                    {"line": fault.line, "what": fault.what, "expected": fault.expected, "found": fault.found}
                    for fault in outcome.faults
                ],
            }
            for outcome in outcomes
        ],
    }
