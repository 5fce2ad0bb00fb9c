"""`python -m bench.watch`: whether the watch keeps up with a gate at full speed, and how soon it has its tables.

A gate decides a backlog alone, and one with a watch beside it, in turns. Each second the watch says how far it is
behind. Then it is started anew over what its tables hold by now.
"""

from __future__ import annotations

import json
import logging
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any

import structlog
import typer
from rich.console import Console

from bench import throughput, workload
from bench.commits import commits
from bench.entrants import GATE, THIS
from bench.ground import ROOT, Site
from bench.results import Others, machine
from bench.workload import TOPIC
from toolgate.streams.local import Stack
from toolgate.streams.local.children import Child
from toolgate.streams.local.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.ground import Ground
    from bench.workload import Sent

OUT = ROOT / "bench" / "watch.json"
LOOK_S = 0.5
LIMIT_S = 300.0


@dataclass(slots=True)
class Beside:
    """What a watch said while a gate worked: records behind at each look, and how long it needed after the end."""

    behind: list[int] = field(default_factory=list)
    after_s: float = 0.0
    rebuild_s: float = 0.0


def watch(
    *,
    intents: Annotated[int, typer.Option(min=1_000, help="Of each backlog.")] = 40_000,
    rounds: Annotated[int, typer.Option(min=1, help="Of a gate alone and one with a watch.")] = 3,
    out: Annotated[Path, typer.Option(help="Where the results go.", show_default="bench/watch.json")] = OUT,
) -> None:
    """Measure the watch beside a gate. Exit codes: 0 measured."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    console, others = Console(highlight=False), Others()
    alone, together, seen = [], [], []
    backlog = list(workload.intents(intents, "watch"))
    with tempfile.TemporaryDirectory(prefix="toolgate-watch-", ignore_cleanup_errors=True) as folder:
        directory = Path(folder)
        with Stack(directory / "stack", notify=console.print) as stack:
            site = Site(stack, directory / "work")
            for number in range(rounds):
                console.print(f"Round {number + 1}: a gate alone, then one with a watch")
                alone.append(_gate(site.ground("alone"), backlog)[0])
                speed, beside = _gate(site.ground("watched"), backlog, watched=True)
                together.append(speed)
                seen.append(beside)
    found: dict[str, Any] = {
        "intents": intents,
        "alone_per_s": [round(one) for one in alone],
        "with_watch_per_s": [round(one) for one in together],
        "ratio": round(
            median(with_it / without for with_it, without in zip(together, alone, strict=True)), 2
        ),
        "behind_max": max(chain.from_iterable(one.behind for one in seen), default=0),
        "behind_median": median(list(chain.from_iterable(one.behind for one in seen)) or [0]),
        "caught_up_after_s": [round(one.after_s, 1) for one in seen],
        "rebuild_s": [round(one.rebuild_s, 1) for one in seen],
        "run": {**machine(), "others_cores": others.cores()},
    }
    out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    console.print(found)


def _gate(ground: Ground, backlog: Sequence[Sent], *, watched: bool = False) -> tuple[float, Beside]:
    """The speed of a gate over a backlog, and what a watch beside it said."""
    beside = Beside()
    ground.preload(backlog)
    port = free_port()
    child, eye = Child(GATE.title, ground.log), Child("watch", ground.log.with_suffix(".watch.log"))
    try:
        if watched:
            _start(eye, ground, port)
        child.spawn(GATE.argv, ground.environment())
        _await(ground, child, len(backlog), port if watched else 0, beside)
        if watched:
            began = time.monotonic()
            _until(lambda: _figures(port)[1] == 0 and _figures(port)[0] == len(backlog))
            beside.after_s = time.monotonic() - began
            eye.stop()
            began = time.monotonic()
            _start(eye, ground, port)
            beside.rebuild_s = time.monotonic() - began
    finally:
        child.stop()
        eye.stop()
    found = commits(ground.settings, TOPIC)
    records = sum(commit.records for commit in found[1:])
    ground.remove()
    return records * 1000 / max(found[-1].at_ms - found[0].at_ms, 1), beside


def _start(eye: Child, ground: Ground, port: int) -> None:
    argv = (THIS, "-m", "toolgate.cli", "watch", "--metrics-port", str(port))
    eye.spawn(argv, ground.environment())
    _until(lambda: b'"ready": true' in _page(port, "/ready"))


def _await(ground: Ground, child: Child, intents: int, port: int, beside: Beside) -> None:
    log = ground.reader()
    places = [(TOPIC, partition) for partition in range(ground.settings.partitions)]
    try:
        until = time.monotonic() + LIMIT_S
        while throughput.committed(log, places) < intents:
            if not child.alive or time.monotonic() > until:
                raise child.failed("the gate did not decide the backlog")
            if port:
                beside.behind.append(_figures(port)[1])
            time.sleep(LOOK_S)
    finally:
        log.close()


def _figures(port: int) -> tuple[int, int]:
    """Intents counted, and records behind."""
    found = json.loads(_page(port, "/figures") or b'{"workflows": []}')
    counted = sum(
        version["sums"]["intents"] for one in found["workflows"] for version in one["versions"].values()
    )
    health = json.loads(_page(port, "/health") or b'{"lag": {}}')
    return counted, sum(health["lag"].values())


def _page(port: int, path: str) -> bytes:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return bytes(answer.read())
    except OSError:
        return b""


def _until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > until:
            raise throughput.MeasureError(
                f"the watch has not come so far in {LIMIT_S:.0f} s", remedy="read its log"
            )
        time.sleep(LOOK_S)


if __name__ == "__main__":
    typer.run(watch)
