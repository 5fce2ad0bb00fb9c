"""`python -m bench.rebuild`: how long a ledger takes to be rebuilt from the log, without a snapshot and with one.

The gate decides a backlog and is stopped; then this process rebuilds the ledger as a worker does, from an empty Redis.
A snapshot is as old as the last decision: what lies behind it is what a snapshot spares.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import psutil
import redis
import structlog
import typer
from rich.console import Console

from bench import throughput, workload
from bench.entrants import GATE
from bench.ground import ROOT, Site
from bench.results import Others, machine
from toolgate.streams.gate.recovery import recover
from toolgate.streams.ledger.redis import RedisLedger
from toolgate.streams.local import Stack
from toolgate.streams.local.children import Child
from toolgate.streams.log.kafka import KafkaLog
from toolgate.streams.ports import INPUTS
from toolgate.streams.topics import BY_NAME

if TYPE_CHECKING:
    from bench.ground import Ground

OUT = ROOT / "bench" / "rebuild.json"
TARGET_S, TARGET_SNAPSHOT_S, TARGET_EVENTS = 60, 10, 1_000_000


def rebuild(
    *,
    events: Annotated[int, typer.Option(min=1_000, help="Audit events of the log.")] = 200_000,
    out: Annotated[Path, typer.Option(help="Where the results go.", show_default="bench/rebuild.json")] = OUT,
) -> None:
    """Measure rebuilds of one ledger. Exit codes: 0 measured, whether or not the targets are met."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    throughput.LIMIT_S = max(throughput.LIMIT_S, events / 500)
    console, others = Console(highlight=False), Others()
    with tempfile.TemporaryDirectory(prefix="toolgate-rebuild-", ignore_cleanup_errors=True) as folder:
        directory = Path(folder)
        with Stack(directory / "stack", notify=console.print) as stack:
            site = Site(stack, directory / "work")
            ground = site.ground("rebuild")
            console.print(f"The gate decides {events:,} intents")
            ground.preload(list(workload.intents(events, "rebuild")))
            child = Child(GATE.title, ground.log)
            child.spawn(GATE.argv, ground.environment())
            try:
                throughput.await_committed(ground, GATE, child, events)
            finally:
                child.stop()
            console.print("Rebuilding")
            plain = _timed(ground)
            _snapshot(ground)
            with_snapshot = _timed(ground)
    found: dict[str, Any] = {
        "events": events,
        "without_snapshot_s": round(plain, 1),
        "events_per_s": round(events / plain),
        "with_snapshot_s": round(with_snapshot, 1),
        "memory_mb": round(psutil.Process().memory_info().rss / 1e6),
        "run": {**machine(), "others_cores": others.cores()},
    }
    out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    console.print(found)
    console.print(
        f"At {TARGET_EVENTS:,} events that is {plain * TARGET_EVENTS / events:.0f} s (target {TARGET_S} s); "
        f"with a snapshot {with_snapshot * TARGET_EVENTS / events:.0f} s (target {TARGET_SNAPSHOT_S} s)"
    )


def _timed(ground: Ground) -> float:
    """Seconds from an empty Redis to a ledger that is whole."""
    settings = ground.settings
    with redis.Redis.from_url(settings.ledger_url) as client:
        client.flushall()
    log, ledger = KafkaLog(settings, lambda _: None), RedisLedger(settings.ledger_url, settings.prefix)
    inputs = tuple((name, p) for name in INPUTS for p in range(BY_NAME[name].partitions(settings.partitions)))
    since = time.monotonic()
    try:
        for _ in recover(log, ledger, f"bench{since:.0f}", inputs, range(settings.partitions)):
            pass
        return time.monotonic() - since
    finally:
        log.close()
        ledger.close()


def _snapshot(ground: Ground) -> None:
    command = [sys.executable, "-m", "toolgate.cli", "snapshot", "--once"]
    subprocess.run(
        command, env=os.environ | ground.environment(), check=True, capture_output=True, timeout=600
    )


if __name__ == "__main__":
    typer.run(rebuild)
