"""The model at length: many more histories than every change can wait for, each several times as long."""

from __future__ import annotations

import pytest
import universe

SEEDS = 100
FIRST = 1_000  # behind those that every change is tried with
STEPS = 5_000


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("block", range(10))
def test_every_long_history_holds(block: int) -> None:
    """Whatever happens in a long life of the gate, nothing is lost, doubled, overspent or forgotten."""
    for seed in range(FIRST + block * SEEDS, FIRST + (block + 1) * SEEDS):
        assert universe.history(seed, steps=STEPS) == [], f"seed {seed}"
