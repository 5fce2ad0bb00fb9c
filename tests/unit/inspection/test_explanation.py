"""What a decision did to which account, and how to take back what a command did."""

from __future__ import annotations

import pytest

from toolgate.inspection.decoding import Entry
from toolgate.inspection.explanation import Reported, Row, accounts, how_to_undo
from toolgate.processors.loader import from_files
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Balance, Command, Op, Result

TOOLS = """
tools:
  - {name: look, effect: read, params: {properties: {id: {type: string}}}}
  - {name: burn, effect: irreversible, params: {properties: {id: {type: string}}}}
  - {name: mark, effect: write, params: {properties: {id: {type: string}}}}
  - name: pay
    effect: write
    params: {properties: {id: {type: string}, to: {type: object, properties: {iban: {type: string}}}}}
    inverse: {tool: unpay, params: {id: id, whose: to.iban}}
  - {name: unpay, effect: write, params: {properties: {id: {type: string}, whose: {type: string}}}}
"""
POLICY = "policy: {workflow_id: w, allowed_tools: [look, burn, mark, pay]}"
POLICIES = from_files({"tools.yaml": TOOLS.encode(), "policy.yaml": POLICY.encode()})
PARAMS = '{"id":"x","to":{"iban":"DE1"}}'


def command(tool: str, policy_digest: str = POLICIES.digest) -> Command:
    """A command of a tool."""
    return Command(
        "0-0", "i", 1, 0, "default", "w", "r", "a", tool, "1", PARAMS, "d", policy_digest, False, 0, 1, 0
    )


def ended(status: str, written) -> Reported:
    """A result, as it was reported."""
    result = Result("0-0", "i", "r", "pay", "d", status, "desk")
    envelope = written.raw("results", 0, b"")
    return Reported(Entry(envelope), Entry(envelope, result))


@pytest.mark.parametrize(
    ("tool", "status", "undone_by", "why"),
    [
        ("pay", "ok", "unpay", "as the catalogue says"),
        ("pay", "error", "unpay", "as the catalogue says; look first: the command ended as error"),
        ("pay", "started", "unpay", "as the catalogue says; the command has not ended yet"),
        ("pay", "void", "", "nothing to undo: the effect never happened"),
        ("look", "ok", "", "nothing to undo: the tool only reads"),
        ("burn", "ok", "", "it cannot be undone: the catalogue calls the tool irreversible"),
        ("mark", "ok", "", "the catalogue names no inverse of this tool"),
        ("gone", "ok", "", "the catalogue has no tool gone any more"),
    ],
)
def test_says_how_to_undo_or_why_not(tool, status, undone_by, why, written):
    """The inverse with parameters taken from the command's, or a sentence."""
    undo = how_to_undo(command(tool), (ended(status, written),), POLICIES)
    assert (undo.tool, undo.why) == (undone_by, why)
    assert undo.params == ({"id": "x", "whose": "DE1"} if undone_by else {})


def test_says_when_the_catalogue_is_not_the_one_of_then(written):
    """An inverse that was written later may not fit."""
    undo = how_to_undo(command("pay", "other"), (ended("ok", written),), POLICIES)
    assert undo.why == "as the catalogue says, which has changed since"


def test_accounts_tell_what_was_taken_and_where_they_stand(written):
    """Each operation with its balance; a balance that nothing took from stands alone."""
    event = changed(
        written.approved(),
        ops=(
            Op("rate", ("run:r:attempts", 500_000, 1)),
            Op("own", ("r", "default/w/a", 1)),
            Op("window", ("run:r:records~all", ("x", "y"), 0, 1)),
            Op("count", ("run:r:approved_calls", 1, 1)),
            Op("reserve", ("0-0", 9, "d", "pay", (("run:r:usd", "usd_micros", 10, 350, "spend", 1),), ())),
            Op("spend", ("tenant:t:usd@none", 7, 0, 0)),
        ),
        balances=(
            Balance("run:r:usd", "usd_micros", 30, 350),
            Balance("run:r:approved_calls", "calls", 3, 12),
            Balance("other", "calls", 1, 2),
        ),
    )
    assert accounts(event) == [
        Row("run:r:attempts", "ms", 500, None, None, "rate"),
        Row("run r of default/w/a", "", None, None, None, "own"),
        Row("run:r:records~all", "records", 2, None, None, "window"),
        Row("run:r:approved_calls", "calls", 1, 3, 12, "count"),
        Row("run:r:usd", "usd_micros", 10, 30, 350, "reserve"),
        Row("tenant:t:usd@none", "", 7, None, None, "spend"),
        Row("other", "calls", None, 1, 2, ""),
    ]
