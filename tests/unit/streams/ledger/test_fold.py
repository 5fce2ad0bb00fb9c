"""Laws of the fold: what an audit says of accounts does not depend on where it was cut."""

from __future__ import annotations

import pytest
import universe
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolgate.streams.ledger.fold import Fold, OrderError


@pytest.fixture(scope="module")
def history():
    """The audit of a model's history with every kind of op in it."""
    world = universe.Universe(11)
    world.live(2500, {"result": 0.15})
    assert world.rest()
    events = sorted(world.audit(), key=lambda event: event.seq)
    assert {op.op for event in events for op in event.ops} >= {
        "reserve",
        "settle",
        "window",
        "count",
        "rate",
        "own",
    }
    return events


@given(share=st.floats(0, 1))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_fold_goes_on_from_its_own_state(history, share: float):
    """A snapshot anywhere and the rest of the log give what the whole log gives."""
    whole, first = Fold(), Fold()
    cut = int(share * len(history))
    for event in history[:cut]:
        first.add(event)
    second = Fold({"clk": first.clk, **first.accounts.canonical(first.clk)}, first.seq)
    for event in history[cut:]:
        second.add(event)
    for event in history:
        whole.add(event)
    for part in ("clk", "accounts", "reservations"):
        assert second.state()[part] == whole.state()[part]


def test_forgetting_changes_nothing_that_can_be_seen(history):
    """What the rules ignore may go at any time."""
    kept, forgetful = Fold(), Fold()
    for event in history:
        kept.add(event)
        forgetful.add(event)
        forgetful.forget()
    assert forgetful.state() == kept.state()
    later = kept.clk + 3 * 86_400_000
    kept.clk = forgetful.clk = later
    forgetful.forget()
    assert forgetful.state() == kept.state()
    assert not [name for name in forgetful.accounts.table if name.startswith(("n:run:", "r:"))]


def test_events_out_of_order_are_refused(history):
    """A fold of another order would be another ledger."""
    fold = Fold()
    fold.add(history[1])
    with pytest.raises(OrderError):
        fold.add(history[0])
    with pytest.raises(OrderError):
        fold.add(history[1])
