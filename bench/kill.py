"""`python -m bench.kill`: how soon a kill holds while the gate works at its maximum.

A hundred thousand intents of a hundred workflows wait in 64 partitions; two workers decide them in small batches, and
an executor runs what they approve. One workflow after the other is killed. A kill is acknowledged when its audit event
is committed and read back: from then on it is counted how long commands of that workflow are still appended, and how
long the executor still begins any.
"""

from __future__ import annotations

import json
import logging
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import structlog
import typer
from nacl.signing import SigningKey
from rich.console import Console
from rich.progress import track

from bench import workload
from bench.contenders.desk import KID as DESK
from bench.entrants import GATE, THIS
from bench.ground import ROOT, Site
from bench.results import Others, machine
from bench.throughput import MeasureError, committed
from toolgate.inspection.reader import TopicReader
from toolgate.inspection.search import Readers
from toolgate.inspection.stretches import records, whole
from toolgate.review import orders
from toolgate.schemas.codec import Codec
from toolgate.schemas.records import Command
from toolgate.schemas.registry import bundled
from toolgate.streams.gate import keys
from toolgate.streams.local import Stack
from toolgate.streams.local.children import Child
from toolgate.streams.operating import Operating

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.ground import Ground

OUT = ROOT / "bench" / "kill.json"
PARTITIONS = 64
BATCH_SIZE = 64  # some 20 ms of a worker's time
WORKERS = 2
OPERATOR = "operator"
ACK_S, START_S = 120.0, 120.0
BEGUN = 20  # when one in so many is decided, both workers have their partitions
SPARED = 10  # workflows that nobody kills: the load goes on behind the last kill
AFTER_S = 3.0  # what is appended or begun so long after the last acknowledgement is seen as well
P99_MS, MAX_MS, EXECUTOR_MS = 100, 500, 1000


@dataclass(frozen=True, slots=True)
class Killed:
    """One kill: the workflow, when it was said and acknowledged (ms of the epoch), and the seq after which it holds."""

    workflow_id: str
    said_ms: float
    acked_ms: float
    after: int


