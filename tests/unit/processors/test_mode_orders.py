"""Modes: one order of severity, and what holds is the tightest of what was said."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import assume, given
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
        mode=st.sampled_from((*modes.MODES, "canary:1%", "canary:40%", "canary:99%")),
    ),
    max_size=8,
)
MODES = st.sampled_from(modes.MODES) | st.integers(1, 99).map("canary:{}%".format)
RUNS = [f"run-{n}" for n in range(1_000)]  # some at each percent


def of_run(mode, run):
    """What a mode is for a run of the workflow that the laws are about."""
    return modes.mode_of_run(mode, "default", "w", run)


def order(mode, scope="workflow", value="billing", version=0):
    """An order for a mode."""
    return Control("c7", "mode", scope, value, "odd refunds", ("ann",), mode=mode, version=version)


@pytest.mark.parametrize(("one", "other"), [*product(modes.MODES, repeat=2)])
def test_one_order_of_severity(one, other):
    """Of two modes one is looser, or they are the same."""
    assert modes.looser(one, other) + modes.looser(other, one) == (one != other)
    assert not modes.looser(modes.tightest(one, [other]), one)
    assert not modes.looser(modes.tightest(one, [other]), other)


@given(MODES, MODES)
def test_a_mode_is_looser_if_it_is_for_any_run(one, other):
    """The rank of each run is all there is to it: canaries have none of their own."""
    pairs = [(of_run(one, run), of_run(other, run)) for run in RUNS]
    assert modes.looser(one, other) is any(modes.looser(*pair) for pair in pairs)


@pytest.mark.parametrize(
    ("mode", "than", "looser"),
    [
        ("canary:10%", "enforce", False),
        ("enforce", "canary:99%", True),
        ("canary:10%", "canary:20%", False),
        ("canary:20%", "canary:10%", True),
        ("canary: 10%", "canary:10%", False),
        ("canary:1%", "draft_only", True),
        ("draft_only", "canary:1%", True),
        ("read_only", "canary:1%", True),
        ("canary:1%", "read_only", True),
        ("canary:1%", "shadow", True),
        ("shadow", "canary:1%", False),
    ],
)
def test_canaries_on_the_ladder(mode, than, looser):
    """A larger share is looser; beside what drafts or reads in every run each lets through what the other does not."""
    assert modes.looser(mode, than) is looser


@given(WORDS, MODES, st.sampled_from(RUNS[:200]))
def test_no_order_lets_through_what_the_policy_does_not(words, written, run):
    """Whatever was ordered in whatever order: it can only tighten."""
    state = ControlState()
    for offset, word in enumerate(words):
        state = state.apply(word, offset)
    mode, _ = state.mode("default", "w", run, written)
    assert not modes.looser(mode, of_run(written, run))


@given(WORDS, MODES, MODES, MODES)
def test_what_does_not_loosen_gives_no_run_more(words, standing, mode, written):
    """So whoever may only tighten can only tighten, whatever stands and whatever the policy says."""
    before = ControlState()
    for offset, word in enumerate((*words, order(standing, value="w"))):
        before = before.apply(word, offset)
    word = order(mode, value="w")
    assume(not before.loosens(word))
    after = before.apply(word, len(words) + 1)
    for run in RUNS[:100]:
        was, _ = before.mode("default", "w", run, written)
        now, _ = after.mode("default", "w", run, written)
        assert not modes.looser(now, was)


@given(st.integers(1, 99), st.integers(1, 99), st.sampled_from(RUNS[:200]))
def test_of_two_canaries_the_smaller_share_holds(written, ordered, run):
    """Whoever says them: one hash decides for policies and orders, for each run the same everywhere."""
    state = ControlState().apply(order(f"canary:{ordered}%", value="w"), 0)
    mode, _ = state.mode("default", "w", run, f"canary:{written}%")
    assert mode == of_run(f"canary:{min(written, ordered)}%", run)


@pytest.mark.parametrize(
    ("written", "ordered", "inside", "outside"),
    [
        ("enforce", "canary:50%", ("enforce", False), ("shadow", True)),
        ("draft_only", "canary:50%", ("draft_only", False), ("shadow", True)),
        ("canary:50%", "draft_only", ("draft_only", True), ("shadow", False)),
        ("canary:50%", "enforce", ("enforce", False), ("shadow", False)),
        ("shadow", "canary:50%", ("shadow", False), ("shadow", False)),
    ],
)
def test_a_run_has_the_tightest_of_what_all_say_of_it(written, ordered, inside, outside):
    """And it is said whose word it is: the policy's, or by which order."""
    state = ControlState().apply(order(ordered, value="w"), 0)
    for shared, (mode, by_order) in ((True, inside), (False, outside)):
        run = next(run for run in RUNS if (of_run("canary:50%", run) == "enforce") is shared)
        found, said = state.mode("default", "w", run, written)
        assert (found, said is not None) == (mode, by_order)


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
    state = ControlState().apply(order("read_only", scope, value), 0)
    mode, said = state.mode("acme", "billing", "r", "enforce")
    assert (mode == "read_only") is holds
    assert (said.because if said else "") == ("ordered by c7: odd refunds" if holds else "")


def test_an_order_is_taken_back_for_exactly_what_it_named():
    """Another that stands goes on holding."""
    state = ControlState().apply(order("read_only"), 0).apply(order("read_only", "tenant", "acme"), 1)
    state = state.apply(order("enforce"), 2)
    assert state.mode("acme", "billing", "r", "enforce")[0] == "read_only"
    state = state.apply(order("enforce", "tenant", "acme"), 3)
    assert state.mode("acme", "billing", "r", "enforce") == ("enforce", None)


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
        ([], "canary:10%", 0, False),
        (["draft_only"], "canary:10%", 0, True),
        (["draft_only"], "canary:10%", 2, False),
        (["canary:10%"], "canary:10%", 0, False),
        (["canary:10%"], "canary:9%", 0, False),
        (["canary:10%"], "canary:11%", 0, True),
        (["canary:10%"], "draft_only", 0, True),
        (["canary:10%"], "draft_only", 2, False),
        (["canary:10%"], "shadow", 0, False),
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
        ("shadow", ["canary:1%"], []),
        ("read_only", ["canary:1%"], [Code.READ_ONLY]),
        ("enforce", ["canary:1%", "draft_only"], [Code.DRAFTED]),
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


def test_a_canary_that_was_ordered_is_told_by_whose_order(case, world):
    """The run is in shadow, not the workflow; others of it go on as before."""
    state = ControlState().apply(order("canary:50%", value="billing_adjustments_v3"), 0)
    around = world(control=state)
    names = ("default", "billing_adjustments_v3")
    for run in RUNS[:20]:
        judged = judge(case(tool="read_invoice", run_id=run), around)
        if modes.mode_of_run("canary:50%", *names, run) == "enforce":
            assert judged.verdict == "APPROVE"
        else:
            (reason,) = judged.reasons
            assert (
                reason.because == "this run is not one that the canary enforces (ordered by c7: odd refunds)"
            )


def test_the_watch_may_order_shadow_and_not_take_it_back():
    """It commands nothing, so it is the tightest."""
    assert not ControlState().loosens(order("shadow"))
    assert ControlState().apply(order("shadow"), 0).loosens(order("enforce", version=1))
