"""The notifier: a courier for each endpoint, each in a thread of its own, and one that looks for what is overdue."""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import TYPE_CHECKING

import structlog

from toolgate.inspection.search import Readers
from toolgate.notify.courier import Courier
from toolgate.notify.crew import AGAIN_S, Crew
from toolgate.notify.inbox import Inbox
from toolgate.notify.overdue import Overdue
from toolgate.notify.post import Post
from toolgate.review.queue import Following
from toolgate.streams.log.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolgate.notify.counts import Counts
    from toolgate.notify.endpoints import Endpoint
    from toolgate.schemas.registry import Registry
    from toolgate.streams.settings import Settings

LOOK_S = 15.0
_STEP_S = 0.2
_log = structlog.get_logger("toolgate.notify")


class Notifier:
    """Tells all endpoints until it is stopped. One that fails begins again by itself; where all do, this ends.

    Args:
        settings: where Kafka is and which prefix.
        endpoints: whom.
        counts: what came of it.
        registry: where schema ids come from.
    """

    def __init__(
        self,
        settings: Settings,
        endpoints: Sequence[Endpoint],
        counts: Counts,
        registry: Registry | None = None,
    ) -> None:
        self._settings = settings
        self._counts = counts
        self._registry = registry
        self._stopped = threading.Event()
        self._endpoints = {endpoint.name: endpoint for endpoint in endpoints}
        self._couriers = {endpoint.name: self._courier(endpoint) for endpoint in endpoints}

    def stop(self) -> None:
        """End soon: what is being told is told again by whoever comes next."""
        self._stopped.set()

    def run(self, *, once: bool = False) -> None:
        """Tell until `stop`; `once`: all that there is now, then end.

        Raises:
            RefusedError: the topics may not be read, by none of the endpoints' groups.
            UnreachableError: Kafka does not answer; or, `once`, an endpoint takes nothing.
        """
        if once:
            self._look(lambda: True)
        works = {name: partial(self._deliver, name, once=once) for name in self._couriers}
        crew = Crew(self._stopped, self._failed, None if once else AGAIN_S)
        crew.run(works, None if once else partial(self._look, self._stopped.is_set))

    def _courier(self, endpoint: Endpoint) -> Courier:
        return Courier(
            endpoint,
            Post(endpoint.url, endpoint.timeout_ms),
            self._counts,
            prefix=self._settings.prefix,
            stopped=self._stopped.is_set,
            registry=self._registry,
        )

    def _deliver(self, name: str, *, once: bool) -> None:
        inbox = Inbox(
            self._settings,
            name,
            Trouble(),
            self._stopped.is_set,
            from_beginning=self._endpoints[name].from_beginning,
            passed_over=partial(self._counts.passed_over, name),
        )
        try:
            self._couriers[name].run(inbox, once=once)
        finally:
            inbox.close()

    def _failed(self, name: str, error: Exception) -> None:
        _log.error(
            "an endpoint is not told for now", endpoint=name, detail=f"{type(error).__name__}: {error}"
        )
        self._counts.failed(name)

    def _look(self, enough: Callable[[], bool]) -> None:
        """Look once, and then again and again until it is enough."""
        overdue = Overdue(self._settings.prefix)
        with Readers(self._settings) as readers:
            following = Following(readers, self._registry)
            while True:
                for event in overdue.look(following.catch_up(), time.time_ns() // 1_000_000):
                    for courier in self._couriers.values():
                        courier.tell(event)
                end = time.monotonic() + LOOK_S
                while not enough() and time.monotonic() < end:
                    self._stopped.wait(_STEP_S)
                if enough():
                    return
