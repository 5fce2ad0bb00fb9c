"""`make million`: many intents through two workers while something is killed every few seconds."""

from __future__ import annotations

import json
import logging
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import structlog
import typer
from confluent_kafka import Producer
from gate_load import WORKFLOW
from gate_site import Site, Worker
from patience import until
from rich.console import Console
from rich.progress import Progress

from crash.cell import tails
from toolgate.processors.keyring import mac
from toolgate.schemas.codec import Codec
from toolgate.schemas.headers import KID, MAC
from toolgate.schemas.records import AuditEvent, Intent
from toolgate.streams import topic_admin
from toolgate.streams.local import Stack
from toolgate.streams.settings import client_producer_config, load

if TYPE_CHECKING:
    from collections.abc import Iterator

RUN_CALLS, RUNS_AT_ONCE = 25, 400
EVERY_S = (3.0, 8.0)  # between two kills
BACK_S = 600.0  # a ledger of a million decisions takes its time to be rebuilt
POLICY = f"""
policy:
  workflow_id: {WORKFLOW}
  allowed_tools: [look, pay]
  limits: {{max_tool_calls: 20, max_denials: 10000}}
  attempts: {{run: {{max: 1000000, per: 1m}}, agent: {{max: 1000000, per: 1m}}}}
  budgets:
    - {{scope: tenant, unit: usd, max: 100000.00, window: 1h}}
    - {{scope: workflow, unit: calls, max: 100000000, window: none}}
  blast_radius:
    - {{scope: run, max: 12}}
"""
_KILLS = ("worker 0", "worker 1", "worker 0", "worker 1", "redis", "broker")


def million(
    *,
    intents: Annotated[int, typer.Option(min=1_000, help="How many are sent.")] = 1_000_000,
    seed: Annotated[int, typer.Option(help="What is killed when.")] = 0,
) -> None:
    """Send, kill, wait, check; exit code 1 when anything was lost, doubled, out of order or over a cap."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="toolgate-million-", ignore_cleanup_errors=True) as folder:
        directory = Path(folder)
        with Stack(directory / "stack") as stack:
            settings = load(
                bootstrap_servers=stack.bootstrap,
                redis_url=stack.redis_url,
                prefix="million",
                partitions=2,
                batch_size=1000,
                session_timeout_ms=6000,
            )
            topic_admin.apply(topic_admin.connect(settings), settings)
            (directory / "site").mkdir()
            with Site(settings, directory / "site") as site:
                (site.folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
                found = _run(site, stack, intents, seed, console)
    sys.stdout.write(json.dumps(found, indent=2) + "\n")
    if not found["verified"]["holds"] or found["decided"] != intents:
        raise typer.Exit(1)


def _run(site: Site, stack: Stack, intents: int, seed: int, console: Console) -> dict[str, object]:
    chance = random.Random(seed)
    workers = {slot: site.worker(slot) for slot in (0, 1)}
    for worker in workers.values():
        worker.running()
    sender = threading.Thread(target=_send, args=(site, intents), daemon=True)
    since = time.monotonic()
    sender.start()
    killed: Counter[str] = Counter()
    outages: list[float] = []
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("decided", total=intents)
        next_s = since + chance.uniform(*EVERY_S)
        snapshots = site.snapshots()
        while (done := site.committed()) < intents:
            progress.update(task, completed=done)
            _tend(site, workers)
            if snapshots.poll() is not None:
                snapshots = site.snapshots()
            if time.monotonic() >= next_s and done < intents * 0.98:
                what = chance.choice(_KILLS)
                killed[what.partition(" ")[0]] += 1
                outages.append(_kill(site, stack, workers, what))
                next_s = time.monotonic() + chance.uniform(*EVERY_S)
            threading.Event().wait(0.2)
    took = time.monotonic() - since
    sender.join()
    site.rest(600)
    console.print("Verifying")
    report = json.loads(site.toolgate("verify", "--json", limit_s=3600).stdout)
    verdicts: Counter[str] = Counter()
    generations: set[str] = set()
    codec = Codec(AuditEvent)
    for event in map(codec.decode, (envelope.value for envelope in site.envelopes("audit"))):
        generations.add(event.gen)
        verdicts[event.verdict] += event.topic == "intents"
    return {
        "intents": intents,
        "decided": sum(verdicts.values()),
        "verdicts": dict(verdicts),
        "generations": len(generations),
        "killed": dict(killed),
        "seconds": round(took),
        "per_s": round(intents / took),
        "back_after_s": {
            "median": round(sorted(outages)[len(outages) // 2], 1),
            "most": round(max(outages), 1),
        }
        if outages
        else {},
        "verified": report,
    }


def _kill(site: Site, stack: Stack, workers: dict[int, Worker], what: str) -> float:
    """Kill something, bring it back, and wait until decisions go on; the seconds that took."""
    since = time.monotonic()
    kind, _, slot = what.partition(" ")
    if kind == "worker":
        workers[int(slot)].kill()
        workers[int(slot)] = site.worker(int(slot))
    else:
        server = stack.redis if kind == "redis" else stack.broker
        server.kill()
        server.start()
    before = site.committed()

    def goes_on() -> bool:
        _tend(site, workers)
        return site.committed() > before

    until(
        goes_on,
        lambda: f"decisions to go on after {what} was killed; the workers said:\n{tails(site)}",
        BACK_S,
    )
    return time.monotonic() - since


def _tend(site: Site, workers: dict[int, Worker]) -> None:
    """Start again what has ended by itself, as `toolgate gate` does: a worker that met a Redis still loading."""
    for slot, worker in workers.items():
        if worker.process.poll() is not None:
            workers[slot] = site.worker(slot)


def _send(site: Site, count: int) -> None:
    """Signed intents of many runs under way at once, as fast as the broker takes them."""
    producer = Producer({**client_producer_config(site.settings), "log_level": 0})
    codec, key, name = Codec(Intent), site.agents, site.settings.topic("intents")
    for intent in _intents(count):
        value, run = codec.encode(intent), intent.run_id.encode()
        headers = [(KID, key.kid.encode()), (MAC, mac(key.secret, "intents", run, value))]
        while True:
            try:
                producer.produce(name, value, run, headers=headers)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    while producer.flush(5.0):
        pass


def _intents(count: int) -> Iterator[Intent]:
    for number in range(count):
        run = number // (RUN_CALLS * RUNS_AT_ONCE) * RUNS_AT_ONCE + number % RUNS_AT_ONCE
        yield Intent(
            intent_id=f"i{number}",
            kind="call",
            tenant="default",
            workflow_id=WORKFLOW,
            run_id=f"run-{run}",
            agent_id="ann",
            tool="pay" if number % 3 else "look",
            params=json.dumps({"id": f"r{number % 97}"}, separators=(",", ":")),
        )


if __name__ == "__main__":
    typer.run(million)
