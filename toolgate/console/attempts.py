"""Attempts to sign in: whoever fails waits, longer each time. By name and by address, so neither is a way round.

A browser in which somebody has signed in has attempts of its own for their name: else whoever knows a name could keep
its owner out.
"""

from __future__ import annotations

import hmac
import secrets
from collections import OrderedDict
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

FREE = 5  # failures before anybody waits
WAIT_S_FIRST, WAIT_S_MAX = 2, 900
FORGOTTEN_S = 3_600  # so long after the last failure, all are forgotten
KNOWN_MAX = 10_000


class Attempts:
    """Failures of late. For one thread at a time, as the event loop is.

    Args:
        clock: seconds that never run back.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._secret = secrets.token_bytes(32)
        self._failed: OrderedDict[str, tuple[int, float]] = OrderedDict()  # how often, and when last

    def wait_s(self, *whose: str) -> int:
        """Seconds to wait before the next attempt, rounded up; 0 for none."""
        now = self._clock()
        left = [at + _pause_s(times) - now for times, at in map(self._of, whose)]
        return max(0, *(-int(-each // 1) for each in left))

    def failed(self, *whose: str) -> None:
        """Count a failure."""
        for name in whose:
            self._failed[name] = (self._of(name)[0] + 1, self._clock())
            self._failed.move_to_end(name)
        while len(self._failed) > KNOWN_MAX:
            self._failed.popitem(last=False)

    def succeeded(self, *whose: str) -> None:
        """Forget the failures."""
        for name in whose:
            self._failed.pop(name, None)

    def proof(self, name: str) -> str:
        """What a browser shows later to prove that somebody of this name has signed in there. Good until a restart."""
        browser = secrets.token_urlsafe(16)
        return f"{browser}.{self._tag(name, browser)}"

    def proven(self, name: str, proof: str) -> bool:
        """Whether it is such a proof for this name."""
        browser, _, tag = proof.partition(".")
        return hmac.compare_digest(self._tag(name, browser).encode(), tag.encode())

    def _tag(self, name: str, browser: str) -> str:
        return blake2b(f"{browser}.{name}".encode(), digest_size=32, key=self._secret).hexdigest()

    def _of(self, name: str) -> tuple[int, float]:
        times, at = self._failed.get(name, (0, 0.0))
        return (0, 0.0) if self._clock() - at > FORGOTTEN_S else (times, at)


def _pause_s(times: int) -> float:
    return 0 if times < FREE else min(WAIT_S_MAX, WAIT_S_FIRST * 2 ** min(times - FREE, 20))
