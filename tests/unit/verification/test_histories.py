"""Histories as the gate makes them, whatever happens to it, are found to hold."""

from __future__ import annotations

import contracted
import pytest
from past import Past
from universe import Universe
from universe_policies import PROPOSING_FILES

from toolgate.verification.judging import compare

SEEDS = range(10)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", ["plain", "contracted", "proposing"])
def test_a_history_of_crashes_holds_and_so_does_its_ledger(kind, seed):
    """All laws, and the ledger is the book to the integer."""
    if kind == "contracted":
        universe: Universe = contracted.Contracted(seed)
        universe.live(1500, contracted.RATES)
    else:
        universe = Universe(seed, files=PROPOSING_FILES) if kind == "proposing" else Universe(seed)
        universe.live(1500)
    assert universe.rest()
    report = Past(universe).report()
    compare(report, universe.make_ledger().dump())
    assert report.findings.listed() == []
    assert report.cut.rest
    assert report.judged == len(universe.audit()) > 100


@pytest.mark.parametrize("seed", SEEDS)
def test_a_history_that_goes_on_holds_as_far_as_it_is_settled(seed):
    """What is on its way is no fault: neither inputs that wait nor decisions that others are still to follow."""
    universe = Universe(seed, files=PROPOSING_FILES)
    universe.live(1500)
    universe.intent()
    report = Past(universe).report()
    assert report.findings.listed() == []
    assert report.cut.waiting > 0
    assert not report.cut.rest
