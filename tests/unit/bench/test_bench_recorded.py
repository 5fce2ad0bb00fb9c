"""Recorded runs through the chain alone: what was approved tells, what was denied does not."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from bench import recorded
from toolgate.demo import runs
from toolgate.processors.control_state import ControlState
from toolgate.processors.keyring import Keyring
from toolgate.processors.loader import load
from toolgate.processors.world import World

TOOLS = """
tools:
  - name: read_order
    effect: read
    records: []
    params: {properties: {id: {type: string}}, required: [id]}
    result: {properties: {owner: {type: string}}}
    remember:
      - {fact: order, key: params.id, trusted: true, fields: {owner: result.owner}}
  - name: refund
    effect: write
    records: [id]
    params: {properties: {id: {type: string}, to: {type: string}}, required: [id, to]}
"""
POLICY = """
policy:
  workflow_id: desk_v1
  allowed_tools: [read_order, refund]
  rules:
    - {id: owner, tools: [refund], when: 'facts.order[params.id].owner != params.to', because: it is not theirs}
    - {id: again, tools: [refund], when: history.failed > 0, because: it has failed before}
    - {id: tired, tools: [refund], when: history.failed_writes > 1, because: nothing works}
    - {id: secret, tools: [read_order], when: params.id == "O9", because: nobody reads this}
"""


def call(number, tool, params, result, *, error=False, label=""):
    """One of a recording."""
    return {
        "call_id": f"c{number}",
        "tool": tool,
        "params": params,
        "result": json.dumps(result),
        "error": error,
        "label": label,
    }


ANN, BO = {"id": "O1", "to": "ann"}, {"id": "O1", "to": "bo"}
RUN = {
    "run_id": "r-1",
    "calls": [
        call(0, "refund", ANN, {}, label="right"),
        call(1, "read_order", {"id": "O1"}, {"owner": "ann"}),
        call(2, "refund", BO, {}, label="wrong"),
        call(3, "refund", ANN, {}, error=True, label="failed"),
        call(4, "refund", ANN, {}, error=True, label="failed"),
        call(5, "read_order", {"id": "O9"}, {"owner": "ann"}),
        call(6, "refund", {"id": "O9", "to": "ann"}, {}, label="wrong"),
        call(7, "refund", {"to": "ann", "id": "O1"}, {}, label="wrong"),
    ],
}
EXPECTED = [
    ["owner"],  # nothing was read
    [],
    ["owner"],
    [],  # goes through, and fails
    ["again"],
    ["secret"],
    ["owner"],  # what was denied has told nothing
    ["again"],  # the same call, whatever the order of its parameters
]


@pytest.fixture
def folder(tmp_path):
    """A desk's catalogue and policy, and a recording beside them."""
    for name, text in (("tools.yaml", TOOLS), ("policy.yaml", POLICY), ("runs.jsonl", json.dumps(RUN))):
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_each_call_is_judged_by_what_the_approved_ones_told(folder):
    """As the gate does it, where results come back before the next call."""
    world = World(load(folder), ControlState(), Keyring.insecure())
    [run] = runs.load(folder / "runs.jsonl")
    found = list(recorded.replayed(run, world, ("default", "desk_v1")))
    assert [[reason.rule for reason in case.reasons] for _, case in found] == EXPECTED
    assert [played.outcome.codes for played, _ in found[:2]] == [("READ_FIRST",), ()]


def run_command(*words):
    """The command as a shell would run it."""
    app = typer.Typer()
    app.command()(recorded.recorded)
    return CliRunner().invoke(app, [str(word) for word in words])


def test_prints_tables_or_one_object(folder):
    """The same numbers for people and programs."""
    found = json.loads(run_command(folder / "runs.jsonl", folder, "--json").stdout)
    assert found["by_trials"]["all"]["failed"] == {"approved": 1, "denied": 1, "read_first": 0, "held": 0}
    assert {(row["code"], row["rule"]): row.get("wrong", 0) for row in found["by_rule"]} == {
        ("READ_FIRST", "owner"): 1,
        ("RULE_DENIED", "owner"): 1,
        ("RULE_DENIED", "again"): 1,
    }
    assert "Labelled writes" in run_command(folder / "runs.jsonl", folder).stdout


def test_files_that_do_not_load_are_told_without_a_traceback(folder):
    """With the exit code that files have elsewhere."""
    (folder / "runs.jsonl").write_text("{", encoding="utf-8")
    answer = run_command(folder / "runs.jsonl", folder)
    assert answer.exit_code == 7
    assert "runs.jsonl:1:1" in answer.stderr
