"""Looking for a history that shows a bug."""

from __future__ import annotations

from typing import TYPE_CHECKING

from universe_policies import compile_anew
from worlds import STEPS, WORLDS, life

from toolgate.streams.gate.recovery import LostInputError
from toolgate.streams.ledger.accounts import HistoryError
from toolgate.streams.ledger.fold import OrderError

if TYPE_CHECKING:
    from bug import InHistories

SEEDS = 200
ROUNDS_MAX = 3_000  # of all workers, until they are at rest


def shown(where: InHistories) -> str:
    """The seed and first finding of a history that is wrong while a bug is in place, or "" when none is.

    Any other error than those that a recovery or a snapshot finds things by is the bug's own: it is raised.
    """
    compile_anew()  # with the bug, and afterwards without
    try:
        return _shown(where)
    finally:
        compile_anew()


def _shown(where: InHistories) -> str:
    world = WORLDS[where.world]
    rates = {**world.rates, **where.rates}
    for seed in range(where.first, where.first + SEEDS):
        try:
            found = life(world.make(seed), STEPS, rates, ROUNDS_MAX)
        except (OrderError, HistoryError, LostInputError) as error:
            found = [f"{type(error).__name__}: {error}"]
        if found:
            return f"seed {seed}: {found[0]}"
    return ""
