"""Cases: they run on the real gate, say exactly what came out otherwise, and are read strictly."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from toolgate.processors.loader import from_files, load
from toolgate.processors.problems import LoadError
from toolgate.whatif import cases, junit

EXAMPLES = Path(__file__).parents[3] / "examples"
TOOLS = b"""
tools:
  - {name: look, effect: read, cost: 0.01, records: [], params: {properties: {id: {type: string}}}}
  - name: pay
    effect: write
    cost: 0.10
    records: [id]
    params: {properties: {id: {type: string}, usd: {type: number}}}
"""
POLICY = b"""
policy:
  workflow_id: w
  allowed_tools: [look, pay]
  limits: {max_cost_usd: 0.25, max_denials: 2}
  budgets: [{scope: tenant, window: 1h, unit: calls, max: 5}]
  rates: [{scope: run, max: 2, per: 1m}]
  blast_radius: [{scope: run, max: 1}]
  rules: [{id: small, tools: [pay], when: has(params.usd) && params.usd > 5.0, because: five at most}]
"""


@pytest.fixture
def run(tmp_path):
    """Runs the one case of a file; () when it came out as expected, else what did not."""
    policies = from_files({"tools.yaml": TOOLS, "policy.yaml": POLICY})

    def faults(text):
        (tmp_path / "some.cases.yaml").write_text(f"cases:\n  - {{name: one, {text}}}\n")
        [case] = cases.find(tmp_path, policies)
        return [(fault.what, fault.expected, fault.found) for fault in cases.run(case, policies).faults]

    return faults


@pytest.mark.parametrize("example", ["small", "billing", "airline", "mailbox", "mailbox/without_trust"])
def test_the_cases_of_an_example_come_out_as_they_expect(example):
    """What the examples' files promise is true."""
    policies = load(EXAMPLES / example)
    found = cases.find(EXAMPLES / example, policies)
    assert len(found) >= 4
    outcomes = [cases.run(case, policies) for case in found]
    assert [(one.case.entry.name, one.faults) for one in outcomes if one.faults] == []


PAY = "call: pay, params: {id: x}"
FIVE = "[{call: look, run: a, times: 2}, {call: look, run: b, times: 2}, {call: look, run: c}]"
HOLD = [
    # an approved call, and one that a rule denies
    "call: look, expect: approve",
    "call: pay, params: {id: x, usd: 5.5}, expect: deny, codes: [RULE_DENIED], rules: [small]",
    # money: 2 of 10 cents of 25, then 5 cents short; a cheaper result or none at all gives back
    f"before: [{{{PAY}, times: 2}}], {PAY}, at: +2m, expect: deny, distances: {{limits.max_cost_usd: 0.05}}",
    f"before: [{{{PAY}, times: 2, result: {{cost_usd: 0.01}}}}], {PAY}, at: +2m, expect: approve",
    f"before: [{{{PAY}, times: 2, result: {{status: void}}}}], {PAY}, at: +2m, expect: approve",
    f"before: [{{{PAY}, times: 2, result: none}}], {PAY}, at: +2m, expect: deny",
    # time: two calls a minute, then there is room again
    "before: [{call: look, times: 2}], call: look, expect: deny, codes: [RATE_LIMITED], distances: {'rates[0]': 30000}",
    "before: [{call: look, times: 2}], at: +30s, call: look, expect: approve",
    # a window that several runs share ends at the hour
    f"before: {FIVE}, at: +10m, call: look, expect: deny, codes: [BUDGET_EXCEEDED], rules: ['budgets[0]']",
    f"before: {FIVE}, at: +1h, call: look, expect: approve",
    # distinct records, declared ones and those that a result names
    "before: [{call: pay, params: {id: x}}], call: pay, params: {id: x}, expect: approve",
    "before: [{call: pay, params: {id: x}}], call: pay, params: {id: z}, expect: deny, codes: [BLAST_RADIUS]",
    "before: [{call: pay, params: {id: x}, result: {records: [x, z]}}], call: pay, params: {id: x}, expect: deny",
    # who, and what else there is to ask
    "before: [{call: look}], agent: agent-2, call: look, expect: deny, codes: [RUN_NOT_YOURS]",
    "before: [{finish: failed}], call: look, expect: deny, codes: [RUN_FINISHED]",
    "before: [{spend_usd: 0.26}], call: look, expect: deny",
    "before: [{call: gone, times: 2, expect: deny}], call: look, expect: deny, codes: [TOO_MANY_DENIALS]",
    "call: look, version: '2', expect: deny, codes: [TOOL_VERSION]",
    f"before: [{{{PAY}, times: 2, dry_run: true}}], at: +2m, {PAY}, expect: approve",
    "call: look, cost_usd: 0.26, expect: deny, distances: {limits.max_cost_usd: '0.01'}",
]


