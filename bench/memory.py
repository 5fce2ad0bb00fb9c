"""Memory of one gate worker that has decided on calls of 100,000 runs, none of which has ended."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from bench.throughput import await_committed
from toolgate.streams.local.children import Child

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.entrants import Entrant
    from bench.ground import Site
    from bench.workload import Sent

RUNS = 100_000
MB = 1_000_000
REST_S = 1.0


@dataclass(frozen=True, slots=True)
class Memory:
    """What a worker held, resident, after it had decided."""

    rss_mb: float
    runs: int


def measure(site: Site, gate: Entrant, backlog: Sequence[Sent]) -> Memory:
    """One worker on a ground of its own; every intent of the backlog is of another run."""
    ground = site.ground(f"{gate.name}-memory")
    try:
        ground.preload(backlog)
        child = Child(gate.title, ground.log)
        child.spawn(gate.argv, ground.environment())
        try:
            await_committed(ground, gate, child, len(backlog))
            time.sleep(REST_S)  # the last batch is let go
            rss = psutil.Process(child.pid).memory_info().rss
        finally:
            child.stop()
    finally:
        ground.remove()
    return Memory(rss / MB, len(backlog))
