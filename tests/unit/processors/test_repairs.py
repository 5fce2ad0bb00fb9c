"""Repairs: what an agent is told to do, in a form that a program can follow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolgate.processors.case import place_of
from toolgate.processors.chain import judge
from toolgate.processors.reasons import TABLE, Code, Do
from toolgate.processors.repairs import REPAIR_BYTES_MAX, repair
from toolgate.processors.verdicts import VERDICTS
from toolgate.schemas.enums import Verdict
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Reason
from toolgate.schemas.strict_json import dumps_canonical

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "repairs.md"
TOOLS = """
tools:
  - name: pay
    effect: write
    records: [invoice]
    cost: {path: plan, prices: {basic: 0.001}}
    params:
      properties:
        invoice: {type: string}
        cents: {type: integer, maximum: 9223372036854775807}
        plan: {type: string}
        lines: {type: array, items: {properties: {sku: {enum: [a, b]}}}}
        huge: {enum: [HUGE]}
      required: [invoice, cents]
  - name: get_invoice
    effect: read
    records: [id]
    params: {properties: {id: {type: string}}, required: [id]}
    result: {type: object, properties: {open: {type: boolean}}, required: [open]}
    remember: [{fact: invoice, key: params.id, fields: {open: result.open}, trusted: true}]
  - name: get_by_number
    effect: read
    records: [number]
    params: {properties: {number: {type: integer}}, required: [number]}
    result: {type: object, properties: {open: {type: boolean}}, required: [open]}
    remember: [{fact: invoice, key: params.number, fields: {open: result.open}, trusted: true}]
  - name: list_invoices
    effect: read
    records: []
    params: {properties: {}}
    result:
      type: object
      properties:
        all:
          type: array
          items: {type: object, properties: {id: {type: string}, open: {type: boolean}}, required: [id, open]}
      required: [all]
    remember: [{fact: invoice, each: result.all, key: each.id, fields: {open: each.open}, trusted: true}]
  - name: read_not_allowed
    effect: read
    records: [id]
    params: {properties: {id: {type: string}}, required: [id]}
    result: {type: object, properties: {open: {type: boolean}}, required: [open]}
    remember: [{fact: invoice, key: params.id, fields: {open: result.open}, trusted: true}]
""".replace("HUGE", ", ".join(f"value_{n}" for n in range(500)))
POLICY = """
policy:
  workflow_id: billing_adjustments_v3
  allowed_tools: [pay, get_invoice, get_by_number, list_invoices]
"""
GOOD = {"invoice": "7", "cents": 700, "plan": "basic"}


@pytest.fixture
def repaired(world, case):
    """The verdict on a call to pay, and what the agent may do about it."""

    def make(params=None, rules=(), more="", **fields):
        lines = "".join(f"    - {{{rule}, tools: [pay], because: too much}}\n" for rule in rules)
        text = POLICY + more + ("  rules:\n" + lines if rules else "")
        values = {"tool": "pay", "params": dumps_canonical({**GOOD, **(params or {})}), **fields}
        judged = judge(case(**values), world(text, tools=TOOLS))
        told = repair(judged, judged.reasons)
        return judged.verdict, json.loads(told) if told else None

    return make


@pytest.fixture
def around(world):
    """One world for all examples of a law."""
    return world(POLICY, tools=TOOLS)


LARGE = "id: large, when: params.cents > 500"


def test_nothing_is_to_be_repaired_in_an_approval(repaired):
    """The outcome's field stays empty."""
    assert repaired() == (Verdict.APPROVE, None)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"cents": "7"}, [{"path": "cents", "expected": {"type": "integer"}}]),
        (
            {"lines": [{"sku": "a"}, {"sku": "c"}]},
            [{"path": "lines.1.sku", "expected": {"enum": ["a", "b"]}}],
        ),
        ({"note": "x"}, [{"path": "", "expected": {"additionalProperties": False}}]),
        ({"huge": "x"}, [{"path": "huge", "expected": {}}]),
        (
            {"cents": None, "invoice": 7},
            [
                {"path": "cents", "expected": {"type": "integer"}},
                {"path": "invoice", "expected": {"type": "string"}},
            ],
        ),
    ],
)
def test_parameters_that_do_not_fit_are_named_with_what_is_expected(params, expected, repaired):
    """Each wrong path once, and the part of the schema that it does not meet, unless that is large."""
    assert repaired(params) == (Verdict.DENY, {"do": "change", "params": expected})


def test_text_that_is_no_json_is_to_become_an_object(world, case):
    """The whole is wrong: its path is empty."""
    judged = judge(case(tool="pay", params="[1]"), world(POLICY, tools=TOOLS))
    assert json.loads(repair(judged, judged.reasons)) == {
        "do": "change",
        "params": [{"path": "", "expected": {"type": "object"}}],
    }


