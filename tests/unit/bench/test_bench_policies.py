"""What the speed of rules is measured with: calls that meet every rule of their tool, and are approved."""

from __future__ import annotations

import pytest

from bench import alone, inside, rulebook
from toolgate.processors.chain import judge
from toolgate.processors.rules import rules
from toolgate.schemas.enums import Verdict
from toolgate.schemas.frozen import changed


@pytest.mark.parametrize("macro", [False, True])
def test_every_call_is_approved_by_five_of_all_rules(macro):
    """Else its claims and its command would not be measured."""
    world = rulebook.world(2, 10, macro=macro)
    for case in rulebook.cases(world, 40, 2, 2):
        found = judge(case, world)
        assert (found.verdict, found.reasons) == (Verdict.APPROVE, ())
        sheet = found.policy.rules[case.intent.tool]
        assert len(sheet.rules) == 5
        assert sum(len(policy.rules) for policy in world.policies.workflows.values()) == 4


def test_rules_look_at_facts_that_are_told():
    """A call without them is refused, so they are not measured for nothing."""
    world = rulebook.world(1, 10)
    (case,) = rulebook.cases(world, 1, 1, 2)
    assert rules(rulebook.prepared(world, case), world).reasons == ()
    assert rules(rulebook.prepared(world, changed(case, facts={})), world).reasons


def test_the_loop_in_memory_approves_everything():
    """It stops with an error where it does not."""
    (size,) = inside.sizes([3], rounds=1)
    assert (size.workflows, size.rules) == (3, 15)
    assert 0 < size.each_us < float("inf")


def test_cedar_is_given_the_same_calls():
    """All of them allowed, else the measurement ends with an error."""
    pytest.importorskip("cedarpy")
    assert alone.of_cedar(1).least_us > 0
