"""A gate on the real parts for tests: keys, policies, workers as processes, load, and the verdict of the checker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import checker
import redis
from confluent_kafka import Consumer, Producer, TopicPartition
from gate_load import WORKFLOW, Load
from patience import LIMIT_S, until

from toolgate.schemas.codec import Codec
from toolgate.schemas.records import AuditEvent, Command, Control, Draft, Hold
from toolgate.streams.gate import keys
from toolgate.streams.ledger.redis import RedisLedger
from toolgate.streams.log.kafka import KafkaLog
from toolgate.streams.ports import INPUTS, RetryError
from toolgate.streams.settings import client_producer_config
from toolgate.streams.topics import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from toolgate.processors.case import Envelope
    from toolgate.streams.settings import Settings

RUN_INPUTS = len(INPUTS) - 1  # whose records belong to runs: all but control, which has one partition
TOOLS = """
tools:
  - name: look
    effect: read
    system: bank
    records: []
    cost: 0.001
    params: {properties: {id: {type: string}}, required: [id]}
  - name: pay
    effect: write
    system: bank
    records: [id]
    cost: 0.01
    params: {properties: {id: {type: string}}, required: [id]}
"""
POLICY = f"""
policy:
  workflow_id: {WORKFLOW}
  allowed_tools: [look, pay]
  limits: {{max_tool_calls: 30, max_denials: 10000}}
  attempts: {{run: {{max: 1000000, per: 1m}}, agent: {{max: 1000000, per: 1m}}}}
  budgets:
    - {{scope: tenant, unit: usd, max: 3.00, window: 1h}}
    - {{scope: workflow, unit: usd, max: 2.50, window: none}}
  blast_radius:
    - {{scope: workflow, max: 12, window: 1h}}
"""


@dataclass
class Worker:
    """A `toolgate gate` process with its log."""

    process: subprocess.Popen[bytes]
    log: Path
    out: Path
    url: str = ""

    def said(self) -> str:
        """Everything it has logged so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def announced(self) -> dict[str, Any]:
        """What it printed at its start."""

        def line() -> str:
            return self.out.read_text(encoding="utf-8").partition("\n")[0]

        until(lambda: line() or self.process.poll() is not None, "an announcement")
        assert line(), self.said()
        return dict(json.loads(line()))

    def health(self, page: str = "/health") -> dict[str, Any]:
        """A page of its endpoint, whatever the status code; empty when nobody answers."""
        self.url = self.url or self.announced()["health"]
        try:
            with urllib.request.urlopen(self.url + page, timeout=5) as answer:  # noqa: S310 - our own worker
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            return dict(json.load(error))
        except OSError:
            return {}

    def metrics(self) -> dict[str, float]:
        """Its metrics by name and labels, as the page has them."""
        self.url = self.url or self.announced()["health"]
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=5) as answer:  # noqa: S310 - our own worker
            rows = answer.read().decode().splitlines()
        return {row.rpartition(" ")[0]: float(row.rpartition(" ")[2]) for row in rows if row[0] != "#"}

    def running(self, partitions: int | None = None) -> Worker:
        """Wait until it decides on partitions (all, or that many)."""

        def there() -> bool:
            assert self.process.poll() is None, self.said()
            owned = self.health().get("partitions", [])
            return len(owned) == partitions if partitions is not None else bool(owned)

        until(there, lambda: f"partitions; it said:\n{self.said()[-3000:]}")
        return self

    def ended(self, limit_s: float = LIMIT_S) -> int:
        """Its exit code, once it has ended."""
        try:
            return self.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it does not end; it said:\n{self.said()[-3000:]}") from None

    def stop(self) -> int:
        """Stop it in order."""
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        return self.ended()

    def kill(self) -> None:
        """End it where it stands."""
        self.process.kill()
        self.process.wait()


