"""One intent explained: every stage, every rule, every claim; nothing redacted is told."""

from __future__ import annotations

import pytest

from toolgate.processors.chain import CHAIN
from toolgate.processors.loader import from_files
from toolgate.processors.rule_looks import DOES_NOT_HOLD, FAILED, HOLDS, UNKNOWN_FACT
from toolgate.schemas.records import Intent
from toolgate.whatif.explaining import explain

TOOLS = b"""
tools:
  - name: get
    effect: read
    params: {properties: {id: {type: string}}, required: [id]}
    result: {properties: {id: {type: string}, state: {type: string}}}
    remember: [{fact: order, trusted: true, key: params.id, fields: {state: result.state}}]
  - name: pay
    effect: write
    cost: 0.10
    records: [id]
    redact: [iban]
    params:
      properties: {id: {type: string}, cents: {type: integer}, iban: {type: string}, total: {type: string}}
      required: [id, cents, iban, total]
"""
POLICY = b"""
policy:
  workflow_id: w
  allowed_tools: [get, pay]
  limits: {max_cost_usd: 0.05}
  rules:
    - {id: small, tools: [pay], when: params.cents > 500, because: five dollars at most}
    - {id: home, tools: [pay], when: '!params.iban.startsWith("DE")', because: only to our own country}
    - {id: open, tools: [pay], when: 'facts.order[params.id].state != "open"', because: only open orders}
    - {id: odd, tools: [pay], when: usd(params.total) > 9000000, because: nine dollars with fees}
"""


@pytest.fixture(scope="module")
def policies():
    """A set whose rules look at parameters and facts."""
    return from_files({"tools.yaml": TOOLS, "policy.yaml": POLICY})


def asked(tool="pay", params='{"id":"O1","cents":200,"iban":"DE89","total":"2.10"}', **fields):
    """An intent."""
    return Intent("i", "call", "default", "w", "r", "a", tool, params=params, **fields)


def stages(found):
    """What each stage came to, by name."""
    return {stage.name: stage.outcome for stage in found.stages}


OPEN = {"order": {"O1": {"state": "open"}}}


@pytest.mark.parametrize(
    ("params", "facts", "expected"),
    [
        ('{"id":"O1","cents":200,"iban":"DE89","total":"2.10"}', OPEN, [DOES_NOT_HOLD] * 4),
        (
            '{"id":"O1","cents":501,"iban":"DE89","total":"2.10"}',
            OPEN,
            [HOLDS, DOES_NOT_HOLD, DOES_NOT_HOLD, DOES_NOT_HOLD],
        ),
        (
            '{"id":"O1","cents":200,"iban":"XX00","total":"2.10"}',
            OPEN,
            [DOES_NOT_HOLD, HOLDS, DOES_NOT_HOLD, DOES_NOT_HOLD],
        ),
        (
            '{"id":"O2","cents":200,"iban":"DE89","total":"2.10"}',
            OPEN,
            [DOES_NOT_HOLD, DOES_NOT_HOLD, UNKNOWN_FACT, DOES_NOT_HOLD],
        ),
        (
            '{"id":"O1","cents":0,"iban":"DE89","total":"2,10"}',
            OPEN,
            [DOES_NOT_HOLD, DOES_NOT_HOLD, DOES_NOT_HOLD, FAILED],
        ),
    ],
)
def test_says_of_each_rule_whether_it_holds(params, facts, expected, policies):
    """Also of those that did not speak; the verdict follows from them."""
    found = explain(asked(params=params), policies, 1_000, facts)
    assert [look.outcome for look in found.rules] == expected
    assert found.verdict == ("APPROVE" if expected == [DOES_NOT_HOLD] * 4 else "DENY")


def test_shows_the_values_and_hides_what_is_redacted(policies):
    """Whatever a rule looked at, a redacted value is compared and never told."""
    found = explain(asked(), policies, 1_000, OPEN)
    assert [dict(look.values) for look in found.rules[:3]] == [
        {"params.cents": "200"},
        {"params.iban": "(redacted)"},
        {"facts.order[params.id].state": '"open"'},
    ]
    assert found.rules[0].distance == 301
    assert "DE89" not in repr(found)


def test_every_stage_is_there_and_the_ledger_is_asked_last(policies):
    """The chain finds nothing wrong with a read, and its accounts have room."""
    found = explain(asked("get", '{"id":"O1"}'), policies, 1_000)
    assert list(stages(found)) == [*(processor.__name__ for processor in CHAIN), "ledger"]
    assert set(stages(found).values()) == {"passed"}
    assert found.verdict == "APPROVE"


def test_a_claim_that_is_too_large_is_the_ledgers_to_refuse():
    """A call that costs more than a run may: also the first one finds no room."""
    bare = POLICY.partition(b"  rules:")[0]
    found = explain(asked(), from_files({"tools.yaml": TOOLS, "policy.yaml": bare}), 1_000)
    assert (found.verdict, stages(found)["ledger"]) == ("DENY", "refused")
    assert [(reason.rule, reason.distance) for reason in found.reasons] == [("limits.max_cost_usd", 50_000)]
    assert found.cost_micros == 100_000
    assert found.records == ("O1",)


def test_with_facts_the_ledger_is_not_asked(policies):
    """Its accounts are those of a run that has read nothing."""
    assert stages(explain(asked(), policies, 1_000, OPEN))["ledger"] == "not asked"


def test_what_ends_a_case_leaves_the_rest_unreached(policies):
    """A malformed intent: nothing behind the contract can say anything."""
    found = explain(asked(tool="../x"), policies, 1_000)
    outcomes = stages(found)
    assert outcomes["contract"] == "refused"
    assert outcomes["access"] == outcomes["limits"] == "not reached"
    assert found.verdict == "DENY"


def test_a_stage_behind_a_refusal_has_nothing_more_to_say(policies):
    """It did not approve anything."""
    outcomes = stages(explain(asked(tool="gone"), policies, 1_000))
    assert outcomes["contract"] == "refused"
    assert outcomes["limits"] == "nothing more"
