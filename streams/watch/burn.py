"""Burn: how fast a workflow uses up an error budget, over several windows at once.

The error budget of a period is the share of bad events that the objective allows. The burn rate of a window is its
share of bad events over that share: at 1 the budget lasts exactly the period, at 14.4 it is gone in a fourteenth of
it. A pair fires when both its windows burn faster than its factor: the long one has seen enough to mean it, the short
one ends the alert soon after the trouble ends.

Source: The Site Reliability Workbook, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts". Its figures are those of a
period of 30 days: 14.4 over 1h burns 2 % of the budget, 6 over 6h burns 5 %.

A burn rate is at most 1 over the allowed share. So an objective that allows 1/14.4 (6.9 %) or more never fires the fast
pair, and one that allows 1/6 (16.7 %) or more fires none, however bad things are.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from toolgate.streams.watch.slo import PPM

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Pair:
    """Two windows, in seconds, that must both burn faster than a factor, in tenths."""

    long_s: int
    short_s: int
    factor_tenths: int


PAIRS = (Pair(3_600, 300, 144), Pair(21_600, 1_800, 60))  # the fastest first
WINDOWS_S = tuple(sorted(window_s for pair in PAIRS for window_s in (pair.long_s, pair.short_s)))


@dataclass(frozen=True, slots=True)
class Burn:
    """A pair that fires, and its figures."""

    pair: Pair
    evidence: dict[str, object]  # JSON-able


def burn_rate(bad: int, total: int, allowed_ppm: int) -> float:
    """How many times as fast as allowed; 0 where nothing was bad, inf where something was and nothing is allowed."""
    if not bad:
        return 0.0
    return bad * PPM / (total * allowed_ppm) if allowed_ppm else inf


def burning(
    windows: Mapping[int, tuple[int, int]], *, allowed_ppm: int, period_ms: int, count_min: int
) -> Burn | None:
    """The fastest pair that fires, or None.

    `windows` has (bad, total) for each of WINDOWS_S; a long window with fewer events than `count_min` fires nothing.
    """
    for pair in PAIRS:
        bad, total = windows[pair.long_s]
        bad_now, total_now = windows[pair.short_s]
        fires = _faster(bad, total, allowed_ppm, pair) and _faster(bad_now, total_now, allowed_ppm, pair)
        if fires and total >= count_min:
            rate = burn_rate(bad, total, allowed_ppm)
            return Burn(
                pair,
                {
                    "windows_s": [pair.long_s, pair.short_s],
                    "factor": pair.factor_tenths / 10,
                    "burn": [_shown(rate), _shown(burn_rate(bad_now, total_now, allowed_ppm))],
                    "bad": [bad, bad_now],
                    "count": [total, total_now],
                    "allowed": allowed_ppm / PPM,
                    "budget_burnt": _shown(rate * pair.long_s * 1_000 / period_ms),
                },
            )
    return None


def _faster(bad: int, total: int, allowed_ppm: int, pair: Pair) -> bool:
    """Whether a window burns faster than the pair's factor; in integers, so that exactly at it is not above it."""
    return bad * PPM * 10 > pair.factor_tenths * allowed_ppm * total


def _shown(value: float) -> float | None:
    return None if value == inf else round(value, 4)
