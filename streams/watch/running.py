"""Running: the watch as a process. The one place where its parts meet."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING, Any, Self, cast

import faust
import structlog

from toolgate.streams import topic_admin
from toolgate.streams.gate.health import Endpoint
from toolgate.streams.log.watchdog import Watchdog
from toolgate.streams.operating import Operating
from toolgate.streams.watch import application
from toolgate.streams.watch.folding import FAULT, Folding
from toolgate.streams.watch.metrics import Metrics, Process, families
from toolgate.streams.watch.pages import Pages, figures_view
from toolgate.streams.watch.reporting import Reporting
from toolgate.streams.watch.standing import Follower
from toolgate.streams.watch.watching import Watching

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolgate.processors.keyring import Keyring
    from toolgate.processors.policy import PolicySet
    from toolgate.schemas.registry import Registry
    from toolgate.streams.operating import Signer
    from toolgate.streams.settings import Settings
    from toolgate.streams.watch.measures import Prices
    from toolgate.streams.watch.transport import Consumer

SHOW_S = 2.0  # how old metrics and pages may be
STUCK_S, HUNG_S = 120.0, 120.0
SETTLED_MS = 5_000  # a minute is over for a clock so long after its end
_log = structlog.get_logger("toolgate.watch")


@dataclass(frozen=True, slots=True)
class Parts:
    """What the process was given."""

    settings: Settings
    registry: Registry
    keyring: Keyring
    fallback: PolicySet | None  # the folder's policies
    signers: Mapping[str, Signer]  # the watch's own key; none: it only tells
    prices: Prices


class Watch:
    """The application with everything around it. A context manager; `app` is Faust's."""

    def __init__(self, parts: Parts) -> None:
        """Raises SettingsError: it cannot listen, or connect as it is told."""
        self._settings = settings = parts.settings
        self._process = Process(acts=bool(parts.signers))
        self._prices = parts.prices
        self._metrics = Metrics()
        self._pages = Pages(self._metrics)
        self.app = application.make(settings)
        self._follower = Follower(Operating(settings, parts.keyring, parts.registry), parts.fallback)
        alerts = self.app.topic(settings.topic("alerts"), key_type=bytes, value_type=bytes)
        self._reporting = Reporting(alerts, parts.registry, self._follower, parts.signers, self._process)
        seed = settings.review_seed.get_secret_value().encode() if settings.review_seed else b""
        self._watching = Watching(
            self._follower,
            self._reporting,
            parts.keyring,
            parts.prices,
            seed=seed,
            acts=bool(parts.signers),
        )
        self._folding = Folding(self.app, settings, parts.registry, self._watching)
        self._watchdog = Watchdog(STUCK_S, time.monotonic)
        self._began = time.monotonic()
        self._beat = time.monotonic()
        self._stack = ExitStack()
        self.app.timer(SHOW_S)(self._show)
        self.app.on_rebalance_complete.connect(self._rebuilt)
        self.endpoint = Endpoint(self._pages, settings.metrics_host, settings.metrics_port)

    def __enter__(self) -> Self:
        """Raises UnreachableError, RefusedError, RetryError: topics or control are not there or not as they must be."""
        topic_admin.check(topic_admin.connect(self._settings), self._settings)
        self._stack.callback(self.endpoint.close)
        self._stack.callback(self._reporting.close)
        self._stack.enter_context(self._follower)
        Thread(target=self._guard, name="guard", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def run(self) -> None:
        """Work until SIGTERM or SIGINT. Ends the process: 0, or 70 where something was not understood."""
        worker = faust.Worker(self.app, loglevel="WARN", quiet=True, override_logging=False)
        worker.spinner = None  # it writes control characters, also where nobody sees them
        worker.execute_from_commandline()

    async def _rebuilt(self, *_: Any, **__: Any) -> None:
        self._process.rebuild_s = time.monotonic() - self._began
        self._pages.state["ready"] = True

    async def _show(self) -> None:
        self._beat = time.monotonic()
        behind = await cast("Consumer", self.app.consumer).behind(self._folding.folded)
        lag: dict[str, int] = {}
        for (topic, partition), count in behind.items():
            name = topic.removeprefix(f"{self._settings.prefix}.")
            if name in application.SOURCES:
                lag[name] = lag.get(name, 0) + count
                if self._watchdog.saw((name, partition), -count, 0):
                    _log.error("a partition stands still", topic=topic, partition=partition, behind=count)
                    os._exit(FAULT)
        now_ms = time.time_ns() // 1_000_000
        if behind and not lag.get("pulse"):
            await self._folding.until(now_ms - SETTLED_MS)
        self._process.lag, self._process.unreadable = lag, self._folding.unreadable
        self._watching.look()
        folded, judged = self._folding.figures, self._watching.judged
        self._metrics.show(families(folded, judged, self._prices, self._process, now_ms))
        self._pages.view = figures_view(folded, self._folding.runs, judged, self._prices, now_ms)
        self._pages.state |= {"lag": lag, "control": self._follower.problem or "current"}

    def _guard(self) -> None:
        """A loop that hangs cannot say so itself."""
        while True:
            time.sleep(HUNG_S / 10)
            if time.monotonic() - self._beat > HUNG_S and self._pages.state["ready"]:
                _log.error("the loop hangs")
                os._exit(FAULT)
