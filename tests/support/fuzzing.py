"""How long to look for what breaks a reader: a moment for every change, at length in the night."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings

if TYPE_CHECKING:
    from collections.abc import Callable

NIGHTLY_TIMES = 100


def examples(quick: int) -> pytest.MarkDecorator:
    """Parametrizes `count`: so many examples in `make test`, a hundred times as many in `make nightly`."""
    deep = pytest.param(
        quick * NIGHTLY_TIMES, marks=(pytest.mark.nightly, pytest.mark.timeout(3600)), id="deep"
    )
    return pytest.mark.parametrize("count", [pytest.param(quick, id="quick"), deep])


def fuzz(count: int, *strategies: Any) -> Callable[[Callable[..., None]], None]:
    """Runs the decorated law at once, on so many examples of the strategies."""

    def run(law: Callable[..., None]) -> None:
        tried = given(*strategies)(law)
        settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck))(tried)()

    return run
