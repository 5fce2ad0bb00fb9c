"""What becomes of a call: the order of verdicts, rules that hold and draft, and what is asked of the ledger then."""

from __future__ import annotations

from itertools import permutations, product

import pytest

from toolgate.processors.case import weigh
from toolgate.processors.chain import judge
from toolgate.processors.claims import Charge, Own, Remember
from toolgate.processors.effects import VERDICTS, Effect
from toolgate.processors.reasons import TABLE, Code
from toolgate.processors.size import decision_bytes
from toolgate.processors.verdicts import effect_of, ordered, retryable, verdict_of
from toolgate.schemas.enums import Verdict
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Reason

TOOLS = """
tools:
  - name: pay
    effect: write
    records: [invoice]
    cost: 0.01
    draft: proposal
    params: {properties: {invoice: {type: string}, cents: {type: integer}}, required: [invoice, cents]}
  - name: look
    effect: read
    records: []
    params: {properties: {invoice: {type: string}}, required: [invoice]}
"""
POLICY = """
policy:
  workflow_id: billing_adjustments_v3
  allowed_tools: [pay, look]
  limits: {max_tool_calls: 3, max_cost_usd: 1}
"""
PAY = {"tool": "pay", "params": '{"cents":700,"invoice":"INV-1"}'}
LOOK = {"tool": "look", "params": '{"invoice":"INV-1"}'}
ONE_OF_EACH = {
    effect: next(code for code in Code if TABLE[code].effect == effect)
    for effect in Effect
    if effect != Effect.APPROVE
}
ORDER = ["deny", "read_first", "hold", "draft", "record", "approve"]


def policy(*rules, more=""):
    """The text of a policy with rules (id, then, when, more)."""
    lines = [
        f"    - {{id: {name}, then: {then}, when: '{when}', because: no {name}{', ' if rest else ''}{rest}}}\n"
        for name, then, when, rest in rules
    ]
    return POLICY + more + ("  rules:\n" + "".join(lines) if lines else "")


@pytest.fixture
def judged(world, case):
    """Judges a call to pay 700 cents under these rules."""

    def make(*rules, more="", **fields):
        return judge(case(**{**PAY, **fields}), world(policy(*rules, more=more), tools=TOOLS))

    return make


# --- the order ---


def test_the_effects_stand_in_their_order():
    """Deny, read first, hold, draft: the design's order, and what is in shadow or approved comes last."""
    assert [effect.value for effect in Effect] == ORDER
    assert set(VERDICTS) == set(Effect)


@pytest.mark.parametrize(("one", "other"), list(product(ONE_OF_EACH, repeat=2)))
def test_of_two_effects_the_more_severe_decides(one, other, case):
    """Every pair, in both orders, alone and put into a case."""
    severe = min(one, other, key=ORDER.index)
    reasons = (Reason(ONE_OF_EACH[one], "a"), Reason(ONE_OF_EACH[other], "b"))
    assert effect_of(reasons) == severe
    assert verdict_of(reasons) == VERDICTS[severe]
    weighed = weigh(weigh(case(), reasons[0]), reasons[1])
    assert (weighed.verdict, weighed.reasons) == (VERDICTS[severe], reasons)
    assert TABLE[Code(ordered(reasons)[0].code)].effect == severe


def test_codes_stand_by_their_effect():
    """The first reason of a decision is one that decided it."""
    levels = [ORDER.index(TABLE[code].effect) for code in Code]
    assert levels == sorted(levels)


def test_no_reason_approves_and_an_unknown_code_denies():
    """A code of a later version is not taken for harmless."""
    assert (effect_of(()), verdict_of(())) == (Effect.APPROVE, Verdict.APPROVE)
    assert verdict_of([Reason("A_CODE_OF_TOMORROW"), Reason(Code.DRAFTED)]) == Verdict.DENY


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ((Code.READ_FIRST,), True),
        ((Code.READ_FIRST, Code.HELD_BY_RULE), True),
        ((Code.READ_FIRST, Code.RULE_DENIED), False),
        ((Code.RATE_LIMITED, Code.DRAFTED), True),
        ((Code.HELD_BY_RULE,), False),
        ((Code.DRAFTED,), False),
        ((Code.SHADOWED,), False),
    ],
)
def test_only_what_refuses_says_whether_to_try_again(codes, expected):
    """A hold beside a denial is what the call comes to once it is no longer refused."""
    assert retryable(Reason(code) for code in codes) is expected


# --- rules ---

