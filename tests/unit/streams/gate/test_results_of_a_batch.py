"""Results of one batch: each is told by what those before it have told, as if they had come one by one."""

from __future__ import annotations

import pytest

from toolgate.processors.loader import from_files
from toolgate.schemas.codec import Codec
from toolgate.schemas.records import AuditEvent, Intent, Result
from toolgate.streams.gate.rehearsal import Rehearsal
from toolgate.streams.ports import Output

TOOLS = b"""
tools:
  - name: get
    effect: read
    records: []
    params: {properties: {id: {type: string}}, required: [id]}
    result: {properties: {state: {type: string}}}
    remember: [{fact: order, key: params.id, trusted: true, fields: {state: result.state}}]
  - name: ship
    effect: write
    records: []
    params: {properties: {id: {type: string}}, required: [id]}
    result: {properties: {state: {type: string}}}
    remember: [{fact: order, key: params.id, trusted: true, fields: {state: result.state}}]
  - {name: refund, effect: write, records: [], params: {properties: {id: {type: string}}, required: [id]}}
"""
POLICY = b"""
policy:
  workflow_id: w
  allowed_tools: [get, ship, refund]
  rules: [{id: r, tools: [refund], when: 'facts.order[params.id].state != "open"', because: only open orders}]
"""
SET = from_files({"tools.yaml": TOOLS, "policy.yaml": POLICY})


def call(name: str, tool: str) -> Intent:
    """A call about one order."""
    return Intent(name, "call", "default", "w", "r", "a", tool, params='{"id":"O1"}')


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize(
    ("ends", "codes"),
    [
        ((("get", "ok"), ("ship", "unknown")), ["READ_FIRST"]),
        ((("ship", "unknown"), ("get", "ok")), []),
        ((("get", "ok"), ("ship", "error")), []),
    ],
)
def test_a_batch_comes_to_what_its_results_come_to_one_by_one(ends, codes, together):
    """A write whose end nobody knows makes uncertain what a read in the same batch has told before it."""
    gate = Rehearsal(SET)
    commands = {tool: gate.intent(call(tool, tool), 1_000).command for tool in ("get", "ship")}
    for tool, status in ends:
        command, body = commands[tool], '{"state":"open"}' if status == "ok" else ""
        result = Result(command.command_id, tool, "r", tool, command.digest, status, "e", body)
        gate._broker.append(Output("results", 0, b"r", Codec(Result).encode(result)))
        if not together:
            _decided(gate, 1)
    if together:
        _decided(gate, len(ends))
    event = gate.intent(call("i3", "refund"), 3_000).event
    assert [reason.code for reason in event.reasons] == codes


def _decided(gate: Rehearsal, count: int) -> None:
    """Until so many records more are audited."""
    seen = 0
    for _ in range(1_000):
        next(gate._loop)
        seen += len(gate._new("audit", Codec(AuditEvent)))
        if seen >= count:
            return
    pytest.fail("the gate does not decide")
