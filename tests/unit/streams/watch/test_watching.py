"""Watching: what is made of a minute that is over."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from pulses import BEGIN_MS, pulse

from toolgate.processors.control_state import ControlState
from toolgate.processors.keyring import Keyring
from toolgate.schemas.records import Control
from toolgate.streams.watch.figures import MINUTE_MS, Figures
from toolgate.streams.watch.measures import Prices
from toolgate.streams.watch.standing import Standing
from toolgate.streams.watch.watching import Watching


async def _tell(_: Any) -> None:
    """Nobody is there."""


def test_what_speaks_for_the_next_rung_is_of_the_rung_that_it_stands_on() -> None:
    """It is counted each quarter of an hour; a move in between is known at the end of its minute."""
    figures = Figures()
    figures.take(0, 0, pulse(BEGIN_MS, intents=1))
    workflow = figures.workflows[0, "default", "desk"]
    follower = SimpleNamespace(now=Standing(policies=None))
    reporting = cast("Any", SimpleNamespace(tell=_tell))
    watching = Watching(cast("Any", follower), reporting, Keyring(), Prices(), seed=b"", acts=False)
    nexts = []
    for minute, mode in enumerate(("", "draft_only", "draft_only", "enforce"), start=1):
        if mode:
            word = Control(f"c{minute}", "mode", "all", "", "", ("ann",), mode=mode, version=minute)
            follower.now = Standing(policies=None, state=ControlState().apply(word, minute))
        asyncio.run(watching.minute_over(workflow, BEGIN_MS + minute * MINUTE_MS))
        nexts.append(watching.judged["default", "desk"].rise["next"])
    assert nexts == [None, "canary:10%", "canary:10%", None]
