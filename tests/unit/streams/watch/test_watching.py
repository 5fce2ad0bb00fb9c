"""Watching: what is told at the end of a minute, and when a workflow really has to fall."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from pulses import BEGIN_MS, pulse

from toolgate.processors.breach_terms import Breach
from toolgate.processors.control_state import ControlState
from toolgate.processors.keyring import Keyring
from toolgate.schemas.records import Control, Review
from toolgate.schemas.records import Level as Reported
from toolgate.streams.watch.figures import MINUTE_MS, Figures
from toolgate.streams.watch.measures import Prices
from toolgate.streams.watch.sampling import chosen
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


def test_a_reviewed_command_was_drawn_if_the_policy_in_force_draws_it() -> None:
    """By the same share and seed as samples are; without a policy nothing is drawn."""
    follower = SimpleNamespace(now=Standing(policies=None))
    watching = Watching(
        cast("Any", follower),
        cast("Any", Reporting()),
        Keyring(),
        Prices(),
        seed=b"s",
        acts=False,
        clock_ms=int,
    )
    reviews = [Review("r", f"0-{n}", "default", "desk", "run", "v1", "ann", "right") for n in range(200)]
    assert not any(map(watching.drew, reviews))
    policy = SimpleNamespace(review_share_ppm=300_000)
    follower.now = Standing(policies=cast("Any", SimpleNamespace(for_workflow=lambda *_: policy)))
    drawn = [one.command_id for one in reviews if watching.drew(one)]
    assert drawn == [one.command_id for one in reviews if chosen(one.command_id, 300_000, b"s")]
    assert 0 < len(drawn) < len(reviews)


async def _tell(_: Any) -> None:
    """Nobody is there."""


def test_what_speaks_for_the_next_rung_is_of_the_rung_that_it_stands_on() -> None:
    """It is counted each quarter of an hour; a move in between is known at the end of its minute."""
    figures = Figures()
    figures.take(0, 0, pulse(BEGIN_MS, intents=1))
    workflow = figures.workflows[0, "default", "desk"]
    follower = SimpleNamespace(now=Standing(policies=None))
    reporting = cast("Any", SimpleNamespace(tell=_tell))
    watching = Watching(
        cast("Any", follower), reporting, Keyring(), Prices(), seed=b"", acts=False, clock_ms=lambda: BEGIN_MS
    )
    nexts = []
    for minute, mode in enumerate(("", "draft_only", "draft_only", "enforce"), start=1):
        if mode:
            word = Control(f"c{minute}", "mode", "all", "", "", ("ann",), mode=mode, version=minute)
            follower.now = Standing(policies=None, state=ControlState().apply(word, minute))
        asyncio.run(watching.minute_over(workflow, BEGIN_MS + minute * MINUTE_MS))
        nexts.append(watching.judged["default", "desk"].rise["next"])
    assert nexts == [None, "canary:10%", "canary:10%", None]


def test_people_are_warned_by_the_policy_in_force() -> None:
    """Of each account that has come so far; the alert is the same one whoever tells it."""
    told: list[Any] = []

    async def tell(alerts: list[Any]) -> None:
        told.extend(alerts)

    follower = SimpleNamespace(now=Standing(policies=None))
    watching = Watching(
        cast("Any", follower),
        cast("Any", SimpleNamespace(tell=tell)),
        Keyring(),
        Prices(),
        seed=b"",
        acts=False,
        clock_ms=int,
    )
    levels = tuple(
        Reported("budgets[0]", "agent", name, "usd_micros", used, 10)
        for name, used in (("a", 9), ("b", 8), ("c", 7))
    )
    seen = pulse(levels=levels)
    assert watching.reached(seen) == []
    written = SimpleNamespace(budgets=(SimpleNamespace(warn_at=Decimal("0.8")),))
    policy = SimpleNamespace(written=written)
    follower.now = Standing(policies=cast("Any", SimpleNamespace(for_workflow=lambda *_: policy)))
    reached = watching.reached(seen)
    assert [level.account for level in reached] == ["a", "b"]
    for level in reached:
        asyncio.run(watching.warned(seen, level))
    assert [one.alert_id for one in told] == ["budget/default/desk/a/10", "budget/default/desk/b/10"]
    assert told[0].summary == "budgets[0] of workflow desk of tenant default is used to 90%: account a"
