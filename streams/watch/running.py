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
from toolgate.streams.watch.folding import Folding
from toolgate.streams.watch.metrics import Metrics, Process, families
from toolgate.streams.watch.pages import Pages, figures_view
from toolgate.streams.watch.reporting import Reporting
from toolgate.streams.watch.standing import Follower
from toolgate.streams.watch.transport import FAULT
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

SHOW_S = 2.0  # how old metrics and pages may be, unless making them takes more than ...
SHOW_SHARE = 0.1  # ... of the time
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
            clock_ms=_now_ms,
        )
        self._folding = Folding(self.app, settings, parts.registry, self._watching)
        self._watchdog = Watchdog(STUCK_S, time.monotonic)
        self._began = time.monotonic()
        self._beat = time.monotonic()
        self._stack = ExitStack()
        self._show_at = 0.0
        self._judged = 0  # up to the last look
        self.app.timer(SHOW_S)(self._look)
        self.app.timer(SHOW_S)(self._judge)
        self.app.on_rebalance_complete.connect(self._rebuilt)
        self.endpoint = Endpoint(self._pages, settings.metrics_host, settings.metrics_port)

    def __enter__(self) -> Self:
        """Raises UnreachableError, RefusedError, RetryError: topics or control are not there or not as they must be."""
        admin = topic_admin.connect(self._settings)
        topic_admin.check(admin, self._settings)
        application.create_changelogs(admin, self._settings)
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
        worker.spinner = None  # it writes what hides a terminal's cursor to whatever output is
        try:
            worker.execute_from_commandline()
        except SystemExit as end:
            raise SystemExit(FAULT if end.code else 0) from None

    async def _rebuilt(self, *_: Any, **__: Any) -> None:
        if self._process.rebuild_s is None:
            self._process.rebuild_s = time.monotonic() - self._began
        self._pages.state["ready"] = True

    async def _judge(self) -> None:
        """Minutes in which no pulse comes end as well. A timer of its own: after a long silence there are many."""
        await self._folding.until(_now_ms() - SETTLED_MS)

    async def _look(self) -> None:
        self._beat = time.monotonic()
        behind = cast("Consumer", self.app.consumer).behind(self._folding.folded)
        waits = self._folding.waits and self._folding.judged != self._judged
        self._judged = self._folding.judged
        lag: dict[str, int] = {}
        for (topic, partition), count in behind.items():
            name = topic.removeprefix(f"{self._settings.prefix}.")
            if name in application.SOURCES:
                lag[name] = lag.get(name, 0) + count
                at = self._folding.folded.get((topic, partition), -1)
                if name == "pulse" and waits:  # one task folds those of all partitions
                    self._watchdog.forget((name, partition))
                if self._watchdog.saw((name, partition), at, at + count):
                    _log.error("a partition stands still", topic=topic, partition=partition, behind=count)
                    os._exit(FAULT)
        self._process.lag, self._process.unreadable = lag, self._folding.unreadable
        self._process.open_runs = len(self._folding.open)
        self._process.control_current = not self._follower.problem
        self._pages.state |= {"lag": lag, "control": self._follower.problem or "current"}
        self._watching.look()
        if self._beat >= self._show_at:
            self._show()
            # Of many workflows it takes long: then it is done less often, and folding has the time.
            self._show_at = time.monotonic() + (time.monotonic() - self._beat) / SHOW_SHARE - SHOW_S

    def _show(self) -> None:
        folded, judged, now_ms = self._folding.figures, self._watching.judged, _now_ms()
        self._metrics.show(families(folded, judged, self._prices, self._process, now_ms))
        view = figures_view(folded, self._folding.runs, judged, self._prices, now_ms)
        part = {"owned": len(self._folding.owned()), "of": self._settings.partitions}
        self._pages.view = {**view, "partitions": part}

    def _guard(self) -> None:
        """A loop that hangs cannot say so itself."""
        while True:
            time.sleep(HUNG_S / 10)
            if time.monotonic() - self._beat > HUNG_S and self._pages.state["ready"]:
                _log.error("the loop hangs")
                os._exit(FAULT)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
