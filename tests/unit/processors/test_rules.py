"""Rules: what a policy says that a call must not be."""

from __future__ import annotations

import pytest

from toolgate.processors.chain import judge
from toolgate.processors.problems import LoadError
from toolgate.processors.reasons import Code
from toolgate.schemas.enums import Verdict

TOOLS = """
tools:
  - name: pay
    effect: write
    records: [invoice]
    redact: [iban]
    params:
      properties:
        invoice: {type: string}
        cents: {type: integer}
        iban: {type: string}
        lines: {type: array, items: {type: object, properties: {usd: {type: string}}, required: [usd]}}
      required: [invoice, cents, iban, lines]
  - name: look
    effect: read
    records: []
    params: {properties: {invoice: {type: string}}, required: [invoice]}
"""
POLICY = """
policy:
  workflow_id: billing_adjustments_v3
  allowed_tools: [pay, look]
  rules:
"""
PARAMS = '{"cents":700,"iban":"XX-1","invoice":"INV-1","lines":[{"usd":"3.50"},{"usd":"4.00"}]}'


@pytest.fixture
def judged(world, case):
    """Judges a call under these rules, each as (id, when)."""

    def make(*rules, params=PARAMS, tool="pay", **fields):
        lines = [
            f"    - id: {name}\n      tools: [pay]\n      because: no {name}\n      when: >-\n        {when}\n"
            for name, when in rules
        ]
        return judge(case(tool=tool, params=params, **fields), world(POLICY + "".join(lines), tools=TOOLS))

    return make


def test_a_call_for_which_no_rule_holds_is_approved(judged):
    """Rules only take away."""
    assert judged(("large", "params.cents > 1000")).verdict == Verdict.APPROVE


def test_a_call_for_which_a_rule_holds_is_denied_with_its_distance(judged):
    """Who reads the denial sees the rule, its sentence, the value, and how much was missing."""
    found = judged(("large", "params.cents > 500"))
    assert found.verdict == Verdict.DENY
    (reason,) = found.reasons
    assert (reason.code, reason.rule) == (Code.RULE_DENIED, "large")
    assert reason.because == "no large (params.cents is 700)"
    assert (reason.unit, reason.asked, reason.limit, reason.distance) == ("cents", 700, 500, 200)


def test_money_in_text_is_compared_as_micro_dollars(judged):
    """No float comes near it."""
    (reason,) = judged(("total", "sum(usd(params.lines.usd)) > 7000000")).reasons
    assert (reason.unit, reason.asked, reason.limit, reason.distance) == (
        "usd_micros",
        7_500_000,
        7_000_000,
        500_000,
    )


def test_all_rules_that_hold_are_told(judged):
    """Not only the first: whoever mends one thing should know of the other."""
    found = judged(
        ("b", "params.cents > 500"), ("a", 'params.invoice == "INV-1"'), ("c", "params.cents > 900")
    )
    assert [reason.rule for reason in found.reasons] == ["a", "b"]


def test_a_rule_that_cannot_be_evaluated_denies(judged):
    """A broken amount must not pass because the rule that looks at it broke."""
    found = judged(("total", "sum(usd(params.lines.usd)) > 7000000"), params=PARAMS.replace("3.50", "1e9"))
    assert [(reason.code, reason.rule) for reason in found.reasons] == [(Code.RULE_FAILED, "total")]
    assert "1e9" not in found.reasons[0].because


def test_what_is_redacted_is_compared_but_not_told(judged):
    """Denials go to people who may not see it."""
    (reason,) = judged(("foreign", 'params.iban.startsWith("XX")')).reasons
    assert reason.because == "no foreign"
    (reason,) = judged(("foreign", "size(params.iban) > 3 && params.cents > 1")).reasons
    assert "XX-1" not in reason.because


def test_rules_are_about_their_tools_alone(judged):
    """A tool that no rule names is judged without them."""
    assert (
        judged(("large", "params.cents > 500"), tool="look", params='{"invoice":"INV-1"}').verdict
        == Verdict.APPROVE
    )


def test_who_asks_and_when_can_be_asked_for(judged):
    """`now` is the broker's time of the intent: whoever judges it again comes to the same."""
    assert judged(("when", 'now < timestamp("1970-01-01T00:00:02Z")')).verdict == Verdict.DENY
    assert (
        judged(("when", 'now < timestamp("1970-01-01T00:00:02Z")'), time_ms=2_000).verdict == Verdict.APPROVE
    )
    assert (
        judged(("who", 'workflow.tenant == "default" && agent.id != "" && intent.tool == "pay"')).verdict
        == Verdict.DENY
    )


def test_parameters_that_do_not_fit_are_not_looked_at(judged):
    """A rule may rely on the schema."""
    found = judged(("large", "params.cents > 500"), params='{"cents":"700"}')
    assert {reason.code for reason in found.reasons} == {Code.PARAMS_SCHEMA}


@pytest.mark.parametrize("style", ["plain", "double", "folded", "literal"])
def test_a_mistake_is_pointed_at_however_the_file_writes_it(load, style):
    """Line and column of the very name, through quotes, folds and blocks."""
    head = POLICY + "    - id: large\n      tools: [pay]\n      because: too much\n      when: "
    text = {
        "plain": "params.cents > 5 && params.centz > 1\n",
        "double": '"params.cents > 5 && params.centz > 1"\n',
        "folded": ">-\n        params.cents > 5 &&\n        params.centz > 1\n",
        "literal": "|\n        params.cents > 5\n        && params.centz > 1\n",
    }[style]
    with pytest.raises(LoadError) as caught:
        load(head + text, tools=TOOLS)
    (problem,) = caught.value.problems
    line = (head + text).splitlines()[problem.line - 1]
    assert line[problem.column - 1 :].startswith("params.centz")
    assert problem.what == "params has no centz"
    assert problem.hint == "did you mean cents?"


def test_a_tool_is_named_where_only_one_of_several_does_not_fit(load):
    """A rule is checked with each tool that it is about."""
    text = POLICY + '    - {id: large, because: too much, when: "params.cents > 5"}\n'
    with pytest.raises(LoadError, match=r"params has no cents \(for tool look\)"):
        load(text, tools=TOOLS)
