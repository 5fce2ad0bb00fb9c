"""The results of a run: ratios first, absolute figures beside them, and what the machine was."""

from __future__ import annotations

import json
import os
import platform
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING, Any

import psutil

from toolgate import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.latency import Latency
    from bench.memory import Memory
    from bench.throughput import Speed

BATCH = "batch_p50"


@dataclass(frozen=True, slots=True)
class Target:
    """What a ratio or figure should be; `at_most` says on which side of `bound`."""

    key: str
    title: str
    bound: float
    at_most: bool = False
    above: bool = False  # the bound itself is not enough

    def met(self, value: float | None) -> bool | None:
        """None where it was not measured."""
        if value is None:
            return None
        if self.at_most:
            return value <= self.bound
        return value > self.bound if self.above else value >= self.bound

    def __str__(self) -> str:
        sign = "≤" if self.at_most else ">" if self.above else "≥"
        return f"{sign} {self.bound:g}"


TARGETS = (
    Target("gate_vs_echo", "throughput, gate / echo", 0.5),
    Target("gate_vs_faust", "throughput, gate / Faust", 8),
    Target("gate_vs_quix", "throughput, gate / Quix", 1, above=True),
    Target("latency_p50_ratio", "latency p50, gate / echo", 2, at_most=True),
    Target("latency_p99_ratio", "latency p99, gate / echo", 1.5, at_most=True),
    Target("worker_rss_mb", "worker memory, MB", 250, at_most=True),
)


@dataclass(slots=True)
class Results:
    """What was measured so far."""

    rounds: list[list[Speed]] = field(default_factory=list)
    latencies: dict[str, Latency] = field(default_factory=dict)
    memory: Memory | None = None

    def value(self, key: str) -> float | None:
        """A target's figure; None where it was not measured."""
        match key:
            case "worker_rss_mb":
                return self.memory.rss_mb if self.memory else None
            case "latency_p50_ratio":
                return self._latency("p50_ms")
            case "latency_p99_ratio":
                return self._latency("p99_ms")
            case _:
                return self._speed(*key.split("_vs_"))

    def _latency(self, name: str) -> float | None:
        gate, echo = self.latencies.get("gate"), self.latencies.get("echo")
        if gate is None or echo is None:
            return None
        return float(getattr(gate, name) / getattr(echo, name))

    def _speed(self, one: str, other: str) -> float | None:
        """The median over rounds of one contender's speed by the other's in the same round."""
        found = []
        for speeds in self.rounds:
            by_name = {speed.entrant: speed.per_s for speed in speeds}
            if one in by_name and other in by_name:
                found.append(by_name[one] / by_name[other])
        return median(found) if found else None

    def speeds(self, entrant: str) -> list[Speed]:
        """One contender's speeds, round by round."""
        return [speed for speeds in self.rounds for speed in speeds if speed.entrant == entrant]

    def batch_p50(self) -> float | None:
        """The median of all batches that the gate made under backlog."""
        batches = [size for speed in self.speeds("gate") for size in speed.batches]
        return median(batches) if batches else None

    def as_json(self, facts: dict[str, Any]) -> str:
        """The file `results.json`."""
        names = dict.fromkeys(speed.entrant for speeds in self.rounds for speed in speeds)
        ratios = {target.key: self.value(target.key) for target in TARGETS}
        content = {
            **{key: None if value is None else round(value, 3) for key, value in ratios.items()},
            BATCH: self.batch_p50(),
            "targets": {
                target.key: {"bound": str(target), "met": target.met(ratios[target.key])}
                for target in TARGETS
            },
            "throughput": {name: _throughput(self.speeds(name)) for name in names},
            "latency_ms": {name: asdict(found) for name, found in self.latencies.items()},
            "memory": asdict(self.memory) if self.memory else None,
            "run": facts,
        }
        return json.dumps(content, indent=2) + "\n"

    def write(self, path: Path, facts: dict[str, Any]) -> None:
        """Write `results.json`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.as_json(facts), encoding="utf-8")


def _throughput(speeds: Sequence[Speed]) -> dict[str, Any]:
    batches = sorted(size for speed in speeds for size in speed.batches)
    return {
        "per_s": round(median(speed.per_s for speed in speeds)),
        "per_s_by_round": [round(speed.per_s) for speed in speeds],
        "cpu_us_each": round(median(speed.cpu_us_each for speed in speeds), 1),
        "bytes_each": round(median(speed.bytes_each for speed in speeds)),
        "batches": len(batches),
        BATCH: median(batches) if batches else None,
        "batch_min": batches[0] if batches else None,
        "batch_max": batches[-1] if batches else None,
    }


def machine() -> dict[str, Any]:
    """What the figures depend on, without names of hosts, people or folders."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "toolgate": __version__,
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
    }


class Others:
    """How many cores everybody else on the machine kept busy, from here to `cores`."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._busy, self._ours = _busy_s(), _ours_s()

    def cores(self) -> float:
        """On average; what this process and its children used is left out."""
        passed = time.monotonic() - self._since
        others = (_busy_s() - self._busy) - (_ours_s() - self._ours)
        return round(max(others, 0.0) / max(passed, 0.001), 2)


def _busy_s() -> float:
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))


def _ours_s() -> float:
    """Of this process, of children that have ended, and of those that run."""
    us = psutil.Process()
    spent = float(sum(us.cpu_times()[:4]))
    for child in us.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            spent += sum(child.cpu_times()[:4])
    return spent
