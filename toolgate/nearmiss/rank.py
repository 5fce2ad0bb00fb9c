"""The rank of a cluster: nearness to allow x what is at stake x how often, as one figure.

Each denial has a weight, and a cluster's score is the sum of its denials' weights: frequency is the sum itself. So
whatever is nearer, dearer or more frequent never stands lower, and a fold may add denials in any order. Integers only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.nearmiss.effects import amounts_of
from toolgate.processors.amounts import MICROS_PER_USD, USD_MICROS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolgate.schemas.records import Denial, Reason

RECORD_MICROS = 10_000  # what one record counts as: a cent
FLOOR_PPM = 10_000  # nearness of what no figure tells: a hundredth
WHOLE_PPM = 1_000_000
SCORE_UNIT = WHOLE_PPM * MICROS_PER_USD  # of a score: one dollar at stake, refused by nearly nothing


def near_ppm(reasons: Iterable[Reason]) -> int:
    """How near to allowed, from FLOOR_PPM to a million: limit / (limit + distance) of the furthest reason.

    Every reason would have to go, so the furthest counts; one without a figure is as far as can be.
    """
    return min(map(_near_ppm, reasons), default=FLOOR_PPM)


def stake_micros(denial: Denial) -> int:
    """What is at stake, in micro-dollars: money that the call moves, a cent for each record, a cent for the call.

    Money is its cost, or what its reasons name in `usd` or a unit `*_usd` of the catalogue, whichever is more.
    """
    return max(money_micros(denial), 0) + RECORD_MICROS * (1 + len(denial.records))


def money_micros(denial: Denial) -> int:
    """The most money that the denial names, in micro-dollars."""
    return max((_micros(value, unit) for unit, value in amounts_of(denial).items()), default=0)


def weight(denial: Denial) -> int:
    """What one denial adds to the score of its cluster, in millionths of a micro-dollar."""
    return near_ppm(denial.reasons) * stake_micros(denial)


def _near_ppm(reason: Reason) -> int:
    if reason.distance is None:
        return FLOOR_PPM
    limit = max(1, abs(reason.limit or 0))
    return FLOOR_PPM + (WHOLE_PPM - FLOOR_PPM) * limit // (limit + max(reason.distance, 0))


def _micros(value: int, unit: str) -> int:
    if unit == USD_MICROS:
        return value
    return value * MICROS_PER_USD if unit == "usd" or unit.endswith("_usd") else 0
