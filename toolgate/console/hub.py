"""The hub: tells open pages that a view has changed, so that they fetch it again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

STREAMS_MAX = 300  # fewer than the requests that a server takes at a time: there is room to decide
_GATHER_S = 0.25  # changes in so short a time are told once


class Subscriber:
    """One open page."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._some = asyncio.Event()

    def tell(self, names: Iterable[str]) -> None:
        """Views have changed."""
        self._names.update(names)
        self._some.set()

    async def changed(self, limit_s: float) -> list[str]:
        """The views that have changed since the last call; none when nothing does within `limit_s`."""
        try:
            async with asyncio.timeout(limit_s):
                await self._some.wait()
        except TimeoutError:
            return []
        await asyncio.sleep(_GATHER_S)
        names, self._names = sorted(self._names), set()
        self._some.clear()
        return names


class Hub:
    """The open pages. `publish` may be called by any thread, the rest by the event loop's."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._subscribers: set[Subscriber] = set()
        self.over = False

    def begin(self) -> None:
        """The event loop that runs is the one to tell."""
        self._loop = asyncio.get_running_loop()

    def publish(self, names: Iterable[str]) -> None:
        """Views have changed."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._tell, tuple(names))

    def end(self) -> None:
        """The server stops: every stream ends."""
        self.over = True
        self._tell(())

    @property
    def full(self) -> bool:
        """Whether there is no room for one more page."""
        return len(self._subscribers) >= STREAMS_MAX

    def subscribe(self) -> Subscriber:
        """One more page."""
        made = Subscriber()
        self._subscribers.add(made)
        return made

    def leave(self, subscriber: Subscriber) -> None:
        """A page was closed."""
        self._subscribers.discard(subscriber)

    def _tell(self, names: tuple[str, ...]) -> None:
        for each in self._subscribers:
            each.tell(names)
