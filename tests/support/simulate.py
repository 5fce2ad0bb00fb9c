"""`make simulate`: histories of many seeds, each held to the checker; 1 when one is wrong.

python tests/support/simulate.py [--seeds N] [--first SEED] [--steps N] [--world NAME]
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import sys
import time
from collections import Counter
from functools import partial

import structlog
from races import JUDGED, OPEN, RACED
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from simulation import KINDS, Lived, live, seeds_of, shrink, world_of
from worlds import STEPS

from toolgate.streams.gate.worker import GC_OBJECTS

PROCESSES = 2
SHRUNK_MAX = 3  # failed seeds that are shrunk: the first ones tell enough


def quiet() -> None:
    """Workers are crashed by the thousand: what they log about it would be most of the time.

    Garbage is collected as seldom as in a worker: of what lives as long as its history, little is garbage.
    """
    gc.set_threshold(GC_OBJECTS)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))


def command(seed: int, steps: int) -> str:
    """What makes one seed's history again."""
    return f"make simulate SEEDS=1 FIRST={seed}" + ("" if steps == STEPS else f" STEPS={steps}")


def main(console: Console, first: int, seeds: int, steps: int, world: str | None = None) -> int:
    """Let the seeds live, two at a time, and tell what they came to."""
    begun = time.monotonic()
    decisions, failed = 0, list[Lived]()
    suffered, people, races = Counter[str](), Counter[str](), Counter[str]()
    columns = (TextColumn("histories"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    context = multiprocessing.get_context("spawn")
    with (
        context.Pool(PROCESSES, quiet) as pool,
        Progress(*columns, console=console, transient=True) as progress,
    ):
        task = progress.add_task("", total=seeds)
        for lived in pool.imap_unordered(
            partial(live, steps=steps), seeds_of(world, first, seeds), chunksize=4
        ):
            decisions += lived.decisions
            suffered += lived.suffered
            people += lived.people
            races += lived.races
            failed += [lived] if lived.violations else []
            progress.advance(task)
    seconds = time.monotonic() - begun
    faults = ", ".join(f"{number:,} {kind}" for kind, number in sorted(suffered.items()))
    console.print(
        f"{seeds:,} seeds, {decisions:,} decisions in {seconds:,.1f} s: {decisions / seconds:,.0f} decisions/s",
        soft_wrap=True,
    )
    console.print(f"{suffered.total():,} faults: {faults}", highlight=False, soft_wrap=True)
    came = ", ".join(f"{number:,} {note or 'other'}" for note, number in people.most_common())
    console.print(f"{people.total():,} votes and expiries: {came}", highlight=False, soft_wrap=True)
    console.print(_raced(races), highlight=False, soft_wrap=True)
    for lived in sorted(failed, key=lambda lived: lived.seed)[:SHRUNK_MAX]:
        tell(console, lived, steps)
    console.print(f"{len(failed)} seeds failed" if failed else "every history holds")
    return 1 if failed else 0


def _raced(races: Counter[str]) -> str:
    """How many votes were judged, and what they raced with."""
    met = ", ".join(
        f"{number:,} {kind}" for kind, number in races.most_common() if kind not in {JUDGED, OPEN, RACED}
    )
    least = f"{races[JUDGED]:,} votes judged, {races[OPEN]:,} on what was open; {races[RACED]:,} raced"
    return f"{least}, with {met}" if met else least


def tell(console: Console, failed: Lived, steps: int) -> None:
    """What is wrong with a seed's history, and the least of it that still is."""
    console.rule(f"seed {failed.seed}, {world_of(failed.seed)}")
    found = shrink(failed, steps)
    lines = [
        *failed.violations[:10],
        "",
        f"again:  {command(failed.seed, steps)}",
        f"shrunk: {found.steps} steps"
        + (f", without {', '.join(sorted(found.without))}" if found.without else ""),
        *(f"  {step}" for step in found.lived.trace),
        f"  then:  {found.lived.violations[0]}",
    ]
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--steps", type=int, default=STEPS, help="of each history")
    parser.add_argument("--world", choices=KINDS, help="only seeds of this world")
    asked = parser.parse_args()
    quiet()
    sys.exit(main(Console(), asked.first, asked.seeds, asked.steps, asked.world))