@dataclass
class Site:
    """One prefix with its files. Use it as a context manager: no worker outlives it."""

    settings: Settings
    folder: Path
    workers: list[Worker] = field(default_factory=list)
    others: list[subprocess.Popen[bytes]] = field(default_factory=list)
    load: Load | None = None
    with_folder: bool = True  # whether workers are told of policies beside them
    sets: checker.Sets | None = None  # the policy sets that decisions must fit

    def __post_init__(self) -> None:
        (self.folder / "tools.yaml").write_text(TOOLS, encoding="utf-8")
        (self.folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
        ring = self.folder / "keyring.yaml"
        keys.new_intent(ring, "agents-1", WORKFLOW)
        keys.new_executor(ring, "desk-1", "desk", ["*"])
        loaded = keys.load(ring)
        self.agents, self.desk = loaded.intents["agents-1"], loaded.executors["desk-1"]
        self._log = KafkaLog(self.settings, lambda _: None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.load:
            self.load.stop()
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.kill()
        for process in self.others:
            process.kill()
            process.wait()
        self._log.close()

    # --- processes ---

    def environment(self, **more: str) -> dict[str, str]:
        """What a `toolgate` process is told."""
        settings = self.settings
        told = {
            "BOOTSTRAP_SERVERS": settings.bootstrap_servers,
            "REDIS_URL": settings.ledger_url,
            "PREFIX": settings.prefix,
            "PARTITIONS": str(settings.partitions),
            "BATCH_SIZE": str(settings.batch_size),
            "SESSION_TIMEOUT_MS": str(settings.session_timeout_ms),
            "KEYS_FILE": str(self.folder / "keyring.yaml"),
            "METRICS_PORT": "0",
        }
        told |= ({"POLICIES_DIR": str(self.folder)} if self.with_folder else {}) | more
        return os.environ | {f"TOOLGATE_{name}": value for name, value in told.items()}

    def toolgate(self, *words: str, limit_s: float = 100) -> subprocess.CompletedProcess[str]:
        """A `toolgate` command, to its end."""
        command = [sys.executable, "-m", "toolgate.cli", *words]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, env=self.environment(), timeout=limit_s
        )

    def worker(
        self,
        slot: int = 0,
        *words: str,
        crash_at: str = "",
        program: tuple[str, ...] = ("-m", "toolgate.cli"),
    ) -> Worker:
        """A worker process; `crash_at` names the point at which it kills itself."""
        more = {"TEST_HOOKS": "1", "CRASH_AT": crash_at} if crash_at else {}
        number = len(self.workers)
        log, out = self.folder / f"worker-{number}.log", self.folder / f"worker-{number}.out"
        with log.open("ab") as errors, out.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, *program, "gate", "--slot", str(slot), "--json", *words],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                env=self.environment(**more),
            )
        self.workers.append(Worker(process, log, out))
        return self.workers[-1]

    def snapshots(self) -> subprocess.Popen[bytes]:
        """The process beside the workers that writes snapshots."""
        with (self.folder / "snapshots.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "toolgate.cli", "snapshot", "--json"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                env=self.environment(),
            )
        self.others.append(process)
        return process

    def redis(self) -> redis.Redis:
        """A client of the ledger's Redis."""
        return redis.Redis.from_url(self.settings.ledger_url, socket_timeout=5)

    # --- records ---

    def send(self, count: int, seed: int = 0) -> None:
        """Send intents, results and some repetitions, and wait until the broker has them."""
        load = Load(self, seed)
        while load.sent < count:
            load.some()
        load.flush()

    def send_raw(
        self,
        topic: str,
        key: bytes,
        value: bytes,
        headers: Sequence[tuple[str, bytes]] = (),
        partition: int = -1,
    ) -> None:
        """One record as it is; partition -1: that of its key."""
        producer = Producer({**client_producer_config(self.settings), "log_level": 0})
        producer.produce(self.settings.topic(topic), value, key, partition, headers=list(headers))
        until(lambda: producer.flush(1.0) == 0, "the broker to take a record")

    def start_load(self, seed: int = 0, pace_s: float = 0.01) -> Load:
        """Send until told to stop, some each `pace_s`."""
        self.load = Load(self, seed, pace_s)
        self.load.start()
        return self.load

    def rest(self, limit_s: float = LIMIT_S) -> None:
        """Wait until every input is committed, and what came of it can be read: its marker is written a moment later.

        But for ticks: behind those lie markers, which nobody commits.
        """
        places = [
            (name, p)
            for name in INPUTS
            if name != "ticks"
            for p in range(BY_NAME[name].partitions(self.settings.partitions))
        ]

        def behind() -> dict[Any, Any]:
            ends = {tp: self._log.bounds(tp)[1] for tp in places}
            committed = self._log.committed(places)
            return {tp: (committed.get(tp, 0), end) for tp, end in ends.items() if committed.get(tp, 0) < end}

        def rested() -> bool:
            try:
                return not behind() and not self._unmarked()
            except RetryError:  # the broker has just come back
                return False

        def said() -> str:
            tails = [worker.said()[-2000:] for worker in self.workers]
            return f"all decided; behind: {behind()}; the workers said:\n" + "\n---\n".join(tails)

        until(rested, said, limit_s)

    def committed(self) -> int:
        """How many intents are decided for good; 0 while the broker does not say."""
        places = [("intents", partition) for partition in range(self.settings.partitions)]
        try:
            return sum(self._log.committed(places).values())
        except RetryError:
            return 0

    def end(self, tp: tuple[str, int]) -> int:
        """The last stable offset of a topic-partition."""
        return self._log.bounds(tp)[1]

    def envelopes(self, topic: str) -> list[Envelope]:
        """All committed records of a topic, undecoded."""
        return list(self._log.read(topic))

    def read(self, topic: str, record: type[Any]) -> list[Any]:
        """All committed records of a topic."""
        codec = Codec(record)
        return [codec.decode(envelope.value) for envelope in self.envelopes(topic)]

    def _unmarked(self) -> bool:
        """Whether the audit has records whose transaction has no end yet."""
        name, log = self.settings.topic("audit"), self._log
        reader = Consumer(
            {
                "bootstrap.servers": self.settings.bootstrap_servers,
                "group.id": "nobody",
                "isolation.level": "read_uncommitted",  # else its end is the last stable offset, too
                "log_level": 0,
            }
        )
        try:
            return any(
                log.bounds(("audit", p))[1]
                < reader.get_watermark_offsets(TopicPartition(name, p), LIMIT_S)[1]
                for p in range(self.settings.partitions)
            )
        finally:
            reader.close()

    def audit(self) -> list[AuditEvent]:
        """All audit events."""
        return self.read("audit", AuditEvent)

    def violations(self) -> list[str]:
        """What the checker finds wrong about topics and ledger, at rest."""
        inputs: dict[tuple[str, int], list[int]] = {}
        for name in INPUTS:
            for envelope in self._log.read(name):
                inputs.setdefault((name, envelope.partition), []).append(envelope.offset)
        ledger = RedisLedger(self.settings.ledger_url, self.settings.prefix)
        try:
            dump = ledger.dump()
        finally:
            ledger.close()
        codec = Codec(Control)
        words = {envelope.offset: codec.decode(envelope.value) for envelope in self.envelopes("control")}
        proposals = [*self.read("holds", Hold), *self.read("drafts", Draft)]
        commands = self.read("commands", Command)
        return checker.violations(
            self.audit(), commands, inputs, dump, words, sets=self.sets, proposals=proposals
        )

    def check(self, approved: int = 1) -> list[AuditEvent]:
        """Wait for rest, let the checker look, and see that at least so many calls were approved."""
        self.rest()
        found: list[str] = []

        def fine() -> bool:
            found[:] = self.violations()
            return not found

        until(fine, lambda: f"a history that holds; found {found}", 10)
        events = self.audit()
        assert sum(event.verdict == "APPROVE" for event in events) >= approved
        return events
