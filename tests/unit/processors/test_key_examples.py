"""The examples of the page about files: every key has one, and each of them loads as it stands."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema_rs
import pytest

from toolgate.processors.approval import Approval
from toolgate.processors.cases_file import Came, CaseContract, CaseEntry, CasesFile, Needs, Step, check_cases
from toolgate.processors.catalogue import Cost, Inverse, ToolEntry
from toolgate.processors.contract_terms import ContractTerms
from toolgate.processors.key_examples import CATALOGUE, EXAMPLES
from toolgate.processors.loader import from_files
from toolgate.processors.objective import Objective
from toolgate.processors.param_schema import json_plain
from toolgate.processors.policy_file import (
    AttemptRate,
    Attempts,
    BlastRadius,
    Budget,
    Limits,
    Logging,
    Policy,
    Rate,
    Requirement,
    Rule,
)
from toolgate.processors.registry_file import Registry
from toolgate.processors.remembering import Remember
from toolgate.processors.strict_yaml import parse
from toolgate.processors.written_file import read_file

ROOT = Path(__file__).parents[3]
MODELINE = "# yaml-language-server: $schema="
MODELS = {
    model.__name__: model
    for model in (
        *(Policy, Limits, Budget, Rate, BlastRadius, Rule, Requirement, Approval, Objective, ContractTerms),
        *(Attempts, AttemptRate, Logging, ToolEntry, Cost, Inverse, Remember, Registry),
        *(CaseEntry, CaseContract, Needs, Step, Came),
    )
}
HOLDING = (
    "{id: large_refunds, tools: [issue_refund], when: params.amount_cents > 20000, then: hold, because: b}"
)
ORDER = "{properties: {order_id: {type: string}, plan: {type: string}, iban: {type: string}}, required: [order_id]}"
RESULT = (
    "{properties: {paid_cents: {type: integer}, state: {type: string}, "
    "items: {type: array, items: {properties: {sku: {type: string}, price: {type: number}}}}}}"
)
POLICY = "workflow_id: refunds_v1, allowed_tools: [read_order, issue_refund]"
TOOL = f"name: t, effect: write, params: {ORDER}, result: {RESULT}"
CASE = "name: one, call: read_order, expect: approve"
# What each mapping must have besides, and the file around it; @ is where it stands.
AROUND = {
    "Policy": (POLICY, "policy: @"),
    "Limits": ("", f"policy: {{{POLICY}, limits: @}}"),
    "Budget": ("scope: run, max: 1", f"policy: {{{POLICY}, budgets: [@]}}"),
    "Rate": ("scope: run, max: 1, per: 1m", f"policy: {{{POLICY}, rates: [@]}}"),
    "BlastRadius": ("scope: run, max: 1", f"policy: {{{POLICY}, blast_radius: [@]}}"),
    "Rule": (
        "id: r, tools: [issue_refund], when: params.amount_cents > 1, because: b",
        f"policy: {{{POLICY}, rules: [@]}}",
    ),
    "Approval": ("", f"policy: {{{POLICY}, rules: [{HOLDING}], approvals: [@]}}"),
    "Objective": ("then: alert", f"policy: {{{POLICY}, on_breach: [@]}}"),
    "ContractTerms": ("", f"policy: {{{POLICY}, contract: @}}"),
    "Requirement": ("id: r, tools: [issue_refund], because: b", f"policy: {{{POLICY}, requires: [@]}}"),
    "Attempts": ("", f"policy: {{{POLICY}, attempts: @}}"),
    "AttemptRate": ("max: 1, per: 1m", f"policy: {{{POLICY}, attempts: {{run: @}}}}"),
    "Logging": ("", f"policy: {{{POLICY}, logging: @}}"),
    "ToolEntry": (TOOL, "@"),
    "Cost": ("", f"{{{TOOL}, cost: @}}"),
    "Inverse": ("tool: read_order, params: {order_id: order_id}", f"{{{TOOL}, inverse: @}}"),
    "Remember": (
        "fact: f, key: params.order_id, fields: {state: result.state}",
        f"{{{TOOL.replace('write', 'read')}, remember: [@]}}",
    ),
    "Registry": ("rows: [C-1]", "registry: @"),
    "CaseEntry": (CASE, "cases: [@]"),
    "CaseContract": ("tools: [read_order]", f"cases: [{{{CASE}, contract: @}}]"),
    "Needs": ("", f"cases: [{{{CASE.replace('approve', 'hold')}, needs: @}}]"),
    "Step": ("call: read_order", f"cases: [{{{CASE}, before: [@]}}]"),
    "Came": ("", f"cases: [{{{CASE}, result: @}}]"),
}
ALL = [(model, key) for model, examples in EXAMPLES.items() for key in examples]


def read(text):
    """The data of YAML that is read as policy files are."""
    document, problems = parse("example", text.encode())
    assert problems == ()
    assert document is not None
    return document.data


def whole(model, key):
    """The file in which an example stands, as JSON, which is YAML."""
    needed, around = AROUND[model]
    example = read(f"{{{EXAMPLES[model][key]}}}")
    assert key in example
    base = read(f"{{{needed}}}")
    if {"spend_usd", "finish"} & example.keys():  # instead of a call
        del base["call"]
    if model == "Requirement" and not {"after", "at_most"} & example.keys():
        base["at_most"] = 1
    data = read(around.replace("@", '"@"'))
    return json.dumps(_put(data, base | example), default=json_plain)


def _put(data, found):
    if data == "@":
        return found
    if isinstance(data, dict):
        return {name: _put(value, found) for name, value in data.items()}
    return [_put(value, found) for value in data] if isinstance(data, list) else data


@pytest.mark.parametrize(("model", "key"), ALL)
def test_an_example_loads(model, key):
    """As it stands on the page, among what its mapping must have."""
    text = whole(model, key)
    files = {"tools.yaml": CATALOGUE.encode(), "policy.yaml": f"policy: {{{POLICY}}}".encode()}
    if key == "cedar":
        pytest.importorskip("cedarpy")
        files["refunds.cedar"] = b"permit(principal, action, resource);"
    if text.startswith('{"policy"'):
        from_files(files | {"policy.yaml": text.encode()})
    elif text.startswith('{"registry"'):
        from_files(files | {"registries/customers.yaml": text.encode()})
    elif text.startswith('{"cases"'):
        policies = from_files(files)
        document, cases, problems = read_file("cases.yaml", text.encode(), CasesFile)
        assert problems == []
        assert list(check_cases(document, cases, policies)) == []
    else:
        tool = json.loads(text)
        kept = [one for one in read(CATALOGUE)["tools"] if one["name"] != tool["name"]]
        catalogue = json.dumps({"tools": [*kept, tool]}, default=json_plain)
        allowed = f"policy: {{workflow_id: w, allowed_tools: [read_order, {tool['name']}]}}"
        from_files({"tools.yaml": catalogue.encode(), "policy.yaml": allowed.encode()})


@pytest.mark.parametrize("model", MODELS)
def test_every_key_has_an_example(model):
    """A new key gets one in processors/key_examples.py, and a key that is gone takes its own with it."""
    keys = {field.alias or name for name, field in MODELS[model].model_fields.items()}
    assert set(EXAMPLES[model]) == keys


def test_every_mapping_of_the_page_has_examples():
    """None is left out of this test."""
    assert set(EXAMPLES) == set(MODELS) == set(AROUND)


EXAMPLE_FILES = sorted(path for path in (ROOT / "examples").rglob("*.yaml") if not path.is_symlink())


def as_json(path):
    """A file's data as an editor sees it."""
    return json.loads(json.dumps(read(path.read_text("utf-8")), default=json_plain))


