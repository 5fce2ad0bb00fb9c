"""An operator's word, before anything is asked of Kafka."""

from __future__ import annotations

import pytest
import written

from toolgate.processors.control_state import ControlState
from toolgate.review import orders
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Control, Reason
from toolgate.streams.errors import ControlRefusedError


@pytest.mark.parametrize(
    ("workflow", "tenant", "target"),
    [
        ("refunds", None, ("workflow", "refunds")),
        ("refunds", "acme", ("workflow", "acme/refunds")),
        ("*", "acme", ("tenant", "acme")),
        ("*", None, ("all", "")),
    ],
)
def test_names_what_the_order_is_about(workflow, tenant, target):
    """One workflow of one tenant or of all, a whole tenant, or everything."""
    assert orders.target(workflow, tenant) == target


DEMOTED = ControlState().apply(
    Control("c", "mode", "workflow", "acme/refunds", "", ("eye",), mode="canary:10%"), 0
)


@pytest.mark.parametrize(
    ("scope", "value", "mode", "binds"),
    [
        ("workflow", "refunds", "enforce", True),
        ("tenant", "acme", "enforce", True),
        ("all", "", "canary:20%", True),
        ("workflow", "acme/refunds", "enforce", False),  # itself
        ("workflow", "refunds", "shadow", False),  # tighter
        ("workflow", "other", "enforce", False),
        ("workflow", "other/refunds", "enforce", False),
        ("tenant", "other", "enforce", False),
    ],
)
def test_names_the_orders_that_hold_besides(scope, value, mode, binds):
    """Those for some of the same runs that let less through: taking back another leaves them."""
    found = orders.besides(scope, value, mode, DEMOTED)
    assert found == ([("workflow", "acme/refunds", "canary:10%")] if binds else [])


@pytest.mark.parametrize(
    ("scope", "value", "command"),
    [
        ("workflow", "acme/refunds", "toolgate mode refunds enforce --tenant acme --as KID"),
        ("workflow", "refunds", "toolgate mode refunds enforce --as KID"),
        ("tenant", "acme", "toolgate mode '*' enforce --tenant acme --as KID"),
        ("all", "", "toolgate mode '*' enforce --as KID"),
    ],
)
def test_says_how_an_order_is_taken_back(scope, value, command):
    """As it is typed, but for the key."""
    assert orders.taking_back(scope, value) == command


def test_a_word_holds_from_the_place_that_its_event_names() -> None:
    """Behind it, for every worker."""
    assert orders.held(changed(written.EVENT, topic="control", offset=7, after=202)) == orders.Held(7, 202)


def test_a_word_that_the_gate_does_not_take_is_refused_with_its_reason() -> None:
    """Who said it knew a key that the gate, started before, does not."""
    reason = Reason("BAD_IDENTITY", "identity", "key id 'ben' belongs to nobody who may sign this")
    event = changed(written.EVENT, topic="control", offset=7, after=None, reasons=(reason,))
    with pytest.raises(ControlRefusedError, match="control record 7: key id 'ben' belongs to nobody"):
        orders.held(event)
