"""The notifier: a courier for each endpoint, each in a thread of its own, and one that looks for what is overdue."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from toolgate.inspection.search import Readers
from toolgate.notify.courier import Courier
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


class Notifier:
    """Tells all endpoints until it is stopped; the first error of a thread ends it, and a supervisor starts it again.

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
        self._endpoints = endpoints
        self._counts = counts
        self._registry = registry
        self._stopped = threading.Event()
        self._errors: list[BaseException] = []

    def stop(self) -> None:
        """End soon: what is being told is told again by whoever comes next."""
        self._stopped.set()

    def run(self, *, once: bool = False) -> None:
        """Tell until `stop`; `once`: all that there is now, then end.

        Raises:
            RefusedError: the topics may not be read.
            UnreachableError: Kafka does not answer; or, `once`, an endpoint takes nothing.
        """
        made = [self._courier(endpoint) for endpoint in self._endpoints]
        couriers = [courier for courier, _ in made]
        if once:
            self._look(couriers, lambda: True)
        threads = [
            threading.Thread(
                target=self._guarded, args=(lambda one=one: self._deliver(*one, once=once), once)
            )
            for one in made
        ]
        if not once:
            watching = lambda: self._look(couriers, self._stopped.is_set)  # noqa: E731
            threads.append(threading.Thread(target=self._guarded, args=(watching, once)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._errors:
            raise self._errors[0]

    def _courier(self, endpoint: Endpoint) -> tuple[Courier, Inbox]:
        inbox = Inbox(self._settings, endpoint.name, Trouble(), self._stopped.is_set)
        courier = Courier(
            endpoint,
            inbox,
            Post(endpoint.url, endpoint.timeout_ms),
            self._counts,
            prefix=self._settings.prefix,
            stopped=self._stopped.is_set,
            registry=self._registry,
        )
        return courier, inbox

    def _deliver(self, courier: Courier, inbox: Inbox, *, once: bool) -> None:
        try:
            courier.run(once=once)
        finally:
            inbox.close()

    def _look(self, couriers: Sequence[Courier], enough: Callable[[], bool]) -> None:
        """Look once, and then again and again until it is enough."""
        overdue = Overdue(self._settings.prefix)
        with Readers(self._settings) as readers:
            following = Following(readers, self._registry)
            while True:
                for event in overdue.look(following.catch_up(), time.time_ns() // 1_000_000):
                    for courier in couriers:
                        courier.tell(event)
                end = time.monotonic() + LOOK_S
                while not enough() and time.monotonic() < end:
                    self._stopped.wait(_STEP_S)
                if enough():
                    return

    def _guarded(self, work: Callable[[], None], once: bool) -> None:  # noqa: FBT001 - of a thread's arguments
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - said by whoever waits for the threads
            self._errors.append(error)
            if not once:  # the others are told all the same
                self._stopped.set()
