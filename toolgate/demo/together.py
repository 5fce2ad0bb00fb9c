"""Playing several things at once, watched: when one fails, or what they need has died, all of them end."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")
R = TypeVar("R")

_LOOK_S = 0.2


def together(
    items: Sequence[T],
    play: Callable[[T, threading.Event], list[R]],
    *,
    parallel: int,
    check: Callable[[], None],
    wake: Callable[[], None],
) -> list[R]:
    """Play all items, `parallel` at a time; what they gave, in their order.

    Args:
        items: what to play.
        play: plays one; ends soon once the event is set.
        parallel: how many at once.
        check: called several times a second; raises when something has died and waiting is in vain.
        wake: called on a failure: makes whoever waits for an answer wait no longer.

    Raises:
        Exception: whatever `play` or `check` raises.
    """
    stop = threading.Event()
    with ThreadPoolExecutor(parallel, thread_name_prefix="agent") as pool:
        tasks = [pool.submit(play, item, stop) for item in items]
        try:
            left = set(tasks)
            while left:
                check()
                done, left = wait(left, timeout=_LOOK_S)
                for task in done:
                    task.result()
        except BaseException:
            stop.set()
            for task in tasks:
                task.cancel()
            wake()
            raise
    return list(chain.from_iterable(task.result() for task in tasks))
