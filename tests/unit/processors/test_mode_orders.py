"""Modes: one order of severity, and what holds is the tightest of what was said."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.processors import modes
from toolgate.processors.access import access
from toolgate.processors.chain import judge
from toolgate.processors.contract import contract
from toolgate.processors.control_state import ControlState
from toolgate.processors.identity import identity
from toolgate.processors.reasons import Code
from toolgate.schemas.records import Control

WORDS = st.lists(
    st.builds(
        Control,
        control_id=st.just("c"),
        kind=st.just("mode"),
        scope=st.sampled_from(["all", "tenant", "workflow"]),
        value=st.sampled_from(["", "default", "w", "default/w", "other"]),
        reason=st.just(""),
        issued_by=st.just(()),
        mode=st.sampled_from(modes.MODES),
    ),
    max_size=8,
)


def order(mode, scope="workflow", value="billing", version=0):
    """An order for a mode."""
    return Control("c7", "mode", scope, value, "odd refunds", ("ann",), mode=mode, version=version)


@pytest.mark.parametrize(("one", "other"), [*product(modes.MODES, repeat=2)])
def test_one_order_of_severity(one, other):
    """Of two modes one is looser, or they are the same."""
    assert modes.looser(one, other) + modes.looser(other, one) == (one != other)
    assert not modes.looser(modes.tightest(one, [other]), one)
    assert not modes.looser(modes.tightest(one, [other]), other)


@given(WORDS, st.sampled_from(modes.MODES))
def test_no_order_lets_through_what_the_policy_does_not(words, written):
    """Whatever was ordered in whatever order: it can only tighten."""
    state = ControlState()
    for offset, word in enumerate(words):
        state = state.apply(word, offset)
    mode, _ = state.mode("default", "w", written)
    assert not modes.looser(mode, written)


@pytest.mark.parametrize(
    ("scope", "value", "holds"),
    [
        ("all", "", True),
        ("tenant", "acme", True),
        ("tenant", "other", False),
        ("workflow", "billing", True),
        ("workflow", "acme/billing", True),
        ("workflow", "other/billing", False),
        ("workflow", "acme", False),
    ],
)
def test_an_order_holds_for_what_it_names(scope, value, holds):
    """As a kill does: a bare name is every tenant's."""
    mode, by = ControlState().apply(order("read_only", scope, value), 0).mode("acme", "billing", "enforce")
    assert (mode == "read_only") is holds
    assert by == ("ordered by c7: odd refunds" if holds else "")


def test_an_order_is_taken_back_for_exactly_what_it_named():
    """Another that stands goes on holding."""
    state = ControlState().apply(order("read_only"), 0).apply(order("read_only", "tenant", "acme"), 1)
    state = state.apply(order("enforce"), 2)
    assert state.mode("acme", "billing", "enforce")[0] == "read_only"
    state = state.apply(order("enforce", "tenant", "acme"), 3)
    assert state.mode("acme", "billing", "enforce") == ("enforce", "")


@pytest.mark.parametrize(
    ("standing", "mode", "version", "stale"),
    [
        ([], "read_only", 0, False),
        ([], "enforce", 1, False),
        ([], "enforce", 0, True),
        (["read_only"], "enforce", 2, False),
        (["read_only"], "enforce", 1, True),
        (["read_only"], "enforce", 3, True),
        (["read_only", "enforce", "read_only"], "enforce", 2, True),
        (["read_only", "enforce", "read_only"], "enforce", 4, False),
        (["read_only"], "read_only", 1, False),
    ],
)
def test_what_loosens_follows_on_what_stands(standing, mode, version, stale):
    """A copy of an earlier word opens nothing; what tightens always holds."""
    state = ControlState()
    for offset, said in enumerate(standing):
        state = state.apply(order(said), offset)
    assert bool(state.stale(order(mode, version=version))) is stale


@pytest.mark.parametrize(
    ("tool", "codes"), [("read_invoice", []), ("create_adjustment_draft", [Code.READ_ONLY])]
)
def test_an_ordered_mode_is_the_workflows(tool, codes, case, world):
    """Writes are refused, by whose order is said, and reading goes on."""
    state = ControlState().apply(order("read_only", value="billing_adjustments_v3"), 0)
    around = world(control=state)
    judged = access(contract(identity(case(tool=tool), around), around), around)
    found = [reason for reason in judged.reasons if reason.code != Code.PARAMS_SCHEMA]
    assert [reason.code for reason in found] == codes
    assert all("ordered by c7: odd refunds" in reason.because for reason in found)


@pytest.mark.parametrize(
    ("written", "ordered", "would"),
    [
        ("shadow", [], []),
        ("shadow", ["read_only"], [Code.READ_ONLY]),
        ("shadow", ["draft_only"], [Code.DRAFTED]),
        ("read_only", ["shadow"], [Code.READ_ONLY]),
        ("enforce", ["shadow"], []),
    ],
)
def test_in_shadow_everything_else_that_holds_is_told(written, ordered, would, case, world):
    """Who compares must see what would have become of a call under all the rest, not under the policy alone."""
    state = ControlState()
    scopes = (("workflow", "billing_adjustments_v3"), ("all", ""))
    for offset, (mode, (scope, value)) in enumerate(zip(ordered, scopes, strict=False)):
        state = state.apply(order(mode, scope, value), offset)
    policy = (
        "policy: {workflow_id: billing_adjustments_v3, allowed_tools: [create_adjustment_draft], "
        f"mode: {written}}}\n"
    )
    judged = judge(case(tool="create_adjustment_draft"), world(policy, control=state))
    assert judged.verdict == "RECORDED"
    assert [reason.code for reason in judged.shadow_reasons] == would


def test_the_watch_may_order_shadow_and_not_take_it_back():
    """It commands nothing, so it is the tightest; a kill, which the watch may say as well, stops no less."""
    assert not ControlState().loosens(order("shadow"))
    assert ControlState().apply(order("shadow"), 0).loosens(order("enforce", version=1))
