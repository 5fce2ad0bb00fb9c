"""One cell of the crash matrix: a worker halts at a point under load, something happens, and everything must hold."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

import verified
from fault_proxy import FaultProxy, Mode
from gate_site import Site, Worker
from patience import until
from proxied_broker import ProxiedBroker

from toolgate.streams import topic_admin
from toolgate.streams.local import Stack
from toolgate.streams.settings import load
from toolgate.verification.findings import Law

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from crash.faults import Fault
    from toolgate.verification.findings import Finding

# By the words people use, the loop's point and the how-manieth of it.
POINTS: dict[str, str] = {
    "before decide": "decide:3",
    "after decide": "receive:3",
    "in produce": "produce:3",
    "before commit": "commit:3",
    "after commit": "poll:9",
    "in recovery": "finish:1",
}
HALTING = Path(__file__).parents[1] / "support" / "halting.py"
SENT_FIRST, SENT_AFTER = 120, 100
REST_S, GO_ON_S = 120.0, 90.0
KINDS: dict[str, Callable[[Finding], bool]] = {  # of what verification finds
    "lost": lambda one: any(
        words in one.what for words in ("is not audited", "has no record on", "was not put aside")
    ),
    "doubled": lambda one: (
        one.law in {Law.FIRST, Law.RESERVATION}
        or any(words in one.what for words in (" times", "repeats", "has the seq of"))
    ),
    "over cap": lambda one: one.law in {Law.CAP, Law.CONTRACT},
    "unaudited": lambda one: any(
        words in one.what for words in ("is no input", "was never decided", "belongs to")
    ),
}


class Ground:
    """A broker and a Redis, each behind a proxy. A context manager."""

    def __init__(self, directory: Path) -> None:
        self.stack = Stack(directory / "stack")
        self.broker = ProxiedBroker(self.stack.directory, lambda _: None)
        self.stack.broker = self.broker
        self._directory = directory
        self._numbers = itertools.count(1)
        self.to_broker = FaultProxy(self.broker.behind, self.broker.proxy_port)
        self.to_redis: FaultProxy | None = None

    def __enter__(self) -> Self:
        self.stack.directory.mkdir(parents=True, exist_ok=True)
        self.to_broker.__enter__()
        self.stack.start()
        self.to_redis = FaultProxy(self.stack.redis.port)
        self.to_redis.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        for proxy in (self.to_broker, self.to_redis):
            if proxy is not None:
                proxy.__exit__(None, None, None)
        self.stack.stop()

    def proxies(self) -> tuple[FaultProxy, FaultProxy]:
        """Before the broker, and before Redis."""
        if self.to_redis is None:
            raise AssertionError("the ground has not been entered")
        return self.to_broker, self.to_redis

    def site(self) -> Site:
        """A fresh prefix whose workers go through the proxies; what was killed before is there again."""
        for part in (self.stack.broker, self.stack.redis):
            if not part.alive:
                part.start()
        for proxy in self.proxies():
            proxy.mode = Mode.PASS
        number = next(self._numbers)
        settings = load(
            bootstrap_servers=self.stack.bootstrap,
            redis_url=self.stack.redis_url,
            prefix=f"crash{number}",
            partitions=2,
            batch_size=100,
            session_timeout_ms=6000,
        )
        topic_admin.apply(topic_admin.connect(settings), settings)
        folder = self._directory / f"site-{number}"
        folder.mkdir(parents=True)
        return ProxiedSite(settings, folder, ground=self)


@dataclass
class ProxiedSite(Site):
    """A site whose workers reach broker and Redis through the proxies, and nobody else does."""

    ground: Ground | None = None
    halt_at: str = ""  # of the worker that is being started

    def environment(self, **more: str) -> dict[str, str]:
        """What a `toolgate` process is told."""
        if self.ground is None:
            raise AssertionError("a site of the crash matrix has a ground")
        broker, redis = self.ground.proxies()
        told = {
            "BOOTSTRAP_SERVERS": f"127.0.0.1:{broker.port}",
            "REDIS_URL": f"redis://127.0.0.1:{redis.port}/0",
        }
        halt = {"HALT_AT": self.halt_at} if self.halt_at else {}
        return super().environment(**told | halt | more)

    def halting(self, point: str, slot: int = 0) -> Worker:
        """A worker that stands still at the point."""
        self.halt_at = point
        try:
            return self.worker(slot, program=(str(HALTING),))
        finally:
            self.halt_at = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one hit."""

    fault: str
    point: str
    failover_s: float
    decided: int
    found: tuple[Finding, ...]

    def counted(self, kind: str) -> int:
        """How many findings are of this kind."""
        return sum(map(KINDS[kind], self.found))

    @property
    def others(self) -> int:
        """... and of none."""
        return sum(not any(is_of(one) for is_of in KINDS.values()) for one in self.found)


@dataclass
class Scene:
    """What a fault may touch: the site, its ground, and the worker that stands still."""

    ground: Ground
    site: ProxiedSite
    worker: Worker
    others: list[Worker] = field(default_factory=list)

    def go_on(self) -> None:
        """Let the worker go on."""
        self.worker.process.send_signal(18)  # SIGCONT

    def noticed(self, *words: str, limit_s: float = 30.0) -> None:
        """Wait until the worker has said one of these words, or has ended."""
        until(
            lambda: (
                any(word in self.worker.said() for word in words) or self.worker.process.poll() is not None
            ),
            f"the worker to say one of {words}",
            limit_s,
        )


def run(ground: Ground, fault: Fault, point: str) -> Outcome:
    """One hit.

    Raises:
        AssertionError: the worker does not come to the point, or nothing goes on afterwards; says what it said.
    """
    with ground.site() as made:
        site = made
        assert isinstance(site, ProxiedSite)
        site.send(SENT_FIRST)
        if point == "in recovery":
            before = site.worker().running()
            site.rest()
            before.kill()
            with site.redis() as client:
                client.flushall()
        fault.prepare(ground, site)
        worker = site.halting(POINTS[point])
        scene = Scene(ground, site, worker)
        load_ = site.start_load(seed=1, pace_s=0.1)
        until(
            lambda: _halted(worker) or worker.process.poll() is not None,
            lambda: f"the worker to halt at {POINTS[point]}; it said:\n{worker.said()[-3000:]}",
        )
        assert worker.process.poll() is None, worker.said()
        before_it, since = site.committed(), time.monotonic()
        fault.happen(scene)
        if worker.process.poll() is not None and not any(one.process.poll() is None for one in scene.others):
            scene.others.append(site.worker())
        until(
            lambda: site.committed() > before_it,
            lambda: f"decisions to go on; the workers said:\n{tails(site)}",
            GO_ON_S,
        )
        took = time.monotonic() - since
        sent = load_.sent
        until(lambda: load_.sent > sent + SENT_AFTER, "more load")
        load_.stop()
        site.rest(REST_S)
        report = verified.report(site.settings)
        return Outcome(fault.name, point, took, report.judged, tuple(report.findings.listed()))


def _halted(worker: Worker) -> bool:
    """Whether the process is stopped, by what the system says of it."""
    try:
        with open(f"/proc/{worker.process.pid}/stat", encoding="ascii", errors="replace") as stat:  # noqa: PTH123
            return stat.read().rpartition(")")[2].split()[0] == "T"
    except FileNotFoundError:
        return False


def tails(site: Site) -> str:
    """The last that each worker said."""
    return "\n---\n".join(worker.said()[-2500:] for worker in site.workers)


def points(wanted: list[str]) -> Iterator[str]:
    """The points of the loop, or those wanted."""
    return (point for point in POINTS if not wanted or point in wanted)
