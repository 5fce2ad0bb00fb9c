"""Near misses: the newest denials, and how far each was from being allowed."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolgate.schemas.records import Denial, Reason

KEPT = 5_000
FAR = float("inf")


@dataclass(frozen=True, slots=True)
class Miss:
    """A denial.

    `nearness` is how far the furthest of its reasons was, as a share of the limit; FAR where one has no figure.
    """

    denial: Denial
    time_ms: int
    nearness: float


@dataclass(frozen=True, slots=True)
class Filters:
    """What somebody wants to see; "" for whatever it is."""

    workflow: str = ""
    tool: str = ""
    code: str = ""

    def wants(self, workflow: str, tool: str, codes: Iterable[str]) -> bool:
        """Whether what has these passes all of them."""
        return self.workflow in {"", workflow} and self.tool in {"", tool} and self.code in {"", *codes}


class NearMisses:
    """A fold of the topic of denials: the newest of them."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept: deque[Miss] = deque(maxlen=kept)
        self.seen = 0

    def take(self, denial: Denial, time_ms: int) -> None:
        """The next denial."""
        self.seen += 1
        self._kept.append(Miss(denial, time_ms, nearness(denial.reasons)))

    def nearest(self, filters: Filters, most: int) -> list[Miss]:
        """Those that pass, what was nearest to allowed first, of equals the newest."""
        found = [miss for miss in self._kept if _wanted(filters, miss.denial)]
        return sorted(found, key=lambda miss: (miss.nearness, -miss.time_ms))[:most]

    def find(self, partition: int, offset: int) -> Miss | None:
        """The denial of the intent at a place; None where it is not among those kept."""
        place = (partition, offset)
        return next((one for one in self._kept if (one.denial.partition, one.denial.offset) == place), None)

    def names(self) -> tuple[list[str], list[str], list[str]]:
        """The workflows, tools and codes that there are to choose from."""
        denials = [miss.denial for miss in self._kept]
        codes = {reason.code for denial in denials for reason in denial.reasons}
        return (
            sorted({denial.workflow_id for denial in denials}),
            sorted({denial.tool for denial in denials if denial.tool}),
            sorted(codes),
        )


def _wanted(filters: Filters, denial: Denial) -> bool:
    return filters.wants(denial.workflow_id, denial.tool, (reason.code for reason in denial.reasons))


def nearness(reasons: Iterable[Reason]) -> float:
    """How far from allowed: every reason would have to go, so the furthest counts. 0.01 is one per cent over."""
    return max(map(_share, reasons), default=FAR)


def _share(reason: Reason) -> float:
    if reason.distance is None:
        return FAR
    return reason.distance / max(1, abs(reason.limit or 0))
