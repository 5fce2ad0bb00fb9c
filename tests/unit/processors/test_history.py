"""History: what must come first, how often, and for how much."""

from __future__ import annotations

import json

import pytest

from toolgate.processors.chain import judge
from toolgate.processors.claims import Count, Require
from toolgate.processors.problems import LoadError
from toolgate.processors.reasons import Code
from toolgate.processors.refusals import refusal
from toolgate.processors.verdicts import retryable
from toolgate.schemas.enums import Verdict

TOOLS = """
tools:
  - name: get_order
    effect: read
    records: []
    params: {properties: {id: {type: string}}, required: [id]}
  - name: refund
    effect: write
    records: [order]
    params:
      properties:
        order: {type: string}
        total: {type: integer}
        parts:
          type: array
          items: {properties: {card: {type: string}, cents: {type: integer}}, required: [card, cents]}
      required: [order, total, parts]
"""
POLICY = """
policy:
  workflow_id: billing_adjustments_v3
  allowed_tools: [get_order, refund]
  requires:
    - {because: not so, id: r, tools: [refund], %s}
"""
PARAMS = {
    "order": "O1",
    "total": 30,
    "parts": [{"card": "a", "cents": 10}, {"card": "b", "cents": 5}, {"card": "a", "cents": 15}],
}


@pytest.fixture
def claims(world, case):
    """What a call claims of the run's history: (kind, key, n, max)."""

    def make(requirement, tool="refund", params=None):
        params = params or (PARAMS if tool == "refund" else {"id": "O1"})
        found = judge(case(tool=tool, params=json.dumps(params)), world(POLICY % requirement, tools=TOOLS))
        return found, [
            claim
            for claim in found.claims
            if isinstance(claim, Count | Require) and ":requires:" in claim.key
        ]

    return make


def test_an_earlier_call_is_counted_and_asked_for_by_its_key(claims):
    """Under another parameter's name, if need be."""
    text = "after: [get_order], by: order, after_by: id"
    (_, (needs,)), (_, (counts,)) = claims(text), claims(text, "get_order")
    assert isinstance(needs, Require)
    assert isinstance(counts, Count)
    assert needs.key == counts.key
    assert (needs.n, counts.n, counts.max) == (1, 1, None)
    (_, (other,)) = claims(text, "get_order", {"id": "O2"})
    assert other.key != needs.key


def test_calls_are_counted_up_to_so_many(claims):
    """Of the tool, by a key, or only the very same ones."""
    (_, (of_tool,)) = claims("at_most: 2")
    assert (of_tool.n, of_tool.max) == (1, 2)
    keys = {
        text: {claims(f"at_most: 2, {text}", params=params)[1][0].key for params in (PARAMS, changed)}
        for text, changed in (
            ("by: order", {**PARAMS, "total": 31}),
            ("by: order, ", {**PARAMS, "order": "O2"}),
            ("identical: true", {**PARAMS, "total": 31}),
        )
    }
    assert [len(found) for found in keys.values()] == [1, 2, 2]


def test_amounts_are_summed_up_by_key(claims):
    """What one card gets back in a call counts once, as a whole."""
    (_, found) = claims("at_most: 100, by: parts.*.card, amount: parts.*.cents")
    assert sorted(claim.n for claim in found) == [5, 25]
    (_, (total,)) = claims("at_most: 100, amount: total")
    assert total.n == 30


@pytest.mark.parametrize(
    ("requirement", "params"),
    [
        ("at_most: 1, by: parts.*.card", {**PARAMS, "parts": []}),
        (
            "at_most: 1, by: parts.*.card",
            {**PARAMS, "parts": [{"card": str(n), "cents": 1} for n in range(17)]},
        ),
        ("at_most: 100, amount: total", {**PARAMS, "total": -1}),
        ("at_most: 100, by: order, amount: parts.*.cents", PARAMS),
    ],
)
def test_what_cannot_be_counted_is_denied(claims, requirement, params):
    """Naming nothing is no way around a count."""
    found, _ = claims(requirement, params=params)
    assert found.verdict == Verdict.DENY
    assert [reason.code for reason in found.reasons] == [Code.RULE_FAILED]
    assert found.reasons[0].rule == "r"


def test_refusals_tell_the_sentence_and_the_distance(claims):
    """One that another call would cure may be tried again."""
    (_, (count,)) = claims("at_most: 100, amount: total")
    reason = refusal(count, 90)
    assert (reason.code, reason.rule, reason.distance) == (Code.HISTORY_EXCEEDED, "r", 20)
    assert reason.because == "not so (20 total over a run cap of 100)"
    assert not retryable([reason])
    (_, (needs,)) = claims("after: [get_order]")
    reason = refusal(needs, 0)
    assert (reason.code, reason.because) == (Code.HISTORY_REQUIRED, "not so (1 call short of 1)")
    assert retryable([reason])


@pytest.mark.parametrize(
    ("requirement", "what"),
    [
        ("identical: true", "a requirement has either after or at_most"),
        ("at_most: 1, after: [get_order]", "a requirement has either after or at_most"),
        ("at_most: 1, by: order, identical: true", "by and identical exclude each other"),
        ("after: [get_order], amount: total", "amount is what at_most limits"),
        ("at_most: 1, after_by: id", "after_by has no meaning without after and by"),
        ("at_most: 1, by: ordr", "tool refund has no parameter ordr; did you mean order?"),
        ("after: [get_order], by: order", "tool get_order has no parameter order"),
        ("after: [get_orders]", "what it is about could never be approved; did you mean get_order?"),
    ],
)
def test_a_requirement_that_does_not_load_says_why(claims, requirement, what):
    """With its place in the file."""
    with pytest.raises(LoadError) as caught:
        claims(requirement)
    assert what in str(caught.value)
    assert "policy.yaml:6:" in str(caught.value)
