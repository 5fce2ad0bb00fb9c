"""`python -m bench`: measures, prints, writes results.json."""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import structlog
import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bench import report, stages, workload
from bench.entrants import QUIX_PYTHON
from bench.ground import ROOT, Site
from bench.results import Others, Results, machine
from bench.run import Part, Run
from toolgate.streams.errors import SettingsError, ToolgateError
from toolgate.streams.local import Stack

OUT = ROOT / "bench" / "results.json"
PREFIX = "toolgate-bench-"


def bench(
    *,
    only: Annotated[
        list[Part] | None, typer.Option(help="Measure this alone; may be given several times.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often each contender runs on a backlog.")] = 3,
    quick: Annotated[
        bool, typer.Option("--quick", help="A quarter of everything, for a first look.")
    ] = False,
    profile: Annotated[
        bool,
        typer.Option("--profile", help="Show where the time of the gate's batches goes, and nothing else."),
    ] = False,
    out: Annotated[
        Path, typer.Option(help="Where the results are written.", show_default="bench/results.json")
    ] = OUT,
) -> None:
    """Measure the gate beside an echo, a copy, Faust and Quix Streams, on a Kafka and a Redis of its own.

    Exit codes: 0 measured, whether or not the targets are met; 1 a measurement does not count.
    """
    console = Console(highlight=False)
    if profile:
        with tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as folder:
            _profile(Path(folder), console)
        return
    parts = only or list(Part)
    if Part.QUIX in parts and not QUIX_PYTHON.exists():
        raise SettingsError(
            "Quix Streams is not installed",
            where=str(QUIX_PYTHON.parents[1]),
            remedy="`make bench` installs it; or leave it out by --only",
        )
    facts, others = machine(), Others()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as folder:
        results = _measured(Path(folder), parts, rounds, console, quick=quick)
    facts |= {
        "rounds": rounds,
        "quick": quick,
        "parts": [part.value for part in parts],
        "seconds": round(time.monotonic() - started),
        "others_cores": others.cores(),
    }
    report.show(console, results, facts)
    results.write(out, facts)
    console.print(f"Written to {out}, after {facts['seconds']} s.")


def _measured(directory: Path, parts: list[Part], rounds: int, console: Console, *, quick: bool) -> Results:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("Starting", total=None)

        def begins(what: str) -> None:
            progress.update(task, description=what)

        def ended(what: str) -> None:
            progress.console.print(f"{progress.tasks[0].description}: {what}")
            progress.advance(task)

        with Stack(directory / "stack", begins) as stack:
            begins("Generating tools and policies")
            run = Run(Site(stack, directory), parts, rounds=rounds, quick=quick)
            progress.update(task, total=run.steps)
            return run.measure(begins, ended)


def _profile(directory: Path, console: Console) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with console.status("Starting") as status, Stack(directory / "stack", status.update) as stack:
        site = Site(stack, directory)
        status.update("Profiling")
        found = stages.measure(site, list(workload.intents(stages.INTENTS, "stages")))
    console.print(report.stages(found))


def main() -> None:
    """The command; what goes wrong is said without a traceback."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        typer.run(bench)
    except ToolgateError as error:
        Console(stderr=True, highlight=False).print(f"[red]{error}[/]")
        sys.exit(1)


if __name__ == "__main__":
    main()
