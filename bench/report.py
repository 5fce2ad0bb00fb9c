"""What people read at the end: one table, then which targets are met."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from rich.table import Table

from bench.entrants import ENTRANTS
from bench.results import TARGETS

if TYPE_CHECKING:
    from rich.console import Console

    from bench.results import Results
    from bench.throughput import Speed

NONE = "—"


def table(results: Results) -> Table:
    """Contenders with their absolute figures."""
    made = Table(title="Contenders on one broker, each alone, medians over rounds", title_justify="left")
    made.add_column("contender")
    for name in (
        "intents/s",
        "of echo",
        "CPU µs each",
        "bytes each",
        "batch p50 (min to max)",
        "p50 ms",
        "p99 ms",
    ):
        made.add_column(name, justify="right")
    for entrant in ENTRANTS:
        speeds, latency = results.speeds(entrant.name), results.latencies.get(entrant.name)
        if not speeds and latency is None:
            continue
        made.add_row(
            entrant.title,
            f"{median(speed.per_s for speed in speeds):,.0f}" if speeds else NONE,
            _figure(results.value(f"{entrant.name}_vs_echo"), 2),
            f"{median(speed.cpu_us_each for speed in speeds):,.0f}" if speeds else NONE,
            f"{median(speed.bytes_each for speed in speeds):,.0f}" if speeds else NONE,
            _batches(speeds),
            _figure(latency.p50_ms if latency else None, 1),
            _figure(latency.p99_ms if latency else None, 1),
        )
    return made


def targets(results: Results) -> Table:
    """What was to be reached, what was, and whether that is enough."""
    made = Table(title="Targets", title_justify="left")
    made.add_column("what")
    made.add_column("target", justify="right")
    made.add_column("measured", justify="right")
    made.add_column("")
    for target in TARGETS:
        value = results.value(target.key)
        word = {True: "[green]met[/]", False: "[red]not met[/]", None: "not measured"}[target.met(value)]
        made.add_row(target.title, str(target), _figure(value, 2), word)
    return made


def show(console: Console, results: Results) -> None:
    """Print both."""
    if results.rounds or results.latencies:
        console.print(table(results))
    console.print(targets(results))


def _figure(value: float | None, digits: int) -> str:
    return NONE if value is None else f"{value:,.{digits}f}"


def _batches(speeds: list[Speed]) -> str:
    sizes = [size for speed in speeds for size in speed.batches]
    return f"{median(sizes):,.0f} ({min(sizes):,} to {max(sizes):,})" if sizes else NONE
