"""Facts that a write may have made untrue: what a run knew of its rows is forgotten, and has to be read again."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from toolgate.processors.facts import fields_of
from toolgate.processors.loader import from_files
from toolgate.processors.memos import memo_of, told_by
from toolgate.processors.remembering import key_told
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Result

TOOLS = """
tools:
  - name: get_booking
    effect: read
    records: []
    params: {properties: {id: {type: string}}, required: [id]}
    result: {properties: {cabin: {type: string}}}
    remember: [{fact: booking, key: params.id, trusted: true, fields: {cabin: result.cabin}}]
  - name: get_person
    effect: read
    records: []
    params: {properties: {person: {type: string}}, required: [person]}
    result: {properties: {level: {type: string}}}
    remember: [{fact: person, key: params.person, trusted: true, fields: {level: result.level}}]
  - name: pick
    effect: write
    records: []
    params: {properties: {by: {type: object, additionalProperties: {type: string}}}, required: [by]}
    result: {properties: {which: {type: string}}}
    remember: [{fact: booking, key: 'params.by[result.which]', trusted: true, fields: {cabin: result.which}}]
  - name: change
    effect: write
    records: []
    params: {properties: {id: {type: string}, cabin: {type: string}}, required: [id, cabin]}
    remember: [{fact: booking, key: params.id, trusted: true, fields: {cabin: params.cabin}}]
"""
PARAMS = {"id": "B1", "cabin": "economy"}
BOOKING, PERSON = {"cabin": "basic"}, {"level": "gold"}


@pytest.fixture(scope="module")
def tools():
    """The tools of a small travel desk."""
    policy = b"policy: {workflow_id: w, allowed_tools: [get_booking]}"
    return from_files({"tools.yaml": TOOLS.encode(), "policy.yaml": policy}).tools


@pytest.mark.parametrize(
    ("status", "left"),
    [
        ("error", {"booking B1", "booking B2"}),
        ("void", {"booking B1", "booking B2"}),
        ("unknown", {"booking B2"}),
    ],
)
def test_a_write_whose_end_nobody_knows_makes_what_was_known_uncertain(read, tools, status, left):
    """Whoever told it: the run has to read the row again. What failed, or never happened, changed nothing."""
    facts = read(
        ("get_booking", {"id": "B1"}, BOOKING),
        ("change", PARAMS, None),
        ("get_booking", {"id": "B2"}, BOOKING),
    )
    assert _left(tools["change"], PARAMS, status, facts) == left


def test_of_a_call_that_left_nothing_all_is_uncertain(read, tools):
    """Its parameters were too large to be kept: which row it was about, nobody knows any more."""
    facts = read(("get_booking", {"id": "B1"}, BOOKING), ("get_person", {"person": "ann"}, PERSON))
    result = Result("0-1", "i", "r", "change", "d", "unknown", "e")
    told = told_by(result, tools["change"], facts, 9)
    assert {(claim.name.split("\x1f")[0], claim.value) for claim in told} == {("booking", "")}
    assert told_by(changed(result, status="error"), tools["change"], facts, 9) == ()


@pytest.mark.parametrize(
    ("body", "left"),
    [
        ('{"level":"gold"}', {"person ann", "booking B1"}),
        ('{"level":7}', {"booking B1"}),
        ("no JSON", {"booking B1"}),
        (json.dumps({"level": "x" * 3_000}), {"booking B1"}),
    ],
)
def test_a_write_that_does_not_tell_its_row_makes_it_uncertain(read, tools, body, left):
    """It landed, so what was known before is not true for certain, and what is true it has not said."""
    facts = read(("get_person", {"person": "ann"}, PERSON), ("get_booking", {"id": "B1"}, BOOKING))
    tool = changed_tool(tools["get_person"], writes=True)
    assert _left(tool, {"person": "ann"}, "ok", facts, body) == left


def test_a_key_that_the_result_says_is_no_key_of_the_parameters(read, tools):
    """Also where it is looked up in a parameter: any of its rows may be the one."""
    assert key_told(tools["pick"].remember[0], {"by": {"a": "B1"}}) == ""
    facts = read(("get_booking", {"id": "B1"}, BOOKING), ("get_person", {"person": "ann"}, PERSON))
    assert _left(tools["pick"], {"by": {"a": "B1"}}, "unknown", facts) == {"person ann"}


def test_a_read_whose_end_nobody_knows_changes_nothing(read, tools):
    """It cannot have made anything untrue."""
    facts = read(("get_booking", {"id": "B1"}, BOOKING))
    assert _left(tools["get_booking"], {"id": "B1"}, "unknown", facts) == {"booking B1"}


def changed_tool(tool, *, writes):
    """The tool with another effect."""
    return replace(tool, effect="write" if writes else "read")


def _left(tool, params, status, facts, body=""):
    """The rows that a run still knows after a call of the tool ended so."""
    memo = memo_of(tool, "r", "0-1", params, "")
    texts = {**facts, memo.name: memo.value}
    result = Result("0-1", "i", "r", tool.name, "d", status, "e", body)
    for claim in told_by(result, tool, texts, 9):
        texts.pop(claim.name, None)
        if claim.value:
            texts[claim.name] = claim.value
    return {" ".join(name.split("\x1f")[:2]) for name, text in texts.items() if fields_of(text)}
