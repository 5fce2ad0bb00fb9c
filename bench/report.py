"""What people read at the end: one table, then which targets are met."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from bench.entrants import ENTRANTS
from bench.results import TARGETS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from bench.results import Results
    from bench.stages import Stages
    from bench.throughput import Speed

NONE = "—"
_STYLE: dict[str, Any] = {
    "title_justify": "left",
    "caption_justify": "left",
    "box": SIMPLE_HEAD,
    "pad_edge": False,
}
OTHERS_MAX = 0.1  # of all cores
LEAST_US = 0.01  # what a stage must take to be shown


def table(results: Results) -> Table:
    """Contenders with their absolute figures."""
    made = Table(title="Contenders, each alone on one broker: medians over rounds", **_STYLE)
    made.add_column("contender", no_wrap=True)
    for name in ("intents/s", "of echo", "CPU µs", "batch", "p50 ms", "p99 ms"):
        made.add_column(name, justify="right", no_wrap=True)
    for entrant in ENTRANTS:
        speeds, latency = results.speeds(entrant.name), results.latencies.get(entrant.name)
        if speeds or latency:
            cells = (
                _figure(median(speed.per_s for speed in speeds) if speeds else None, 0),
                _figure(results.value(f"{entrant.name}_vs_echo"), 2),
                _figure(median(speed.cpu_us_each for speed in speeds) if speeds else None, 0),
                _batches(speeds),
                _figure(latency.p50_ms if latency else None, 1),
                _figure(latency.p99_ms if latency else None, 1),
            )
            made.add_row(entrant.title, *cells)
    made.caption = (
        "CPU is for an intent, of the contender's process; batch is p50 (min-max); ms is at 2,000 intents/s"
    )
    return made


def targets(results: Results) -> Table:
    """What was to be reached, what was, and whether that is enough."""
    made = Table(title="Targets", **_STYLE)
    made.add_column("what")
    made.add_column("target", justify="right")
    made.add_column("measured", justify="right")
    made.add_column("")
    for target in TARGETS:
        value = results.value(target.key)
        word = {True: "[green]met[/]", False: "[red]not met[/]", None: "not measured"}[target.met(value)]
        made.add_row(target.title, str(target), _figure(value, 2), word)
    return made


def stages(found: Stages) -> Table:
    """The profile of a batch, dearest stage first."""
    made = Table(title=f"A batch of the gate: the least of {found.batches} batches", **_STYLE)
    made.add_column("stage")
    for name in ("µs an intent", "of it CPU"):
        made.add_column(name, justify="right")
    for stage, spent in sorted(found.each_us.items(), key=lambda row: -row[1].passed):
        if spent.passed >= LEAST_US:
            made.add_row(stage, _figure(spent.passed, 2), _figure(spent.worked, 2))
    made.add_section()
    made.add_row("whole batch", _figure(found.whole_us.passed, 2), _figure(found.whole_us.worked, 2))
    made.add_row("Redis itself, beside it (mean)", _figure(found.redis_us, 2), NONE)
    return made


def show(console: Console, results: Results, facts: Mapping[str, Any]) -> None:
    """Print both, and a warning where other programs had a part in the figures."""
    if results.rounds or results.latencies:
        console.print(table(results))
    console.print(targets(results))
    others = facts["others_cores"]
    if others > OTHERS_MAX * facts["cores"]:
        console.print(
            f"[yellow]Other programs kept {others:.1f} of {facts['cores']} cores busy meanwhile: "
            "these figures are about this machine at this hour, not about the contenders.[/]"
        )


def _figure(value: float | None, digits: int) -> str:
    return NONE if value is None else f"{value:,.{digits}f}"


def _batches(speeds: list[Speed]) -> str:
    """The median, and the least and the most where they differ; Faust has none."""
    sizes = [size for speed in speeds for size in speed.batches]
    if not sizes:
        return NONE
    spread = f" ({min(sizes):,}-{max(sizes):,})" if min(sizes) != max(sizes) else ""
    return f"{median(sizes):,.0f}{spread}"
