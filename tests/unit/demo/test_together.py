"""Several things are played at once; a failure of one, or of what all need, ends all of them."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING

import pytest

from toolgate.demo.together import together

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT_S = 10.0


def fine() -> None:
    """Nothing has died."""


def test_what_all_gave_comes_in_the_order_of_the_items():
    """Whoever ends first."""
    last = Event()

    def play(item: int, _stop: Event) -> list[int]:
        if item:
            last.set()
        else:
            assert last.wait(LIMIT_S)
        return [item, item]

    assert together([0, 1], play, parallel=2, check=fine, wake=fine) == [0, 0, 1, 1]


def dead() -> None:
    """What all need has died."""
    raise RuntimeError("dead")


@pytest.mark.parametrize(("fails", "check"), [(True, fine), (False, dead)])
def test_a_failure_ends_all(fails, check: Callable[[], None]):
    """Those who wait are woken, the others see the event, and the failure is raised."""
    woken: list[bool] = []

    def play(item: int, stop: Event) -> list[int]:
        if item == 0 and fails:
            raise RuntimeError("dead")
        assert stop.wait(LIMIT_S)
        return []

    with pytest.raises(RuntimeError, match="dead"):
        together(range(2), play, parallel=2, check=check, wake=lambda: woken.append(True))
    assert woken == [True]
