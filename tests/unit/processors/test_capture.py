"""Capture: the audit shows what the policy asks for, and nothing that is redacted."""

from __future__ import annotations

import json

import pytest

from toolgate.processors.capture import CAPTURED_BYTES_MAX, captured, evidence_of, redacted
from toolgate.processors.chain import judge
from toolgate.processors.contract import PARAMS_DEPTH_MAX
from toolgate.schemas.records import Control

HEAD = "policy:\n  workflow_id: billing_adjustments_v3\n  allowed_tools: [create_adjustment_draft]\n"
PARAMS = '{"amount_micros":5,"invoice_id":"I-1","lines":[{"sku":"a"},{"sku":"b"}]}'


@pytest.mark.parametrize(
    ("block", "shown"),
    [
        ("", {}),
        (
            "logging: {capture: [tool_name, reason, cost, records]}",
            {"tool_name": "create_adjustment_draft", "reason": "why", "cost": 20_000, "records": ["I-1"]},
        ),
        ("logging: {capture: [result_summary]}", {}),
        (
            "logging: {capture: [params.invoice_id, params.amount_micros, params.none]}",
            {"params.invoice_id": ["I-1"], "params.amount_micros": ["[redacted]"], "params.none": []},
        ),
        (
            "logging: {capture: [params]}\n  redact: [lines.*.sku]",
            {
                "params": {
                    "amount_micros": "[redacted]",
                    "invoice_id": "I-1",
                    "lines": [{"sku": "[redacted]"}] * 2,
                }
            },
        ),
    ],
)
def test_shows_what_is_asked_for_and_hides_what_is_redacted(block, shown, case, world):
    """Paths that the tool or the policy redacts stay hidden however they are captured."""
    judged = judge(
        case(tool="create_adjustment_draft", params=PARAMS, reason="why"), world(f"{HEAD}  {block}\n")
    )
    assert json.loads(captured(judged)) == shown


def test_the_digest_of_params_can_be_captured(case, world):
    """The smallest policy captures it."""
    judged = judge(case(), world())
    assert json.loads(captured(judged)) == {"params_hash": judged.params_digest, "tool_name": "read_invoice"}


@pytest.mark.parametrize(
    ("pad", "size"),
    [("x" * 65_510, 65_536), ("x" * 65_511, 65_537), ("é" * 32_756, 65_538)],
)
def test_what_is_too_large_is_left_out_as_a_whole(pad, size, case, world):
    """64 KiB of UTF-8 pass; of more the audit says only how much it was."""
    text = f"{HEAD}  logging: {{capture: [params.invoice_id]}}\n"
    judged = judge(case(tool="create_adjustment_draft", params=f'{{"invoice_id":"{pad}"}}'), world(text))
    shown = captured(judged)
    if size <= CAPTURED_BYTES_MAX:
        assert len(shown.encode()) == size
        assert json.loads(shown) == {"params.invoice_id": [pad]}
    else:
        assert json.loads(shown) == {"truncated": size}


def test_nothing_is_captured_of_an_unproven_intent(case, world):
    """Without a policy nobody asked for anything."""
    assert captured(judge(case(headers=()), world())) == "{}"


def test_redacting_leaves_the_parameters_alone():
    """The intent itself goes on unchanged."""
    params = {"a": {"b": 1}}
    assert redacted(params, (("a", "b"), ("c",))) == {"a": {"b": "[redacted]"}}
    assert params == {"a": {"b": 1}}


def test_parameters_as_deep_as_they_may_be_are_captured(case, world):
    """What is captured wraps them; an intent must not be approved and then be impossible to write down."""
    tools = "tools: [{name: t, effect: read, records: [], params: {properties: {any: {}}}}]"
    policy = HEAD.replace("create_adjustment_draft", "t") + "  logging: {capture: [params, params.any]}\n"
    deep = "[" * (PARAMS_DEPTH_MAX - 1) + "]" * (PARAMS_DEPTH_MAX - 1)
    judged = judge(case(tool="t", params=f'{{"any":{deep}}}'), world(policy, tools=tools))
    assert judged.verdict == "APPROVE"
    assert json.loads(captured(judged))["params"] == {"any": json.loads(deep)}


@pytest.mark.parametrize(
    ("evidence", "shown"),
    [
        ("", {}),
        ('{"denial_rate":0.4}', {"evidence": '{"denial_rate":0.4}'}),
        ("no JSON", {"evidence": "no JSON"}),
        ("x" * CAPTURED_BYTES_MAX, {"truncated": CAPTURED_BYTES_MAX + len('{"evidence":""}')}),
    ],
)
def test_what_an_order_rests_on_is_kept_as_it_was_said(evidence, shown):
    """Quoted: whoever signs it may write what they like."""
    word = Control("c", "mode", "all", "", "odd", ("eye",), mode="shadow", evidence=evidence)
    assert json.loads(evidence_of(word)) == shown
