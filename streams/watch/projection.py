"""Projection: when a budget is used up if it goes on like this.

The pace is what the account rose by over the last minutes, without the step that was steepest: one big call says
nothing of those to come, while a pace that is kept up is in all other steps as well. Where the account is used evenly
this is exactly its slope. (A median of steps would call a budget that every third minute is used idle.)

A fall of `used` to less than half is a fixed window that began anew: what came before it says nothing of now, and the
series begins there. A lesser one is money that was given back, or use that a sliding window has left behind: it counts
against the pace.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

STEPS_MIN = 4

Sample = tuple[int, int, int]  # (time_ms, used, max) of one account


def exhausted_in_ms(samples: Sequence[Sample]) -> int | None:
    """Milliseconds from the newest sample until the account is full; 0 if it is, None: at no time, or nobody can say.

    Samples are of one account, in the order of time; of several at one time the last counts, and of limits the newest.
    There must be STEPS_MIN steps since the series began.
    """
    if not samples:
        return None
    _, used, limit = samples[-1]
    if used >= limit:
        return 0
    steps = _steps(samples)
    if len(steps) < STEPS_MIN:
        return None
    burst_ms, burst = max(steps, key=lambda step: (step[1] / step[0], step))
    rise = sum(rose for _, rose in steps) - burst
    elapsed_ms = sum(took_ms for took_ms, _ in steps) - burst_ms
    return (limit - used) * elapsed_ms // rise if rise > 0 else None


def _steps(samples: Sequence[Sample]) -> list[tuple[int, int]]:
    """(milliseconds, rise) from sample to sample, since the window began."""
    latest = {time_ms: used for time_ms, used, _ in samples}
    steps: list[tuple[int, int]] = []
    for (began_ms, before), (ended_ms, after) in pairwise(latest.items()):
        if after * 2 < before:
            steps = []
        else:
            steps.append((ended_ms - began_ms, after - before))
    return steps
