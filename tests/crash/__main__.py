"""`make crash`: every fault at every point of the loop on a real Kafka and Redis, and what became of it."""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from statistics import quantiles
from typing import Annotated

import structlog
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from crash import cell
from crash.faults import FAULTS
from toolgate.streams.ports import LogError

KINDS = tuple(cell.KINDS)


def crash(
    *,
    fault: Annotated[
        list[str] | None, typer.Option(help="Only faults with this in their name; repeatable.")
    ] = None,
    point: Annotated[list[str] | None, typer.Option(help="Only this point; repeatable.")] = None,
    hits: Annotated[int, typer.Option(min=1, help="How often each cell is hit.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Hit every cell; exit code 1 when something was lost, doubled, over a cap or unaudited, or did not go on."""
    # What the test's own clients say while the broker is away is no news.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    chosen = [one for one in FAULTS if not fault or any(part in one.name for part in fault)]
    points = list(cell.points(point or []))
    outcomes: list[cell.Outcome] = []
    failed: list[str] = []
    console = Console(stderr=True)
    since = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="toolgate-crash-", ignore_cleanup_errors=True) as folder,
        Progress(console=console, disable=not console.is_terminal) as progress,
    ):
        task = progress.add_task("cells", total=len(chosen) * len(points) * hits)
        for number, one in enumerate(chosen):
            # A broker and a Redis for each fault: what has piled up in them must not be what is measured.
            with cell.Ground(Path(folder) / str(number)) as ground:
                for at in points * hits:
                    progress.update(task, description=f"{one.name}, {at}")
                    if not console.is_terminal:
                        console.print(f"{one.name}, {at}", highlight=False)
                    try:
                        outcomes.append(cell.run(ground, one, at))
                    except (AssertionError, LogError) as error:
                        failed.append(f"{one.name}, {at}: {error}")
                    progress.advance(task)
    if as_json:
        sys.stdout.write(json.dumps(_summary(outcomes, failed)) + "\n")
    else:
        _show(outcomes, failed, time.monotonic() - since)
    if failed or any(outcome.found for outcome in outcomes):
        raise typer.Exit(1)


def _summary(outcomes: list[cell.Outcome], failed: list[str]) -> dict[str, object]:
    return {
        "hits": len(outcomes),
        **{kind: sum(one.counted(kind) for one in outcomes) for kind in KINDS},
        "others": sum(one.others for one in outcomes),
        "failover_s": _spread([one.failover_s for one in outcomes]),
        "failed": failed,
        "found": [f"{one.fault}, {one.point}: {said.as_json()}" for one in outcomes for said in one.found],
    }


def _spread(seconds: list[float]) -> dict[str, float]:
    """Median and 99th percentile."""
    if len(seconds) < 2:
        return {"p50": round(seconds[0], 1), "p99": round(seconds[0], 1)} if seconds else {}
    cut = quantiles(seconds, n=100, method="inclusive")
    return {"p50": round(cut[49], 1), "p99": round(cut[98], 1)}


def _show(outcomes: list[cell.Outcome], failed: list[str], took_s: float) -> None:
    console = Console(
        highlight=False, width=None if sys.stdout.isatty() else 130
    )  # a log has no width of its own
    by_fault: dict[str, list[cell.Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_fault[outcome.fault].append(outcome)
    table = Table(title="Crash matrix: every fault at every point of the loop")
    for name in ("fault", "hits", "decided", *KINDS, "other", "fail-over p50", "p99"):
        table.add_column(name, justify="left" if name == "fault" else "right", no_wrap=name == "fault")
    for name, found in by_fault.items():
        spread = _spread([one.failover_s for one in found])
        counts = [str(sum(one.counted(kind) for one in found)) for kind in KINDS]
        table.add_row(
            name,
            str(len(found)),
            f"{sum(one.decided for one in found):,}",
            *counts,
            str(sum(one.others for one in found)),
            f"{spread['p50']} s",
            f"{spread['p99']} s",
        )
    console.print(table)
    spread = _spread([one.failover_s for one in outcomes])
    console.print(f"{len(outcomes)} hits in {took_s:.0f} s; fail-over {spread}")
    for one in outcomes:
        for said in one.found:
            console.print(f"{one.fault}, {one.point}: {said.law} {said.place} {said.what}", style="red")
    for said in failed:
        console.print(said, style="red")


if __name__ == "__main__":
    typer.run(crash)
