"""Needs: what a limit would have had to be for a denial not to meet its reason, as one number that is more for more.

Most limits are the most that is allowed. A rule may also say the least (`params.age < 18` is denied): there the number
is the limit below zero, so that of two needs the greater one always lets more through.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolgate.processors.reasons import Code

if TYPE_CHECKING:
    from toolgate.schemas.records import Reason

Need = tuple[int | None, ...]  # of each reason of a denial; None where no figure tells


@dataclass(slots=True)
class Together:
    """What several denials would have taken from one account: how full it was at most, and what they asked of it."""

    used: int = 0
    asked: int = 0

    def take(self, reason: Reason) -> None:
        """Count a denial's reason; one without figures counts nothing."""
        if reason.asked is not None and (need := need_of(reason)) is not None:
            self.used = max(self.used, need - reason.asked)
            self.asked += reason.asked


def need_of(reason: Reason) -> int | None:
    """What the limit would have had to be."""
    if reason.limit is None or reason.distance is None:
        return None
    return reason.limit + reason.distance if upwards(reason) else reason.distance - reason.limit


def limit_of(need: int, reason: Reason) -> int:
    """The limit that a need is, for a reason of the same rule."""
    return need if upwards(reason) else -need


def upwards(reason: Reason) -> bool:
    """Whether more would be allowed with a higher limit: always, but for rules that want at least so much."""
    by_rule = reason.code == Code.RULE_DENIED and reason.asked is not None and reason.limit is not None
    return not by_rule or (reason.asked or 0) >= (reason.limit or 0)
