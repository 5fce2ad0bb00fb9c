"""Watching: what is told at the end of a minute, and when a workflow really has to fall."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from pulses import BEGIN_MS, pulse

from toolgate.processors.breach_terms import Breach
from toolgate.streams.watch.figures import MINUTE_MS, Figures
from toolgate.streams.watch.measures import Prices
from toolgate.streams.watch.standing import Standing
from toolgate.streams.watch.watching import LATE_MS, Watching

if TYPE_CHECKING:
    from toolgate.schemas.records import Alert
    from toolgate.streams.watch.judging import Demotion

TERM = Breach("on_breach[0]", "denial_rate", 300_000, 300_000, 3_600_000, 0, 5, "demote")
POLICY = SimpleNamespace(
    mode="enforce", breaches=(TERM,), written=SimpleNamespace(budgets=[]), review_share_ppm=0
)


class Reporting:
    """Notes what is told and ordered."""

    def __init__(self) -> None:
        self.kinds: list[str] = []
        self.orders: list[str] = []

    async def tell(self, alerts: list[Alert]) -> None:
        """By kind."""
        self.kinds += [one.kind for one in alerts]

    def order(self, demotion: Demotion) -> None:
        """By mode."""
        self.orders.append(demotion.move.mode)


@pytest.mark.parametrize(
    ("late_ms", "kinds", "orders"),
    [
        (0, ["breach", "demotion"], ["canary:10%"]),
        (LATE_MS, ["breach", "demotion"], ["canary:10%"]),
        (LATE_MS + 1, ["breach"], []),
    ],
)
def test_what_is_long_over_is_told_and_moves_nothing(
    late_ms: int, kinds: list[str], orders: list[str]
) -> None:
    """A watch that was down comes upon breaches of hours ago; the minutes after them say whether they last."""
    figures = Figures()
    figures.take(0, 0, pulse(intents=10, denied=9))
    at_ms = BEGIN_MS + MINUTE_MS
    reporting = Reporting()
    watching = Watching(
        SimpleNamespace(now=Standing(policies=SimpleNamespace(for_workflow=lambda *_: POLICY))),  # type: ignore[arg-type]
        reporting,  # type: ignore[arg-type]
        SimpleNamespace(),  # type: ignore[arg-type]
        Prices(),
        seed=b"",
        acts=True,
        clock_ms=lambda: at_ms + late_ms,
    )
    asyncio.run(watching.minute_over(figures.workflows[0, "default", "desk"], at_ms))
    assert (reporting.kinds, reporting.orders) == (kinds, orders)
    assert watching.judged["default", "desk"].breached == {"denial_rate": True}
