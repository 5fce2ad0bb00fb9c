"""Histories with ordered modes: found to hold by code of its own, and decided again to the same bytes."""

from __future__ import annotations

import json

import pytest
from ordered import RATES, Ordered
from past import Past
from replays import kept
from universe_policies import FILES

from toolgate.verification.judging import compare


@pytest.mark.parametrize("seed", range(3))
def test_a_history_with_ordered_canaries_holds_and_is_the_same_again(seed):
    """Two hashes, the gate's and that of verification, say of each run the same; nothing else is in shadow."""
    made = Ordered(seed)
    made.live(1200, RATES)
    assert made.rest()
    report = Past(made).report()
    compare(report, made.make_ledger().dump())
    assert report.findings.listed() == []
    assert kept(made, FILES).replay().first is None
    events = made.audit()
    because = [reason.because for e in events if e.topic == "intents" for reason in e.reasons]
    assert any("this run is not one that the canary enforces (ordered by m" in one for one in because)
    assert any("the workflow may only draft (ordered by m" in one for one in because)
    said = [json.loads(e.captured) for e in events if e.topic == "control" and e.after is not None]
    assert {"evidence": '{"n":1}'} in said
