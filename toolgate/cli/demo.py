"""`toolgate demo`: a day at a billing desk, or recorded runs, through a real Kafka, a real Redis and a real gate."""

from __future__ import annotations

import json
import signal
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import structlog
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from toolgate.cli import logs
from toolgate.cli.exits import Exit
from toolgate.cli.hints import say_next
from toolgate.demo import day, day_figures, day_report, labelled, performance, report, tally
from toolgate.demo.billing.cast import cast
from toolgate.demo.live import Board
from toolgate.demo.stage import Elsewhere
from toolgate.streams.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from toolgate.demo.checks import Check

app = typer.Typer()
SEED, PARALLEL = 7, 8
_FILE_WIDTH = 120  # of tables that nobody watches on a terminal


@app.command(epilog="Example: toolgate demo --runs examples/small/runs.jsonl --policy examples/small")
def demo(  # noqa: PLR0913 - one parameter for each option
    *,
    runs: Annotated[
        Path | None, typer.Option("--runs", help="Play these recorded runs instead, one a line of JSON.")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option("--policy", help="With --runs: folder with tools.yaml and policy.yaml.")
    ] = None,
    parallel: Annotated[
        int | None,
        typer.Option(min=1, max=256, help=f"With --runs: how many are played at once. Default: {PARALLEL}."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help=f"Of the billing desk's day: same seed, same script. Default: {SEED}.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Workers of the gate.")] = 2,
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
    """See the gate at work, and check what comes out of it; ends by itself.

    Without --runs: a day at a billing desk. Good agents, one that drifts, one with wrong parameters, one in a loop, one
    that overspends, one that obeys injected text, and ten that share a budget work on simulated systems of record.
    With --runs and --policy: recorded runs of your own, answered as they were recorded.

    Starts a local Kafka and Valkey (the first start fetches 43 MB), the gate's workers and executors. Everything
    happens under a fresh topic prefix, with keys made for it.
    """
    logs.configure()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stopped by either signal, nothing is left
    elsewhere = _elsewhere(bootstrap, redis)
    console = Console(stderr=as_json, highlight=False)
    if not console.is_terminal:
        console = Console(stderr=as_json, highlight=False, width=_FILE_WIDTH)
    if runs is None:
        if policy is not None or parallel is not None:
            raise SettingsError(
                "--policy and --parallel belong to --runs: the billing desk brings its own policy and agents",
                where="arguments",
                remedy="give --runs FILE too, or neither",
            )
        _desk(console, SEED if seed is None else seed, directory, workers, elsewhere, as_json=as_json)
        return
    if policy is None or seed is not None:
        raise SettingsError(
            "recorded runs need the --policy they are played under, and no --seed",
            where="arguments",
            remedy="give --runs FILE --policy FOLDER",
        )
    _recorded(console, runs, policy, directory, workers, parallel or PARALLEL, elsewhere, as_json=as_json)


def _desk(  # noqa: PLR0913 - the options of the command
    console: Console,
    seed: int,
    directory: Path | None,
    workers: int,
    elsewhere: Elsewhere | None,
    *,
    as_json: bool,
) -> None:
    """The billing desk's day."""
    play = cast(seed)
    board = Board(Console(stderr=True, highlight=False), play.lanes)
    with _directory(directory) as kept:
        with board, _logging_to(kept / "agents.log"):
            lived = day.live_through(
                play, kept, workers=workers, elsewhere=elsewhere, notify=board.note, on_step=board.step
            )
        day_report.show(console, lived)
        if directory is not None:
            listed = kept / lived.prefix / "changes.jsonl"
            lines = (json.dumps(change) for change in day_figures.changes(lived.traced))
            listed.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            console.print(f"Every change with its undo: {listed}; the books: {listed.with_name(day.BOOKS)}")
    console.print(f"Policy, tools, systems and agents of this demo: {day.FOLDER}")
    say_next(
        *day_report.next_commands(lived, kept=directory, elsewhere=elsewhere, seed=seed), as_json=as_json
    )
    if as_json:
        typer.echo(json.dumps(day_figures.as_json(lived, seed)))
    _end(lived.checks)


def _recorded(  # noqa: PLR0913, PLR0917 - the options of the command
    console: Console,
    runs: Path,
    policy: Path,
    directory: Path | None,
    workers: int,
    parallel: int,
    elsewhere: Elsewhere | None,
    *,
    as_json: bool,
) -> None:
    """Recorded runs."""
    script = performance.read(runs, policy)
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True, highlight=False),
    )
    with _directory(directory) as kept, progress, _logging_to(kept / "agents.log"):
        bar = progress.add_task("Starting", total=script.calls)
        played = performance.perform(
            script,
            kept,
            workers=workers,
            parallel=parallel,
            elsewhere=elsewhere,
            notify=lambda text: progress.update(bar, description=text),
            on_call=lambda _: progress.advance(bar),
        )
    report.show(console, played.evidence, script.runs, played.played, played.checks)
    console.print(
        f"{len(played.played):,} calls of {len(script.runs):,} runs in {played.seconds:.1f} s"
        + (f"; the topics stay under {played.prefix}.*" if elsewhere or directory else "")
    )
    if as_json:
        summary = tally.as_json(played.evidence, played.checks, played.played, played.seconds)
        summary |= labelled.as_json(script.runs, played.played, played.evidence.reasons())
        typer.echo(json.dumps(summary))
    _end(played.checks)


def _end(checks: Iterable[Check]) -> None:
    if not all(check.holds for check in checks):
        raise typer.Exit(Exit.DIFFERENCE)


@contextmanager
def _directory(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="toolgate-demo-", ignore_cleanup_errors=True) as made:
        yield Path(made)


@contextmanager
def _logging_to(path: Path) -> Iterator[None]:
    """What clients and executors log belongs into a file while a table moves on the terminal."""
    before = structlog.get_config()
    with path.open("a", encoding="utf-8") as file:
        structlog.configure(
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
            logger_factory=structlog.WriteLoggerFactory(file),
        )
        try:
            yield
        finally:
            structlog.configure(**before)


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
