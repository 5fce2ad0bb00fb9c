"""Windows: how many denials in the last while, and in the one before, of a cluster that goes on for months.

Time is cut into buckets, 168 to a window (hours, for a week), and those of two windows are kept. So a window ends at
the bucket of `now`, and is exact to one bucket.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolgate.nearmiss.rank import money_micros, weight

if TYPE_CHECKING:
    from toolgate.schemas.records import Denial

WEEK_MS = 7 * 86_400_000
BUCKETS = 168  # of a window
_BUCKET_MS_MIN = 1_000


@dataclass(slots=True)
class Tally:
    """What denials of a stretch of time come to. `score`: see `rank.weight`."""

    count: int = 0
    score: int = 0
    money_micros: int = 0
    records: int = 0

    def take(self, denial: Denial) -> None:
        """Count a denial."""
        self.count += 1
        self.score += weight(denial)
        self.money_micros += money_micros(denial)
        self.records += len(denial.records)

    def add(self, other: Tally) -> None:
        """Count what another has counted."""
        self.count += other.count
        self.score += other.score
        self.money_micros += other.money_micros
        self.records += other.records


class Windows:
    """The tallies of one cluster by time; at most those of two windows, the newest.

    Args:
        window_ms: how long a window is.
    """

    __slots__ = ("_bucket_ms", "_buckets")

    def __init__(self, window_ms: int) -> None:
        self._bucket_ms = max(_BUCKET_MS_MIN, -(-window_ms // BUCKETS))
        self._buckets: dict[int, Tally] = {}

    def take(self, denial: Denial, time_ms: int) -> None:
        """Count a denial at its time; one that is older than all that is kept makes no room for itself."""
        bucket = time_ms // self._bucket_ms
        if bucket not in self._buckets:
            if len(self._buckets) == 2 * BUCKETS:
                oldest = min(self._buckets)
                if bucket < oldest:
                    return
                del self._buckets[oldest]
            self._buckets[bucket] = Tally()
        self._buckets[bucket].take(denial)

    def both(self, now_ms: int) -> tuple[Tally, Tally]:
        """The window that ends now, and the one before it."""
        this, before = Tally(), Tally()
        last = now_ms // self._bucket_ms
        for bucket, tally in self._buckets.items():
            age = last - bucket
            if age < BUCKETS:  # a broker's clock may be a little ahead
                this.add(tally)
            elif age < 2 * BUCKETS:
                before.add(tally)
        return this, before
