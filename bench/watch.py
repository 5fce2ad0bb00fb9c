"""`python -m bench.watch`: whether the watch keeps up with a gate at full speed, and how soon it has its tables.

A gate decides a backlog alone, and one with a watch beside it, in turns. Each half second the watch says how far it is
behind. Then it is started anew over what its tables hold by now; and once over those of many workflows that have worked
for a week.
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
from confluent_kafka import Producer
from rich.console import Console

from bench import throughput, workload
from bench.commits import commits
from bench.entrants import GATE, THIS
from bench.ground import ROOT, Site
from bench.results import Others, machine
from bench.workload import TOPIC
from toolgate.streams import topic_admin
from toolgate.streams.local import Stack
from toolgate.streams.local.children import Child
from toolgate.streams.local.ports import free_port
from toolgate.streams.settings import client_producer_config
from toolgate.streams.watch import application
from toolgate.streams.watch.figures import (
    EVER,
    MINUTE,
    MINUTE_MS,
    MINUTES_KEPT,
    QUARTER,
    QUARTER_MS,
    QUARTERS_KEPT,
    Key,
    packed_key,
)
from toolgate.streams.watch.rows import Level, Row, packed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench.ground import Ground
    from bench.workload import Sent

OUT = ROOT / "bench" / "watch.json"
LOOK_S = 0.5
LIMIT_S = 300.0
_LOADED = "toolgate_watch_rebuild_seconds "


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
    workflows: Annotated[int, typer.Option(min=1, help="That have worked for a week.")] = 100,
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
            console.print(f"Tables of {workflows:,} workflows of a week")
            rows, began_s, tables_s = _week(site.ground("week"), workflows)
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
        "week": {
            "workflows": workflows,
            "rows": rows,
            "ready_after_s": round(began_s, 1),
            "tables_s": round(tables_s, 1),
        },
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
            _until(lambda: _figures(port) == (len(backlog), 0))
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
            if port and (found := _figures(port)) is not None:
                beside.behind.append(found[1])
            time.sleep(LOOK_S)
    finally:
        log.close()


def _week(ground: Ground, workflows: int) -> tuple[int, float, float]:
    """Rows that so many workflows have after a week; how long a watch takes to be ready over them, and to load them."""
    application.create_changelogs(topic_admin.connect(ground.settings), ground.settings)
    topic = f"{application.app_id(ground.settings)}-{application.FIGURES}-changelog"
    producer = Producer(client_producer_config(ground.settings) | {"queue.buffering.max.messages": 2_000_000})
    rows = 0
    for number in range(workflows):
        partition = number % ground.settings.partitions
        for key, row in _rows(partition, f"desk-{number}"):
            producer.produce(topic, packed(row), packed_key(key), partition)
            rows += 1
        producer.poll(0)
    if producer.flush(LIMIT_S):
        raise throughput.MeasureError("the broker did not take the rows", remedy="read its log")
    eye, port = Child("watch", ground.log.with_suffix(".week.log")), free_port()
    began = time.monotonic()
    try:
        _start(eye, ground, port)
        ready_s = time.monotonic() - began
        _until(lambda: _loaded(port) is not None)  # pages are made once a second
        tables_s, loaded = _loaded(port) or 0.0, json.loads(_page(port, "/figures"))["workflows"]
    finally:
        eye.stop()
    if len(loaded) != workflows:
        raise throughput.MeasureError(
            f"the watch has {len(loaded)} of {workflows} workflows", remedy="read its log"
        )
    ground.remove()
    return rows, ready_s, tables_s


def _loaded(port: int) -> float | None:
    """Seconds that the last rebuild of the tables took, once the watch says so."""
    lines = _page(port, "/metrics").decode().splitlines()
    return next((float(one.removeprefix(_LOADED)) for one in lines if one.startswith(_LOADED)), None)


def _rows(partition: int, workflow_id: str) -> Iterator[tuple[Key, Row]]:
    """A row for each minute and each quarter that is kept, and that of all time: of a workflow that is never idle."""
    now_ms = time.time_ns() // 1_000_000
    for grain, step_ms, kept in (
        (MINUTE, MINUTE_MS, MINUTES_KEPT),
        (QUARTER, QUARTER_MS, QUARTERS_KEPT),
        (EVER, 1, 1),
    ):
        for place in range(kept):
            at_ms = now_ms - now_ms % step_ms - place * step_ms
            row = Row(
                mark=1, pulses=60, clk=at_ms, intents=900, approved=800, denied=100, cost_micros=9_000_000,
                codes={"PARAMS_SCHEMA": 60, "BUDGET_EXCEEDED": 40}, tools={"look": 600, "pay": 300},
                finished={"succeeded": 40, "failed": 2}, results={"ok": 790, "error": 10}, records={"1": 300},
                levels={"budgets[0]": Level("budgets[0]", "workflow", f"{workflow_id}:usd", "usd_micros", 9, 90)},
            )  # fmt: skip
            yield Key(partition, "default", workflow_id, "v1", grain, 0 if grain == EVER else at_ms), row


def _figures(port: int) -> tuple[int, int] | None:
    """Intents counted, and records behind; None where it does not answer."""
    figures, health = _page(port, "/figures"), _page(port, "/health")
    if not figures or not health:
        return None
    counted = sum(
        version["sums"]["intents"]
        for one in json.loads(figures)["workflows"]
        for version in one["versions"].values()
    )
    return counted, sum(json.loads(health)["lag"].values())


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
