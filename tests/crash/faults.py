"""The faults of the crash matrix: what happens to the parts while a worker stands still at a point."""

from __future__ import annotations

import shutil
import signal
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fault_proxy import FaultProxy, Mode
from patience import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from crash.cell import Ground, ProxiedSite, Scene

SESSION_S, REDIS_PAUSE_S, NETWORK_S = 8.0, 5.0, 6.0
_NOTICED = (
    "UnavailableError",
    "RejoinError",
    "FatalError",
    "AbortError",
    "RetryError",
    "LogError",
    "UnverifiedError",
)


def _nothing(_ground: Ground, _site: ProxiedSite) -> None:
    """Most faults need no preparation."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault.

    Attributes:
        name: for people.
        at: the point of the loop at which it is tried with every change: where it can do most.
        happen: what it does to a scene.
        prepare: what must be done before the worker starts.
    """

    name: str
    at: str
    happen: Callable[[Scene], None]
    prepare: Callable[[Ground, ProxiedSite], None] = _nothing


def _wait(seconds: float) -> None:
    """The fault lasts so long: its length is what it is, nothing is waited for."""
    threading.Event().wait(seconds)


# --- workers ----------------------------------------------------------------------------------------------


def worker_killed(scene: Scene) -> None:
    """The worker dies where it stands."""
    scene.worker.kill()


def worker_stopped(scene: Scene) -> None:
    """It stands still beyond its session, another takes over, and it goes on."""
    scene.others.append(scene.site.worker(1).running())
    scene.go_on()


def two_of_one_slot(scene: Scene) -> None:
    """A second process of the same slot starts while the first stands still; one of them ends."""
    scene.others.append(scene.site.worker(0))
    scene.go_on()
    both = (scene.worker, *scene.others)
    until(lambda: sum(one.process.poll() is None for one in both) == 1, "one of two to end")


def rebalance_storm(scene: Scene) -> None:
    """Another worker comes and goes, three times."""
    scene.go_on()
    for _ in range(3):
        other = scene.site.worker(1).running()
        other.process.send_signal(signal.SIGTERM)
        other.ended()


# --- Redis ------------------------------------------------------------------------------------------------


def redis_killed(scene: Scene) -> None:
    """It dies and comes back with its append-only file."""
    scene.ground.stack.redis.kill()
    scene.ground.stack.redis.start()
    scene.go_on()


def _keep_older(ground: Ground, site: ProxiedSite) -> None:
    """A copy of the data as it is now."""
    server, older = ground.stack.redis, ground.stack.redis.data.with_name("older")
    with site.redis() as client:
        client.bgrewriteaof()
        until(lambda: not client.info("persistence")["aof_rewrite_in_progress"], "the rewrite")
    server.kill()
    shutil.rmtree(older, ignore_errors=True)
    shutil.copytree(server.data, older)
    server.start()


def redis_older(scene: Scene) -> None:
    """It dies, and an older file is put back."""
    server = scene.ground.stack.redis
    server.kill()
    shutil.rmtree(server.data)
    shutil.copytree(server.data.with_name("older"), server.data)
    server.start()
    scene.go_on()


def _command(*words: str) -> Callable[[Scene], None]:
    def happen(scene: Scene) -> None:
        with scene.site.redis() as client:
            client.execute_command(*words)
        scene.go_on()

    return happen


def redis_paused(scene: Scene) -> None:
    """It answers nobody for five seconds."""
    server = scene.ground.stack.redis
    server.suspend()
    scene.go_on()
    _wait(REDIS_PAUSE_S)
    server.resume()


def redis_full(scene: Scene) -> None:
    """`maxmemory` is hit: it takes no writes until somebody gives it room."""
    with scene.site.redis() as client:
        client.config_set("maxmemory", "1")
        scene.go_on()
        scene.noticed("UnavailableError", "OOM")
        client.config_set("maxmemory", "0")


# --- the broker and the network ---------------------------------------------------------------------------


def broker_killed(scene: Scene) -> None:
    """It dies and comes back with its data."""
    scene.ground.stack.broker.kill()
    scene.ground.stack.broker.start()
    scene.go_on()


def _network(proxy: Callable[[Ground], FaultProxy], mode: Mode) -> Callable[[Scene], None]:
    """The way between the worker and one of them is bad for some seconds."""

    def happen(scene: Scene) -> None:
        found = proxy(scene.ground)
        found.mode = mode
        scene.go_on()
        _wait(NETWORK_S)
        found.mode = Mode.PASS

    return happen


def _to_broker(ground: Ground) -> FaultProxy:
    return ground.proxies()[0]


def _to_redis(ground: Ground) -> FaultProxy:
    return ground.proxies()[1]


MODES = tuple(mode for mode in Mode if mode != Mode.PASS)
# Answers of Redis are lost at decisions and in a rebuild; those of the broker where something is written or committed.
REDIS_AT = ("in recovery", "before decide", "after decide", "before decide", "after decide")
BROKER_AT = ("in produce", "before commit", "in produce", "before commit", "after commit")
FAULTS: tuple[Fault, ...] = (
    Fault("worker: kill -9", "after decide", worker_killed),
    Fault("worker: stopped beyond its session", "before commit", worker_stopped),
    Fault("worker: two of one slot", "in produce", two_of_one_slot),
    Fault("worker: rebalance storm", "after commit", rebalance_storm),
    Fault("redis: kill -9", "before decide", redis_killed),
    Fault("redis: older file put back", "after decide", redis_older, _keep_older),
    Fault("redis: FLUSHALL", "in recovery", _command("FLUSHALL")),
    Fault("redis: SCRIPT FLUSH", "after decide", _command("SCRIPT", "FLUSH")),
    Fault("redis: paused for 5 s", "before decide", redis_paused),
    Fault("redis: maxmemory hit", "before decide", redis_full),
    Fault("broker: kill -9", "before commit", broker_killed),
    *(
        Fault(f"network to {name}: {mode}", at, _network(proxy, mode))
        for name, proxy, points in (("redis", _to_redis, REDIS_AT), ("broker", _to_broker, BROKER_AT))
        for mode, at in zip(MODES, points, strict=True)
    ),
)