def kill(
    *,
    intents: Annotated[int, typer.Option(min=1_000, help="Intents that wait.")] = 100_000,
    out: Annotated[Path, typer.Option(help="Where the results go.", show_default="bench/kill.json")] = OUT,
) -> None:
    """Measure kills under full load. Exit codes: 0 measured, whether or not the targets are met."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    console, others = Console(highlight=False), Others()
    with tempfile.TemporaryDirectory(prefix="toolgate-kill-", ignore_cleanup_errors=True) as folder:
        directory = Path(folder)
        with Stack(directory / "stack", notify=console.print) as stack:
            site = Site(stack, directory / "work", BATCH_SIZE, PARTITIONS)
            pair = _appoint(site.files)
            ground = site.ground("kill")
            console.print(f"{intents:,} intents wait in {PARTITIONS} partitions")
            ground.preload(list(workload.intents(intents, "kill")))
            effects = directory / "effects"
            effects.touch()
            children = _start(ground, effects)
            try:
                kills = _kill_all(ground, pair, children, intents)
                time.sleep(AFTER_S)
            finally:
                for child in children:
                    child.stop()
            found = _figures(kills, _commands(ground), _effects(effects))
    found["run"] = {**machine(), "others_cores": others.cores()}
    out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    console.print(found)
    console.print(
        f"Targets: last command p99 {P99_MS} ms, at most {MAX_MS} ms after the acknowledgement; "
        f"last effect at most {EXECUTOR_MS} ms; no command above its kill's seq"
    )


def _appoint(files: Path) -> SigningKey:
    """An operator and an executor, besides those who sign intents."""
    pair, path = SigningKey.generate(), files / workload.KEYRING
    (files / "desk.secret").write_text("5e" * 32, encoding="ascii")
    ring = json.loads(path.read_text(encoding="utf-8"))
    ring["executors"] = [{"kid": DESK, "executor_id": DESK, "tools": ["*"], "secret_file": "desk.secret"}]
    public = bytes(pair.verify_key).hex()
    ring["operators"] = [{"kid": OPERATOR, "roles": ["operator"], "public": public}]
    path.write_text(json.dumps(ring), encoding="utf-8")
    return pair


def _start(ground: Ground, effects: Path) -> list[Child]:
    children = []
    for slot in range(WORKERS):
        child = Child(f"worker {slot}", ground.log.with_suffix(f".{slot}"))
        child.spawn((*GATE.argv[:-1], str(slot)), ground.environment())
        children.append(child)
    desk = Child("executor", ground.log.with_suffix(".desk"))
    desk.spawn((THIS, "-m", "bench.contenders.desk"), ground.environment() | {"BENCH_EFFECTS": str(effects)})
    return [*children, desk]


def _kill_all(ground: Ground, pair: SigningKey, children: Sequence[Child], intents: int) -> list[Killed]:
    """Kill one workflow after the other, as long as intents wait."""
    log, settings = ground.reader(), ground.settings
    places = [(workload.TOPIC, partition) for partition in range(PARTITIONS)]
    kills: list[Killed] = []
    ring = keys.load(ground.settings.keys_file or "")
    try:
        with Readers(settings) as readers, Operating(settings, ring, bundled()) as operating:
            deadline = time.monotonic() + START_S
            while committed(log, places) < intents // BEGUN:
                if time.monotonic() > deadline or not all(child.alive for child in children):
                    raise MeasureError("the gate did not begin", where=str(ground.log))
                time.sleep(0.1)
            for number in track(range(workload.POLICIES - SPARED), "Killing"):
                kills.append(_one(readers, operating, pair, workload.workflow_id(number)))
                if committed(log, places) >= intents:
                    break
    finally:
        log.close()
    return kills


def _one(readers: Readers, operating: Operating, pair: SigningKey, workflow_id: str) -> Killed:
    word = orders.stopping("kill", "workflow", workflow_id, "bench", (OPERATOR,), operating.standing())
    said_ms = time.time_ns() / 1e6
    held = orders.said(lambda: operating.say(word, {OPERATOR: pair}), readers, bundled(), ACK_S)
    return Killed(workflow_id, said_ms, time.time_ns() / 1e6, held.after)


def _commands(ground: Ground) -> list[tuple[str, int, int]]:
    """Of every command: workflow, seq, and when it was appended (ms of the epoch)."""
    found, codec = [], Codec(Command)
    with TopicReader(ground.settings, "commands") as reader:
        for envelope in records(reader, whole(reader)):
            command = codec.decode(envelope.value)
            found.append((command.workflow_id, command.seq, envelope.time_ms))
    return found


def _effects(path: Path) -> list[tuple[str, float]]:
    """Of every effect: workflow, and when it began (ms of the epoch)."""
    rows = (line.split() for line in path.read_text(encoding="ascii").splitlines())
    return [(workflow_id, int(at_ns) / 1e6) for workflow_id, at_ns in rows]


def _figures(
    kills: Sequence[Killed], commands: Sequence[tuple[str, int, int]], effects: Sequence[tuple[str, float]]
) -> dict[str, Any]:
    by_workflow = {killed.workflow_id: killed for killed in kills}
    appended, begun = dict.fromkeys(by_workflow, 0.0), dict.fromkeys(by_workflow, 0.0)
    above = 0
    for workflow_id, seq, at_ms in commands:
        if (killed := by_workflow.get(workflow_id)) is not None:
            above += seq > killed.after
            appended[workflow_id] = max(appended[workflow_id], at_ms - killed.acked_ms)
    for workflow_id, begun_ms in effects:
        if (killed := by_workflow.get(workflow_id)) is not None:
            begun[workflow_id] = max(begun[workflow_id], begun_ms - killed.acked_ms)
    return {
        "kills": len(kills),
        "commands": len(commands),
        "effects": len(effects),
        "commands_above_their_kill": above,
        "acknowledged_ms": _spread([killed.acked_ms - killed.said_ms for killed in kills]),
        "last_command_ms": _spread(list(appended.values())),
        "last_effect_ms": _spread(list(begun.values())),
    }


def _spread(values: list[float]) -> dict[str, float]:
    ranked = sorted(values)
    at = {"p50": 0.5, "p99": 0.99}
    found = {
        name: round(ranked[min(int(share * len(ranked)), len(ranked) - 1)], 1) for name, share in at.items()
    }
    return {**found, "max": round(ranked[-1], 1)}


if __name__ == "__main__":
    typer.run(kill)