@pytest.mark.parametrize("case", HOLD)
def test_a_case_holds(case, run):
    """Budgets, rates, records and time count as in the gate."""
    assert run(case) == []


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("call: look, expect: deny", [("verdict", "deny", "approve")]),
        (
            "call: gone, expect: deny, codes: [TOOL_DENIED]",
            [("codes", "TOOL_DENIED", "TOOL_UNKNOWN")],
        ),
        ("call: look, expect: approve, codes: [TOOL_DENIED]", [("codes", "TOOL_DENIED", "none")]),
        ("call: pay, params: {id: x, usd: 6}, expect: deny, rules: [other]", [("rules", "other", "small")]),
        (
            "call: look, cost_usd: 0.26, expect: deny, distances: {limits.max_cost_usd: 0.02}",
            [("distance of limits.max_cost_usd", "0.02", "$0.01")],
        ),
        (
            "call: look, expect: approve, distances: {small: 1}",
            [("distance of small", "1", "it did not speak")],
        ),
        (
            "before: [{call: look, times: 3}], at: +5m, call: look, expect: approve",
            [
                (
                    "before[0]: verdict of no. 3 of 3",
                    "approve",
                    "deny (RATE_LIMITED rates[0]: retry in 30,000 ms)",
                )
            ],
        ),
    ],
)
def test_a_case_that_does_not_hold_says_what_came_out(case, expected, run):
    """Expected and found stand beside each other; an earlier step is named by its place."""
    assert run(case) == expected


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("call: look", ":2:5: expect is missing"),
        ("expect: deny", "a step asks for nothing; write one of call, spend_usd, finish"),
        ("call: look, finish: failed, expect: deny", "a step has call and finish"),
        (
            "call: look, expect: deny, needs: {approvers: 2}",
            "only a call that is held needs anything of people",
        ),
        ("call: look, expect: hold, dry_run: true, needs: {}", "a dry run asks nobody"),
        ("call: look, expect: denied", "expect must be one of approve, deny, hold, draft"),
        (
            "call: look, expect: deny, codes: [TOOL_DENID]",
            "there is no code TOOL_DENID; did you mean TOOL_DENIED?",
        ),
        ("call: look, expect: deny, at: 5m", "at is how long after the case begins"),
        ("call: look, expect: deny, paramz: {}", "unknown key 'paramz'; did you mean params?"),
        (
            "call: look, expect: deny, workflow: v",
            "there is no policy for workflow v of tenant default; known are w",
        ),
        ("call: look, expect: deny, tenant: t", "there is no policy for workflow w of tenant t"),
        (
            "before: [{call: look, at: +5m}], call: look, at: +1m, expect: deny",
            "this step lies before the one",
        ),
        ("call: look, params: {x: 1e999}, expect: deny", "this cannot be sent"),
        ("call: look, expect: yes", "yes is no boolean in YAML 1.2"),
    ],
)
def test_a_case_is_read_strictly(case, said, run):
    """With file, line, column and what to do, as all files that people write."""
    with pytest.raises(LoadError) as caught:
        run(case)
    assert said in str(caught.value)
    assert "some.cases.yaml:" in str(caught.value)


def test_cases_of_one_name_are_told_apart(tmp_path):
    """A report could not say which of them failed."""
    (tmp_path / "a.cases.yaml").write_text("cases:\n" + "  - {name: one, call: look, expect: approve}\n" * 2)
    with pytest.raises(LoadError, match="a case of this name is there twice"):
        cases.find(tmp_path, from_files({"tools.yaml": TOOLS, "policy.yaml": POLICY}))


def test_junit_says_what_failed_and_survives_any_name(tmp_path):
    """Counts, places and messages; characters that XML cannot hold are replaced."""
    policies = from_files({"tools.yaml": TOOLS, "policy.yaml": POLICY})
    (tmp_path / "a.cases.yaml").write_text(
        'cases:\n  - {name: "<&\\u0007\\">", call: look, expect: approve}\n  - {name: two, call: look, expect: deny}\n'
    )
    outcomes = [cases.run(case, policies) for case in cases.find(tmp_path, policies)]
    root = ET.fromstring(junit.as_xml(outcomes, 0.25))  # noqa: S314 - our own
    assert root.attrib == {"tests": "2", "failures": "1", "time": "0.250"}
    [suite] = root
    assert (suite.get("name"), suite.get("failures")) == (f"{tmp_path}/a.cases.yaml", "1")
    good, bad = suite
    assert (good.get("name"), list(good)) == ('<&\ufffd">', [])
    [failure] = bad
    assert failure.get("message") == "verdict: expected deny, found approve"
    assert failure.text == f"{tmp_path}/a.cases.yaml:3: verdict: expected deny, found approve"


