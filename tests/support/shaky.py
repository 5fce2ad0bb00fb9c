"""A ledger on a bad line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolgate.streams.ports import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from toolgate.streams.ports import Ledger


class Shaky:
    """A ledger whose answers get lost: before the call, or after it has happened."""

    def __init__(
        self, inner: Ledger, random: Random, faults: Callable[[], bool], happens: Callable[[str], bool]
    ) -> None:
        self._inner, self._random, self._faults, self._happens = inner, random, faults, happens
        self._lost = False

    def _luck(self) -> float:
        return self._random.random() if self._faults() else 1.0

    def send(self, ctl: int, shares: Any) -> None:
        """What is lost shows when it is received."""
        self._lost = self._luck() < 0.01 and self._happens("lost call")
        if not self._lost:
            self._inner.send(ctl, shares)

    def receive(self) -> Any:
        """The reply, or nothing although the call has happened."""
        if self._lost:
            raise UnavailableError("the call was lost")
        reply = self._inner.receive()
        if self._luck() < 0.01 and self._happens("lost answer"):
            raise UnavailableError("the answer was lost")
        return reply

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found) or name == "dump":
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            luck = self._luck()
            if luck < 0.01 and self._happens("lost call"):
                raise UnavailableError("the call was lost")
            answer = found(*args, **kwargs)
            if 0.01 <= luck < 0.02 and self._happens("lost answer"):
                raise UnavailableError("the answer was lost")
            return answer

        return call
