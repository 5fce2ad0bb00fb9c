"""The worlds that histories are made in, and a whole life in one of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import granted
import voted
from contracted import RATES, Contracted
from universe import Universe
from universe_policies import CONTRACTED_FILES, DISPUTED_FILES, FILES, PROPOSING_FILES, VOTED_FILES, roomy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

STEPS = 1500
ROUNDS_MAX = 3_000  # of all workers, until they are at rest: ten times what they need
# Many decisions between two faults, in batches of many parts.
BUSY: Mapping[str, Any] = MappingProxyType({"sizes": (100, 40), "burst": 30, "stride": 8})
CALM: Mapping[str, float] = MappingProxyType({"fault": 0.006})
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
        "granted": World(granted.Granted, granted.RATES),
        "busy": World(lambda seed: Universe(seed, files=roomy(FILES), **BUSY), CALM),
        "busy proposing": World(lambda seed: Universe(seed, files=roomy(PROPOSING_FILES), **BUSY), CALM),
        "busy contracted": World(
            lambda seed: Contracted(seed, files=roomy(CONTRACTED_FILES), **BUSY), RATES | CALM
        ),
        "busy voted": World(
            lambda seed: voted.Voted(seed, files=roomy(VOTED_FILES), **BUSY), voted.RATES | CALM
        ),
        "disputed": World(
            lambda seed: voted.Voted(seed, files=roomy(DISPUTED_FILES), stride=3), voted.DISPUTED
        ),
    }
)


def life(
    universe: Universe, steps: int, rates: Mapping[str, float], rounds_max: int = ROUNDS_MAX
) -> list[str]:
    """Let a universe live and come to rest; what is wrong with its history."""
    universe.live(steps, rates)
    return universe.violations() if universe.rest(rounds_max) else [NO_REST]