THEN = {
    "deny": (Verdict.DENY, Code.RULE_DENIED),
    "read_first": (Verdict.DENY, Code.READ_FIRST),
    "hold": (Verdict.HOLD, Code.HELD_BY_RULE),
    "draft": (Verdict.DRAFT, Code.DRAFTED),
}


@pytest.mark.parametrize("then", THEN)
def test_a_rule_does_what_it_says_with_its_distance(then, judged):
    """Whatever it makes of the call, people see the value and how far it is from passing."""
    found = judged(("large", then, "params.cents > 500", "tools: [pay]"))
    (reason,) = found.reasons
    assert (found.verdict, reason.code) == THEN[then]
    assert reason.because == "no large (params.cents is 700)"
    assert (reason.unit, reason.asked, reason.limit, reason.distance) == ("cents", 700, 500, 200)


@pytest.mark.parametrize("names", list(permutations(THEN, 3)))
def test_all_rules_that_hold_are_told_the_most_severe_first(names, judged):
    """In whatever order they are written."""
    found = judged(*((name, name, "params.cents > 500", "tools: [pay]") for name in names))
    assert [reason.rule for reason in found.reasons] == sorted(names, key=ORDER.index)
    assert found.verdict == THEN[min(names, key=ORDER.index)][0]


@pytest.mark.parametrize("then", ["hold", "draft"])
def test_what_is_held_or_drafted_has_its_claims_looked_at(then, judged):
    """The ledger says whether there would be room; without a reservation nothing is taken."""
    found = judged(("large", then, "params.cents > 500", "tools: [pay]"))
    assert {type(claim) for claim in found.claims} >= {Own, Charge}
    assert found.reserve is None
    assert found.always
    assert found.on_deny
    assert (found.cost_micros, found.records) == (10_000, ("INV-1",))


def test_a_rule_that_cannot_be_evaluated_denies_whatever_it_would_have_done(judged):
    """What cannot be judged is not put before people as if it had been."""
    found = judged(("when", "hold", "time(params.invoice) < now", "tools: [pay]"))
    assert [(reason.code, found.verdict) for reason in found.reasons] == [(Code.RULE_FAILED, Verdict.DENY)]


def test_a_draft_rule_leaves_reads_alone(judged):
    """Only a write has something that could be proposed instead."""
    rule = ("any", "draft", 'params.invoice == "INV-1"', "")
    assert judged(rule).verdict == Verdict.DRAFT
    assert judged(rule, **LOOK).verdict == Verdict.APPROVE


def test_a_limit_that_the_chain_sees_beats_a_hold(judged):
    """Nobody is asked about a call that could not be made: deny wins."""
    found = judged(
        ("large", "hold", "params.cents > 500", "tools: [pay]"),
        more="  blast_radius: [{scope: run, max: 3}]\n",
        params='{"cents":700,"invoice":""}',
    )
    assert [reason.code for reason in found.reasons] == [Code.RECORDS_INVALID, Code.HELD_BY_RULE]
    assert (found.verdict, found.claims) == (Verdict.DENY, ())


@pytest.mark.parametrize("then", ["deny", "read_first", "hold", "draft"])
@pytest.mark.parametrize("other", [None, "deny", "hold"])
def test_a_rule_in_shadow_changes_nothing_but_what_is_told(then, other, judged):
    """The same call with and without it has the same verdict, reasons and claims."""
    others = [("other", other, "params.cents > 600", "tools: [pay]")] if other else []
    without = judged(*others)
    found = judged(*others, ("tried", then, "params.cents > 500", "tools: [pay], mode: shadow"))
    assert [(reason.rule, reason.code) for reason in found.shadow_reasons] == [("tried", THEN[then][1])]
    kept = ("verdict", "reasons", "always", "on_deny", "reserve", "wanted")
    assert [getattr(found, name) for name in kept] == [getattr(without, name) for name in kept]
    # What waits for people names the policy set, and that is another one.
    asked, before = ([one for one in case.claims if type(one) is not Remember] for case in (found, without))
    assert asked == before


def test_what_rules_say_counts_for_the_size(judged):
    """Many reasons make a larger record, also where they do not count."""
    plain = judged()
    found = judged(("tried", "deny", "params.cents > 500", "tools: [pay], mode: shadow"))
    assert decision_bytes(found) > decision_bytes(plain)
    counted = changed(found, reasons=found.shadow_reasons, shadow_reasons=())
    assert decision_bytes(counted) == decision_bytes(found)
