"""The worlds that histories are made in, and a whole life in one of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

import voted
from contracted import RATES, Contracted
from universe import Universe
from universe_policies import PROPOSING_FILES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

STEPS = 1500
ROUNDS_MAX = 3_000  # of all workers, until they are at rest: ten times what they need
NO_REST = "the workers do not come to rest"


@dataclass(frozen=True, slots=True)
class World:
    """How a universe is made, and how often what happens in it."""

    make: Callable[[int], Universe]
    rates: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


WORLDS: Mapping[str, World] = MappingProxyType(
    {
        "plain": World(Universe),
        "proposing": World(lambda seed: Universe(seed, files=PROPOSING_FILES)),
        "contracted": World(Contracted, RATES),
        "voted": World(voted.Voted, voted.RATES),
    }
)


def life(
    universe: Universe, steps: int, rates: Mapping[str, float], rounds_max: int = ROUNDS_MAX
) -> list[str]:
    """Let a universe live and come to rest; what is wrong with its history."""
    universe.live(steps, rates)
    return universe.violations() if universe.rest(rounds_max) else [NO_REST]
