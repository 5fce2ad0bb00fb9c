"""`toolgate demo`: recorded runs through a real Kafka, a real Redis and a real gate."""

from __future__ import annotations

import json
import signal
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from toolgate.cli import logs
from toolgate.cli.exits import Exit
from toolgate.demo import report, tally
from toolgate.demo.performance import perform, read
from toolgate.demo.stage import Elsewhere
from toolgate.streams.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolgate.demo.performance import Performance, Script

app = typer.Typer()


@app.command()
def demo(  # noqa: PLR0913
    *,
    runs: Annotated[Path, typer.Option("--runs", help="Recorded runs, one a line of JSON.")],
    policy: Annotated[Path, typer.Option("--policy", help="Folder with tools.yaml and policy.yaml.")],
    workers: Annotated[int, typer.Option(min=1, max=64, help="Workers of the gate.")] = 2,
    parallel: Annotated[int, typer.Option(min=1, max=256, help="Runs that are played at once.")] = 8,
    directory: Annotated[
        Path | None, typer.Option("--dir", help="Keep data, keys and logs here. Default: nothing is kept.")
    ] = None,
    bootstrap: Annotated[
        str | None,
        typer.Option("--bootstrap", help="Use this Kafka instead of a local one; with --redis."),
    ] = None,
    redis: Annotated[str | None, typer.Option("--redis", help="The redis:// address to go with it.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object on the last line of stdout; tables to stderr.")
    ] = False,
) -> None:
    """Play recorded runs through the gate and check what comes out of it; ends by itself.

    Starts a local Kafka and Valkey (the first start fetches 43 MB), the gate's workers and an executor that
    answers as it was recorded. Everything happens under a fresh topic prefix, with keys made for it.
    """
    logs.configure()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stopped by either signal, nothing is left
    elsewhere = _elsewhere(bootstrap, redis)
    script = read(runs, policy)
    console = Console(stderr=as_json, highlight=False)
    with _directory(directory) as kept:
        performance = _performed(script, kept, workers, parallel, elsewhere)
    report.show(console, performance.evidence, performance.played, performance.checks)
    console.print(
        f"{len(performance.played):,} calls of {len(script.runs):,} runs in {performance.seconds:.1f} s"
        + (f"; the topics stay under {performance.prefix}.*" if elsewhere or directory else "")
    )
    if as_json:
        typer.echo(json.dumps(_summary(performance)))
    if not all(check.holds for check in performance.checks):
        raise typer.Exit(Exit.DIFFERENCE)


def _performed(
    script: Script, directory: Path, workers: int, parallel: int, elsewhere: Elsewhere | None
) -> Performance:
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True, highlight=False),
    )
    with progress:
        bar = progress.add_task("Starting", total=script.calls)
        return perform(
            script,
            directory,
            workers=workers,
            parallel=parallel,
            elsewhere=elsewhere,
            notify=lambda text: progress.update(bar, description=text),
            on_call=lambda _: progress.advance(bar),
        )


def _summary(performance: Performance) -> dict[str, object]:
    return tally.as_json(performance.evidence, performance.checks, performance.played, performance.seconds)


@contextmanager
def _directory(given: Path | None) -> Iterator[Path]:
    if given is not None:
        yield given.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="toolgate-demo-", ignore_cleanup_errors=True) as made:
        yield Path(made)


def _elsewhere(bootstrap: str | None, redis: str | None) -> Elsewhere | None:
    if bootstrap is None and redis is None:
        return None
    if bootstrap is None or redis is None:
        raise SettingsError(
            "--bootstrap and --redis belong together: a ledger and its log are one thing",
            where="arguments",
            remedy="give both, or neither to start local ones",
        )
    return Elsewhere(bootstrap, redis)
