"""Run contracts under crashes, zombies, rebalances and returned stores: every history must keep to them."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import pytest
from contracted import RATES, Contracted

from toolgate.processors.claims import Count, Forbid
from toolgate.processors.run_contract import accepting
from toolgate.streams.gate import intake
from toolgate.streams.gate.deciding import Deciding

if TYPE_CHECKING:
    from collections.abc import Callable


def test_every_history_with_contracts_holds() -> None:
    """What a contract does not name is not approved behind it, and a run has one, from its beginning."""
    seen: set[str] = set()
    for seed in range(25):
        world = Contracted(seed)
        world.live(1500, RATES)
        assert (world.rest(), world.violations()) == (True, []), f"seed {seed}"
        for event in world.audit():
            if event.topic == "contracts":
                seen |= {event.note or event.verdict, *(reason.rule for reason in event.reasons)}
            seen |= {code.code for code in event.reasons if code.code.startswith("CONTRACT_")}
    assert seen >= {"accepted", "refused", "DUPLICATE", "contract.late", "contract.taken", "CONTRACT_DENIED"}


def judged_with_intents(patch: pytest.MonkeyPatch) -> None:
    """Contracts of a batch are judged together with its intents, which then do not see them."""
    legs = Deciding._legs
    patch.setattr(Deciding, "_legs", lambda self, readings: [list(chain(*legs(self, readings)))])


def late_ones_count(patch: pytest.MonkeyPatch) -> None:
    """A contract counts also when its run has begun."""
    _without(patch, Forbid)


def second_ones_count(patch: pytest.MonkeyPatch) -> None:
    """A run's contract can be replaced."""
    _without(patch, Count)


def _without(patch: pytest.MonkeyPatch, kind: type) -> None:
    patch.setattr(
        intake,
        "accepting",
        lambda contract, time_ms: tuple(one for one in accepting(contract, time_ms) if type(one) is not kind),
    )


@pytest.mark.parametrize("mutant", [judged_with_intents, late_ones_count, second_ones_count])
def test_a_history_shows_that_the_rule_is_missing(
    mutant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the rule, one of the seeds ends in a violation."""
    mutant(monkeypatch)
    for seed in range(60):
        world = Contracted(seed)
        world.live(1500, RATES)
        if world.rest(1500) and world.violations():
            return
    pytest.fail(f"no history shows it: {mutant.__doc__}")
