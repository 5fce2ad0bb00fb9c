"""Breach terms: what a policy promises of its workflow, and what is done by itself when it is not kept.

The gate decides nothing by them. The watch judges them by what pulses tell, and can only alert and tighten.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolgate.processors.objective import COST, SUCCESS
from toolgate.processors.tiers import TIERS

if TYPE_CHECKING:
    from toolgate.processors.policy_file import Policy


@dataclass(frozen=True, slots=True)
class Breach:
    """One entry of `on_breach`.

    Attributes:
        name: how alerts and orders call it: on_breach[0].
        slo: the figure: success_rate, unit_cost, intervention_rate, denial_rate or tool_error_rate.
        bound: where it is breached: below this share, in millionths, of success_rate; above it of other rates; above so
            many micro-dollars of unit_cost.
        allowed_ppm: which share may go wrong, in millionths; 0 of unit_cost.
        window_ms: over which it is judged; 0 where it has an error budget.
        error_budget_ms: the time of its error budget; 0 where it has a window.
        min_count: of how many runs, intents or calls it is judged at the least.
        then: alert, demote or draft_only.
    """

    name: str
    slo: str
    bound: int
    allowed_ppm: int
    window_ms: int
    error_budget_ms: int
    min_count: int
    then: str

    @property
    def is_floor(self) -> bool:
        """Whether it is breached below its bound, and not above."""
        return self.slo == SUCCESS

    @property
    def is_money(self) -> bool:
        """Whether its bound is an amount, and not a share."""
        return self.slo == COST


def compile_breaches(policy: Policy) -> tuple[Breach, ...]:
    """The entries of `on_breach`, in their order."""
    return tuple(
        Breach(
            name=f"on_breach[{place}]",
            slo=one.slo,
            bound=next(bound for bound in (one.least, one.most, one.most_micros) if bound is not None),
            allowed_ppm=one.allowed_ppm,
            window_ms=one.window_ms or 0,
            error_budget_ms=one.error_budget_ms or 0,
            min_count=one.min_count,
            then=one.then,
        )
        for place, one in enumerate(policy.on_breach)
    )


def review_share_of(policy: Policy) -> int:
    """Which share of completed commands people look at afterwards, in millionths: its own word, else its tier's."""
    if policy.review_share_ppm is not None:
        return policy.review_share_ppm
    return TIERS[policy.tier].review_share_ppm if policy.tier else 0
