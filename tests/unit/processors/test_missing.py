"""What becomes of a call when a fact that a rule looks at is not known: read first, denied, or held."""

from __future__ import annotations

import json

import pytest

from toolgate.processors.approval_terms import terms_of
from toolgate.processors.chain import judge
from toolgate.processors.facts import fact_name, fact_value
from toolgate.processors.reasons import Code
from toolgate.processors.repairs import repair
from toolgate.processors.shadow import would_have
from toolgate.processors.verdicts import retryable
from toolgate.schemas.enums import Verdict
from toolgate.schemas.frozen import changed

TOOLS = """
tools:
  - name: get_order
    effect: read
    records: []
    params: {properties: {id: {type: string}}, required: [id]}
    result: {properties: {state: {type: string}}}
    remember: [{fact: order, key: params.id, trusted: true, fields: {state: result.state}}]
  - name: refund
    effect: write
    records: [id]
    params: {properties: {id: {type: string}}, required: [id]}
"""
POLICY = """
policy:
  workflow_id: billing_adjustments_v3
  allowed_tools: [get_order, refund]
  rules:
"""
MISSING = {
    "read_first": (Verdict.DENY, Code.READ_FIRST, True),
    "deny": (Verdict.DENY, Code.RULE_DENIED, False),
    "hold": (Verdict.HOLD, Code.HELD_BY_RULE, False),
}
OPEN = {fact_name("order", "O1", "get_order#0"): fact_value({"state": "open"}, 1)}


def rule(name, keys):
    """A rule about a refund that looks at what was read of the order."""
    when = 'facts.order[params.id].state != "open"'
    return f"    - {{id: {name}, tools: [refund], because: not so, {keys}, when: '{when}'}}\n"


@pytest.fixture
def judged(world, case):
    """Judges a refund under these rules, with what the run remembers."""

    def make(*rules, facts=None, **fields):
        asked = case(tool="refund", params='{"id":"O1"}', **fields)
        return judge(changed(asked, facts=facts or {}), world(POLICY + "".join(rules), tools=TOOLS))

    return make


@pytest.mark.parametrize("missing", MISSING)
@pytest.mark.parametrize("then", ["deny", "read_first", "hold", "draft"])
def test_what_is_not_known_is_for_the_rule_to_decide(then, missing, judged):
    """Whatever it does where it holds; people are told which fact it is."""
    found = judged(rule("r", f"then: {then}, missing: {missing}"))
    (reason,) = found.reasons
    assert (found.verdict, reason.code, retryable(found.reasons)) == MISSING[missing]
    assert (reason.rule, reason.because) == ("r", "not so (nothing is known of order O1)")


@pytest.mark.parametrize("missing", MISSING)
def test_what_is_known_is_decided_by_the_condition(missing, judged):
    """`missing` speaks only of what is not known."""
    found = judged(rule("r", f"missing: {missing}"), facts=OPEN)
    assert found.verdict == Verdict.APPROVE
    other = {name: text.replace("open", "shut") for name, text in OPEN.items()}
    (reason,) = judged(rule("r", f"missing: {missing}"), facts=other).reasons
    assert reason.code == Code.RULE_DENIED


def test_a_call_held_for_what_it_lacks_waits_for_the_rules_roles(judged):
    """Nothing is reserved, and the agent is told to ask."""
    found = judged(rule("r", "missing: hold, roles: [desk_lead]"))
    assert terms_of(found).roles == ("desk_lead",)
    assert found.reserve is None
    assert json.loads(repair(found, found.reasons)) == {"do": "ask", "hold_id": "3-7"}


def test_what_a_policy_asks_of_approvals_holds_for_what_lacks_a_fact(judged):
    """It is held by the rule, as if the rule had held."""
    more = "  approvals: [{rules: [r], approvers: 2}]\n"
    assert terms_of(judged(rule("r", "missing: hold"), more)).approvers == 2


def test_the_most_severe_of_what_lacks_a_fact_decides(judged):
    """Nobody is asked about a call that another rule does not let pass as yet."""
    found = judged(*(rule(name, f"missing: {name}") for name in ("hold", "read_first", "deny")))
    assert [reason.rule for reason in found.reasons] == ["deny", "read_first", "hold"]
    assert found.verdict == Verdict.DENY
    found = judged(*(rule(name, f"missing: {name}") for name in ("hold", "read_first")))
    assert json.loads(repair(found, found.reasons)) == {
        "do": "read_first",
        "reads": [{"tool": "get_order", "params": {"id": "O1"}}],
    }


@pytest.mark.parametrize("missing", MISSING)
def test_a_rule_in_shadow_tells_what_it_would_have_made_of_the_call(missing, judged):
    """And changes nothing."""
    found = judged(rule("r", f"missing: {missing}, mode: shadow"))
    verdict, code, _ = MISSING[missing]
    assert (found.verdict, found.reasons, found.wanted) == (Verdict.APPROVE, (), ())
    assert [reason.code for reason in found.shadow_reasons] == [code]
    assert would_have(found, found.reasons, found.shadow_reasons) == verdict.value


@pytest.mark.parametrize(("hidden", "told"), [("id", "order"), ("note", "order O1")])
def test_what_is_redacted_is_not_named_as_what_is_not_known(hidden, told, judged):
    """People who decide, and webhooks, read the sentence; the agent is told which fact it has to read."""
    found = judged(rule("r", "missing: read_first"), f"  redact: [{hidden}]\n")
    assert found.reasons[0].because == f"not so (nothing is known of {told})"
    assert [one.key for one in found.wanted] == ["O1"]