ASKING = POLICY + b"  approvals: [{tools: [pay], approvers: 2, roles: [lead, cfo], expires: 4h}]\n"
NEEDS = "call: pay, params: {id: x}, expect: hold"


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (f"{NEEDS}, codes: [HELD_BY_RULE], rules: ['approvals[0]']", []),
        (f"{NEEDS}, needs: {{}}", []),
        (f"{NEEDS}, needs: {{approvers: 2, roles: [cfo, lead], expires: 4h}}", []),
        (f"{NEEDS}, ttl: 30s, needs: {{expires: 30s}}", []),
        (
            f"{NEEDS}, needs: {{approvers: 1, roles: [cfo], expires: 1d}}",
            [
                ("needs approvers", "1", "2"),
                ("needs roles", "cfo", "cfo, lead"),
                ("needs expires", "1d", "4h"),
            ],
        ),
        (
            "call: look, expect: hold, needs: {approvers: 2}",
            [("verdict", "hold", "approve")],
        ),
    ],
)
def test_what_a_held_call_needs_of_people_is_expected_too(case, expected, tmp_path):
    """How many of which roles, and for how long; of a call that is not held the verdict is told."""
    policies = from_files({"tools.yaml": TOOLS, "policy.yaml": ASKING})
    (tmp_path / "some.cases.yaml").write_text(f"cases:\n  - {{name: one, {case}}}\n")
    [found] = cases.find(tmp_path, policies)
    faults = cases.run(found, policies).faults
    assert [(fault.what, fault.expected, fault.found) for fault in faults] == expected


REMEMBERING = b"""
tools:
  - name: read
    effect: read
    records: []
    params: {properties: {id: {type: string}}, required: [id]}
    result: {properties: {state: {type: string}}}
    remember: [{fact: order, key: params.id, trusted: true, fields: {state: result.state}}]
  - {name: ship, effect: write, records: [id], params: {properties: {id: {type: string}}, required: [id]}}
"""
SHIPPING = b"""
policy:
  workflow_id: w
  allowed_tools: [read, ship]
  rules: [{id: paid, tools: [ship], when: 'facts.order[params.id].state != "paid"', because: only what is paid}]
  requires: [{id: once, tools: [ship], at_most: 1, identical: true, because: once each}]
"""


PAID, OPEN = "result: {body: {state: paid}}", "result: {body: {state: open}}"
READ, SHIP = "call: read, params: {id: x}", "call: ship, params: {id: x}"


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("", "expect: deny, codes: [READ_FIRST], rules: [paid]"),
        (f"{{{READ}, {PAID}}}", "expect: approve"),
        (f"{{{READ}, {OPEN}}}", "expect: deny, codes: [RULE_DENIED]"),
        (f"{{{READ}, {PAID}}}, {{{READ}, {OPEN}}}", "expect: deny, codes: [RULE_DENIED]"),
        (f"{{{READ.replace('x', 'z')}, {PAID}}}", "expect: deny, codes: [READ_FIRST]"),
        (
            f"{{{READ}, result: {{status: error, body: {{state: paid}}}}}}",
            "expect: deny, codes: [READ_FIRST]",
        ),
        (f"{{{READ}, {PAID}, run: other}}", "expect: deny, codes: [READ_FIRST]"),
        (f"{{{READ}, {PAID}}}, {{{SHIP}}}", "expect: deny, rules: [once]"),
    ],
)
def test_what_results_tell_is_remembered_within_the_run(before, expected, tmp_path):
    """The gate's ledger keeps facts and history, and so do cases."""
    policies = from_files({"tools.yaml": REMEMBERING, "policy.yaml": SHIPPING})
    text = f"cases:\n  - {{name: one, before: [{before}], {SHIP}, {expected}}}\n"
    (tmp_path / "some.cases.yaml").write_text(text)
    [found] = cases.find(tmp_path, policies)
    assert cases.run(found, policies).faults == ()