def test_a_rule_names_the_parameters_that_it_looks_at(repaired):
    """Which they are, not how far they are from passing."""
    expected = {"do": "change", "params": [{"path": "cents", "rule": "large"}]}
    assert repaired(rules=[LARGE]) == (Verdict.DENY, expected)


def test_limits_are_told_where_the_policy_says_so(repaired):
    """One key for the whole policy."""
    _, found = repaired(rules=[LARGE], more="  show_limits: true\n")
    figures = {"asked": 700, "limit": 500, "distance": 200}
    assert found["limits"] == [{"code": "RULE_DENIED", "rule": "large", "unit": "cents", **figures}]


def test_without_that_no_figure_is_told(repaired):
    """Neither of rules nor of what the ledger refuses."""
    _, found = repaired(rules=[LARGE, "id: b, when: params.cents > 600, then: hold"])
    assert not any(character.isdigit() for character in json.dumps(found))


def test_a_rule_that_no_parameter_can_satisfy_stops(repaired):
    """Sending anything else would be denied as well."""
    rule = 'id: who, when: agent.id == "a1"'
    assert repaired(rules=[rule]) == (Verdict.DENY, {"do": "stop"})
    assert repaired(rules=[rule, LARGE]) == (Verdict.DENY, {"do": "stop"})


def test_a_price_that_is_not_known_names_the_parameter_it_depends_on(repaired):
    """As the catalogue has it."""
    expected = {"do": "change", "params": [{"path": "plan"}]}
    assert repaired({"plan": "gold"}) == (Verdict.DENY, expected)


def test_what_must_be_read_is_told_as_calls(repaired):
    """Only of tools that the policy allows; without parameters where no single one names the row."""
    rule = "id: open, when: 'facts.invoice[params.invoice].open == false'"
    assert repaired(rules=[rule]) == (
        Verdict.DENY,
        {
            "do": "read_first",
            "reads": [
                {"tool": "get_invoice", "params": {"id": "7"}},
                {"tool": "get_by_number", "params": {"number": 7}},
                {"tool": "list_invoices", "params": {}},
            ],
        },
    )
    _, found = repaired({"invoice": "x-7"}, rules=[rule])
    assert found["reads"][1] == {"tool": "get_by_number", "params": {"number": "x-7"}}


def test_a_hold_is_asked_about_by_its_id(repaired, world, case):
    """A dry run holds nothing, so there is nothing to ask about."""
    rule = "id: large, when: params.cents > 500, then: hold"
    assert repaired(rules=[rule]) == (Verdict.HOLD, {"do": "ask", "hold_id": "3-7"})
    assert repaired(rules=[rule], dry_run=True) == (Verdict.HOLD, {"do": "ask"})
    assert place_of(case()) == "3-7"


def test_a_draft_needs_nothing(repaired):
    """It is done as far as the agent can do it."""
    assert repaired(rules=["id: large, when: params.cents > 500, then: draft"]) == (Verdict.DRAFT, None)


@pytest.mark.parametrize("code", list(Code))
def test_every_code_says_what_to_do(code, case):
    """What its entry says, in the outcome and on the page."""
    entry = TABLE[code]
    judged = changed(case(), verdict=VERDICTS[entry.effect], reasons=(Reason(code),))
    told = repair(judged, judged.reasons)
    of_rule = code in {Code.RULE_DENIED, Code.RULE_FAILED}  # of a rule that is not there: nothing to change
    assert (json.loads(told)["do"] if told else "nothing") == (Do.STOP if of_rule else entry.do)
    assert f"`{entry.do}`" in PAGE.read_text(encoding="utf-8")


def test_what_helps_least_is_told(case):
    """To wait is in vain where something else refuses as well."""
    judged = case()
    for codes, expected in (
        ((Code.RATE_LIMITED, Code.ATTEMPTS_LIMITED), "wait"),
        ((Code.RATE_LIMITED, Code.EXPIRED), "again"),
        ((Code.READ_FIRST, Code.RATE_LIMITED), "read_first"),
        ((Code.PARAMS_SCHEMA, Code.READ_FIRST), "change"),
        ((Code.PARAMS_SCHEMA, Code.KILLED), "stop"),
        (("A_CODE_OF_TOMORROW", Code.RATE_LIMITED), "stop"),
        ((Code.RATE_LIMITED, Code.HELD_BY_RULE), "wait"),
    ):
        reasons = tuple(map(Reason, codes))
        assert json.loads(repair(changed(judged, reasons=reasons), reasons))["do"] == expected


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=400), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    params=st.dictionaries(st.sampled_from(["invoice", "cents", "plan", "lines", "huge"]) | st.text(), VALUES)
)
def test_whatever_is_sent_the_repair_is_small_json(params, case, around):
    """It stands in every outcome of a denial: nothing that an agent sends may break or blow it up."""
    judged = judge(case(tool="pay", params=json.dumps(params)), around)
    told = repair(judged, judged.reasons)
    assert len(told) <= REPAIR_BYTES_MAX
    assert not told or json.loads(told)["do"] in set(Do)
