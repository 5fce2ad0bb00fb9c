"""The crew: a thread for each endpoint. One that fails begins again after a while, and none ends another."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

AGAIN_S = 30.0


class Crew:
    """Runs works side by side, once.

    Args:
        stopped: set to end; set here where all works have failed, or what they share.
        failed: told of each failure, whose and what, in its thread.
        again_s: after how long one that failed begins again; None: never.
    """

    def __init__(
        self,
        stopped: threading.Event,
        failed: Callable[[str, Exception], None],
        again_s: float | None = AGAIN_S,
    ) -> None:
        self._stopped = stopped
        self._failed = failed
        self._again_s = again_s
        self._failing: set[str] = set()
        self._error: Exception | None = None

    def run(self, works: Mapping[str, Callable[[], None]], shared: Callable[[], None] | None = None) -> None:
        """Return once all have ended.

        Args:
            works: by name.
            shared: what all need; where it fails, nothing goes on.

        Raises:
            Exception: what ended all; where none begins again, the first failure.
        """
        threads = [
            threading.Thread(target=self._keep_at, args=(name, work, len(works)))
            for name, work in works.items()
        ]
        if shared is not None:
            threads.append(threading.Thread(target=self._keep, args=(shared,)))
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        except KeyboardInterrupt:
            # Else the process would wait for them all the same, and they for their work.
            self._stopped.set()
            raise
        if self._error is not None:
            raise self._error

    def _keep_at(self, name: str, work: Callable[[], None], of: int) -> None:
        while True:
            try:
                work()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is not the others'
                self._failed(name, error)
                self._failing.add(name)
                if self._again_s is None:
                    self._error = self._error or error
                elif len(self._failing) == of:  # then it is no single one's: whoever started us is to know
                    self._end(error)
            else:
                return
            if self._again_s is None or self._stopped.wait(self._again_s):
                return
            self._failing.discard(name)

    def _keep(self, shared: Callable[[], None]) -> None:
        try:
            shared()
        except Exception as error:  # noqa: BLE001 - said by whoever waits for the threads
            self._end(error)

    def _end(self, error: Exception) -> None:
        self._error = self._error or error
        self._stopped.set()