@pytest.mark.parametrize("path", EXAMPLE_FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_examples_name_a_schema_that_finds_nothing_wrong_with_them(path):
    """An editor that completes by it marks no line of a file that loads."""
    first = path.read_text("utf-8").splitlines()[0]
    assert first.startswith(MODELINE)
    schema = json.loads((path.parent / first.removeprefix(MODELINE)).read_text("utf-8"))
    assert list(jsonschema_rs.Draft202012Validator(schema).iter_errors(as_json(path))) == []


@pytest.mark.parametrize(
    ("schema", "data"),
    [
        ("policy", {"policy": {"workflow_id": "w", "allowed_tools": ["a"], "bugdets": []}}),
        ("tools", {"tools": [{"name": "a", "params": {}, "effect": "reads"}]}),
        ("tools", {"tools": [{"name": "a", "params": {}, "effect": "read", "cost": "a lot"}]}),
        ("registry", {"registry": {"rows": []}}),
        ("registry", {"registry": {"rows": ["a", "a"]}}),
        ("registry", {"registry": {"rows": ["a", {"b": 1}]}}),
        ("cases", {"cases": [{"name": "a", "call": "b"}]}),
        ("cases", {"cases": [{"name": "a", "call": "b", "expect": "deny", "codes": ["NO_CODE"]}]}),
    ],
)
def test_the_schemas_mark_what_does_not_load(schema, data):
    """Before it is saved."""
    text = (ROOT / "docs" / "reference" / f"{schema}.schema.json").read_text("utf-8")
    assert not jsonschema_rs.Draft202012Validator(json.loads(text)).is_valid(data)
