"""`make zoo`: every bug in turn, what caught it and how long that took; 1 when one got away.

Each bug has a process of its own, two at a time: its tests are run with the plugin, or its histories are searched.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pytest
import structlog
from bug import InHistories, InTests
from bugs import BUGS
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from showing import shown

ROOT = Path(__file__).parents[2]
LIMIT_S = 60
PROCESSES = 2
_FAILED = re.compile(r"^FAILED (?:\S*/)?(\w+\.py::\w+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a bug. `by` is "" when it got away, and `said` then tells what its search ended in."""

    name: str
    by: str
    seconds: float
    said: str = ""


def hunt(name: str) -> Outcome:
    """Let a bug loose in a process of its own."""
    caught_by = BUGS[name].caught_by
    command = [sys.executable, str(Path(__file__).parent), "--search", name]
    if isinstance(caught_by, InTests):
        # No plugins but ours: what reports in colours or in parallel is of no use here.
        quiet = ["-q", "-x", "--no-header", "--tb=no", "--color=no", "-p", "no:cacheprovider"]
        command = [sys.executable, "-m", "pytest", "-p", "zoo_plugin", *quiet, *caught_by.nodes]
    begun = time.monotonic()
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, "ZOO_BUG": name, "PYTHONHASHSEED": "0"},
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Outcome(name, "", LIMIT_S, f"not within {LIMIT_S} s")
    seconds, said = time.monotonic() - begun, (done.stdout + done.stderr).strip()
    failed = _FAILED.search(done.stdout)
    by = done.stdout.strip() if isinstance(caught_by, InHistories) else failed[1] if failed else ""
    return Outcome(name, by if done.returncode == 1 else "", seconds, said[-400:])


def search(name: str) -> int:
    """Print the history that shows a bug; 1 when there is one, as pytest ends when a test fails."""
    caught_by = BUGS[name].caught_by
    if not isinstance(caught_by, InHistories):
        raise TypeError(f"{name} is caught by tests")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    with pytest.MonkeyPatch.context() as patch:
        BUGS[name].patch(patch)
        found = shown(caught_by)
    print(found)  # noqa: T201 - for the process that asked
    return 1 if found else 0


def main(names: list[str]) -> int:
    """Hunt these bugs, or all of them, and print the table."""
    console = Console(width=None if sys.stdout.isatty() else 200)
    outcomes: list[Outcome] = []
    with Progress(console=console, transient=True) as progress, ThreadPoolExecutor(PROCESSES) as pool:
        task = progress.add_task("bugs", total=len(names))
        for hunted in as_completed([pool.submit(hunt, name) for name in names]):
            outcomes.append(hunted.result())
            progress.advance(task)
    console.print(_table(outcomes))
    free = [one for one in outcomes if not one.by]
    for one in free:
        console.print(f"[bold]{one.name}[/bold] got away: {BUGS[one.name].what}", highlight=False)
        console.print(one.said, highlight=False, markup=False)
    seconds = [one.seconds for one in outcomes]
    console.print(
        f"{len(outcomes) - len(free)} of {len(outcomes)} caught; median {median(seconds):.1f} s, "
        f"longest {max(seconds):.1f} s"
    )
    return 1 if free else 0


def _table(outcomes: list[Outcome]) -> Table:
    table = Table("bug", "what it is", "caught by", "s")
    for one in sorted(outcomes, key=lambda one: list(BUGS).index(one.name)):
        by = one.by or "[red]nothing[/red]"
        table.add_row(one.name, BUGS[one.name].what, by, f"{one.seconds:.1f}")
    return table


if __name__ == "__main__":
    if sys.argv[1:2] == ["--search"]:
        sys.exit(search(sys.argv[2]))
    sys.exit(main(sys.argv[1:] or list(BUGS)))
