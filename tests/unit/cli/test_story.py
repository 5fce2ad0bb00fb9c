"""An explanation as people read it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from toolgate.cli import story
from toolgate.inspection.decoding import Decoder
from toolgate.inspection.explanation import Undo
from toolgate.inspection.search import Search
from toolgate.schemas.records import Balance, Control, Op, Reason, Result

RESERVE = Op(
    "reserve", ("0-0", 9, "d", "pay", (("run:r:usd", "usd_micros", 10_000, 350_000, "spend", 1),), ())
)
SETTLE = Op("settle", ("0-0", "settled", (("run:r:usd", 4_000, 6_000, 0),), ()))


@pytest.fixture
def told(written, capsys):
    """What is printed about intent i-1."""

    def tell(undo: Undo | None = None) -> str:
        found = Search(written, Decoder()).explain("i-1")
        story.tell(replace(found, undo=undo))
        return capsys.readouterr().out

    return tell


def test_an_approval_from_the_question_to_the_settlement(written, told):
    """What was asked, who signed, under which policy, what it took, what the agent heard, what came of it."""
    at = written.intent(reason="the customer asked")
    approved = written.decided(
        at,
        command_id="0-0",
        ops=(RESERVE,),
        balances=(Balance("run:r:usd", "usd_micros", 30_000, 350_000),),
        captured='{"tool_name":"pay"}',
        cost_micros=10_000,
    )
    written.result(approved, "ok", "settled", body='{"paid":true}')
    text = told(Undo("unpay", {"id": "x"}, "as the catalogue says"))
    said = (
        "APPROVE at seq 1",
        'asked         pay {"id":"x"}',
        "its reason    the customer asked",
        "by            default/w, agent ann, run r",
        "signed by     key k",
        "decided under policy set p, gate 0, control up to 0, ledger g",
        "agent told    APPROVE",
        'captured      {"tool_name":"pay"}',
        "cost          $0.01",
        "Command 0-0",
        'by desk  {"paid":true}',
        'undo          unpay {"id": "x"}, as the catalogue says',
    )
    places = [text.index(part) for part in said]
    assert places == sorted(places)
    assert text.split("run:r:usd", 1)[1].split("\n")[0].split() == ["$0.01", "$0.03", "$0.35", "reserve"]


def test_says_by_whose_order_and_on_which_figures(written, told):
    """What an order rests on stands with what came of it."""
    word = Control("m1", "mode", "workflow", "w", "odd", ("eye",), mode="read_only", evidence='{"n":1}')
    written.put("control", 0, word)
    reason = Reason("READ_ONLY", "mode", "the workflow may only read (ordered by m1: odd), and pay is write")
    written.decided(written.intent(), verdict="DENY", reasons=(reason,), ctl=1)
    text = told()
    assert "order         m1: at most read_only, by eye" in text
    assert 'its figures   {"n":1}' in text


def test_a_settlement_says_what_was_given_back(written, told):
    """In the account's own unit."""
    approved = written.approved()
    at = written.put("results", approved.partition, _result(approved))
    written.decided(
        at,
        verdict="RECORDED",
        first=False,
        tenant="",
        command_id=approved.command_id,
        note="settled",
        ops=(SETTLE,),
    )
    assert "settled       run:r:usd: $0.004 spent, $0.006 given back" in told()


def test_a_denial_with_figures(written, told):
    """How far it was, what it asked and what was allowed."""
    reason = Reason(
        "BUDGET_EXCEEDED", "budgets[0]", "$0.03 over", "run", "usd_micros", 50_000, 20_000, 30_000
    )
    written.decided(written.intent(), verdict="DENY", reasons=(reason,))
    assert "BUDGET_EXCEEDED budgets[0]: $0.03 over  (asked $0.05, limit $0.02)" in told()


def test_what_waits_and_what_is_missing_is_said(written, told):
    """An intent nobody decided on; and of one that was decided, what is no longer kept."""
    written.intent()
    assert "not decided" in told()
    written.decided(written("intents").lines[written.intent().partition][0], verdict="DENY", kid="")
    written("intents").gone = 9
    text = told()
    assert "nobody that the gate believes" in text
    assert "no longer kept" in text


def test_nothing_that_was_written_acts_on_the_terminal(written, told):
    """Every line is one that was printed here."""
    evil = "\x1b[2J\n\u202e"
    at = written.intent(reason=evil, tool=evil, params=evil)
    reason = Reason("PARAMS_SCHEMA", "params", evil)
    written.decided(at, verdict="DENY", reasons=(reason,), tool=evil, captured=evil)
    assert all(row.isprintable() for row in told().split("\n"))


def _result(approved):
    """The end of a command."""
    return Result(approved.command_id, "i-1", "r", "pay", "d", "ok", "desk")


HELD = Reason("HELD_BY_RULE", "large", "over $50", "", "cents", 700, 500, 200)


def test_a_hold_says_who_decides_on_what(written, told):
    """What would be done, how many of whom must approve it and until when, and what the agent may do."""
    written.decided(written.intent(), verdict="HOLD", reasons=(HELD,))
    text = told()
    for part in (
        "HOLD at seq 1",
        "because       HELD_BY_RULE large: over $50  (asked 700 cents, limit 500 cents)",
        "needs 2 approvals by cfo or lead until 1970-01-02T00:00:01",
        'would do      pay {"params":{"id":"x"}}',
        'to repair     {"do":"ask"}',
    ):
        assert part in text


def test_a_draft_names_what_makes_it(written, told):
    """The twin of the catalogue, or that it is a proposal."""
    written.decided(written.intent(), verdict="DRAFT", reasons=(HELD,))
    assert "open, propose would make it" in told()


def test_shadow_is_told_apart_from_what_was_decided(written, told):
    """What would have been, and why; the verdict above it stands."""
    written.decided(written.intent(), command_id="0-0", would_have="DENY", shadow_reasons=(HELD,))
    text = told()
    assert "APPROVE at seq 1" in text
    assert "would have    DENY, if nothing were in shadow" in text
    assert "in shadow     HELD_BY_RULE large: over $50" in text
