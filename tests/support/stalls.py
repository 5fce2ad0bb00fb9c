"""How long a gate stood still while input waited."""

from __future__ import annotations

import time
from threading import Event, Thread
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

STEP_S = 0.05


class Stalls:
    """Watches a count of decisions from a thread of its own. A context manager; `longest_s` is there afterwards.

    Args:
        decided: how many are decided for good.
        written: how many could be.
    """

    def __init__(self, decided: Callable[[], int], written: Callable[[], int]) -> None:
        self._decided, self._written = decided, written
        self._ending = Event()
        self._thread = Thread(target=self._watch, daemon=True)
        self.longest_s = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def _watch(self) -> None:
        last, since = self._decided(), time.monotonic()
        while not self._ending.wait(STEP_S):
            found, now = self._decided(), time.monotonic()
            self.longest_s = max(self.longest_s, now - since)
            if found != last or found >= self._written():  # with nothing to do it does not stand still
                last, since = found, now
