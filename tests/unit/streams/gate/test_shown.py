"""What people are shown of a call that waits: what stands now, how to undo it, what came before."""

from __future__ import annotations

import json

import pytest
from voting_desk import POLICY, Desk, canonical

from toolgate.streams.ports import Look

TOOLS = b"""
tools:
  - name: read_invoice
    effect: read
    records: [id]
    params: {properties: {id: {type: string}}, required: [id]}
    result: {properties: {cents: {type: integer}, payee: {type: string}, lines: {type: array, items: {type: string}}}}
    remember:
      - fact: invoice
        key: params.id
        trusted: true
        fields: {cents: result.cents, payee: result.payee, lines: result.lines}
  - name: pay
    effect: write
    records: [id]
    draft: proposal
    params:
      properties: {id: {type: string}, cents: {type: integer}, payee: {type: string}, note: {}, lines: {type: array}}
      required: [id, cents]
    current:
      cents: facts.invoice[params.id].cents
      payee: facts.invoice[params.id].payee
      lines: facts.invoice[params.id].lines
    inverse: {tool: refund, params: {id: id, amount: cents, payee: payee}}
  - name: refund
    effect: write
    records: [id]
    params: {properties: {id: {type: string}, amount: {type: integer}, payee: {type: string}}}
"""
READS = POLICY.replace("[pay]\n  budgets", "[read_invoice, pay]\n  budgets")
INVOICE = {"cents": 500, "payee": "XX-1", "lines": ["a", "b"]}


def told(desk: Desk, invoice: str = "INV-1", result: dict = INVOICE) -> None:
    """The run has read an invoice."""
    command = desk.ask(intent_id=f"read-{invoice}", tool="read_invoice", params=canonical({"id": invoice}))
    desk.result(command["commands"], "ok", body=canonical(result))


def asked(desk: Desk, topic: str = "holds", **params) -> object:
    """The hold of a call with these parameters."""
    return desk.ask(params=canonical({"id": "INV-1", "cents": 700, **params}))[topic]


def test_what_is_asked_stands_beside_what_stands_now():
    """By the catalogue's comparisons; what nothing is compared with stands alone."""
    desk = Desk(READS, TOOLS)
    told(desk)
    hold = asked(desk, payee="XX-2", note="soon", lines=["a"])
    assert json.loads(hold.diff) == {
        "cents": {"asked": 700, "from": "invoice.cents", "now": 500},
        "id": {"asked": "INV-1", "from": "", "now": None},
        "lines": {"asked": ["a"], "from": "invoice.lines", "now": ["a", "b"]},
        "note": {"asked": "soon", "from": "", "now": None},
        "payee": {"asked": "XX-2", "from": "invoice.payee", "now": "XX-1"},
    }
    assert hold.diff == canonical(json.loads(hold.diff))
    assert json.loads(hold.inverse) == {
        "tool": "refund",
        "params": {"id": "INV-1", "amount": 700, "payee": "XX-2"},
    }
    assert json.loads(hold.earlier) == [{"tool": "read_invoice", "result": 0, "told": ["invoice"]}]


def test_another_record_than_the_one_that_was_read():
    """Nothing is known of it, and nothing of another is shown."""
    desk = Desk(READS, TOOLS)
    told(desk, "INV-2")
    row = json.loads(asked(desk).diff)["cents"]
    assert row == {"asked": 700, "from": "invoice.cents", "now": None}


def test_a_draft_shows_the_same():
    """People decide about it as about a hold."""
    desk = Desk(READS.replace("> 500", "> 990"), TOOLS)
    told(desk)
    draft = asked(desk, "drafts", cents=950)
    assert json.loads(draft.diff)["cents"] == {"asked": 950, "from": "invoice.cents", "now": 500}
    assert (draft.cost_micros, draft.records) == (0, ("INV-1",))
    assert (json.loads(draft.inverse)["tool"], len(json.loads(draft.earlier))) == ("refund", 1)


def test_so_does_a_draft_that_an_order_made():
    """What the run knows is looked up where writes are ordered to become drafts."""
    policy = READS[: READS.index("  rules:")]
    desk = Desk(policy, TOOLS)
    told(desk)
    desk.switch(kind="mode", mode="draft_only", version=1)
    assert json.loads(asked(desk, "drafts").diff)["cents"]["now"] == 500


@pytest.mark.parametrize(
    ("redact", "hidden"),
    [("payee", {"payee"}), ("lines.*", {"lines"}), ("id", {"id", "cents", "payee", "lines"})],
)
def test_what_is_redacted_is_hidden_on_both_sides(redact, hidden):
    """Also what is found by a value that is hidden."""
    desk = Desk(READS + f"  redact: [{redact}]\n", TOOLS)
    told(desk)
    hold = asked(desk, payee="XX-2", lines=["a"])
    shown = json.loads(hold.diff)
    now = {"cents": 500, "payee": "XX-1", "lines": ["a", "b"]}
    for name, value in now.items():
        assert shown[name]["now"] == ("[redacted]" if name in hidden else value)
    assert "XX-" not in hold.diff + hold.inverse or redact != "payee"
    assert "INV-1" not in hold.diff + hold.inverse or redact != "id"


def test_what_is_too_large_is_told_by_its_size():
    """One value, or all of them: nothing is larger than its bound."""
    desk = Desk(READS, TOOLS)
    told(desk, result={**INVOICE, "lines": ["l" * 100] * 18})
    shown = json.loads(asked(desk, note="n" * 3_000, lines=["m" * 3_000]).diff)
    assert (shown["note"]["asked"], shown["lines"]["asked"]) == ("[3,002 bytes]", "[3,004 bytes]")
    assert shown["lines"]["now"] == ["l" * 100] * 18
    hold = asked(Desk(READS, TOOLS), lines=[], note={f"{n}": "x" * 50 for n in range(20)})
    assert len(json.loads(hold.diff)["note"]["asked"]) == 20


def test_more_parameters_than_can_be_shown():
    """The intent itself has them all."""
    closed = b"required: [id, cents]\n"
    tools = TOOLS.replace(closed, closed + b"      additionalProperties: true\n")
    hold = asked(Desk(READS, tools), **{f"p{n}": "x" * 2_000 for n in range(30)})
    ((name, row),) = json.loads(hold.diff).items()
    assert (name, row["now"], row["from"]) == ("*", None, "")
    assert row["asked"].endswith(" bytes]")


def test_only_the_last_calls_are_listed():
    """The earliest first; of a run that has learned nothing, none."""
    assert asked(Desk(READS, TOOLS)).earlier == ""
    desk = Desk(READS, TOOLS)
    for n in range(10):
        told(desk, f"INV-{n}")
    assert [one["result"] for one in json.loads(asked(desk).earlier)] == list(range(2, 10))


def test_what_is_judged_beside_a_call_shows_nothing_more_of_it():
    """A run that is not looked up for the call itself has been looked up for another: batches are cut anywhere."""
    bare = TOOLS.replace(TOOLS[TOOLS.index(b"    current:") : TOOLS.index(b"    inverse:")], b"")
    desk = Desk(READS, bare)
    told(desk)
    envelope = desk.wanted_of("r", params=canonical({"id": "INV-1", "cents": 700}))
    reading = desk.intake.read(envelope)
    alone = desk.ledger.look(*desk.intake.wants([reading], desk.control))
    beside = desk.ledger.look(["r"], [])
    assert (alone.facts, bool(beside.facts["r"])) == ({}, True)
    assert desk.intake.item(reading, desk.control, beside) == desk.intake.item(reading, desk.control, alone)


def test_what_one_result_tells_twice_is_shown_alike_by_every_ledger():
    """Redis gives what a run remembers in no order of its own."""
    twice = TOOLS.replace(
        b"    remember:\n",
        b"    remember:\n      - {fact: invoice, key: params.id, trusted: true, fields: {cents: result.tax}}\n",
    ).replace(b"{cents: {type: integer}, payee", b"{cents: {type: integer}, tax: {type: integer}, payee", 1)
    desk = Desk(READS, twice)
    told(desk, result={**INVOICE, "tax": 90})
    reading = desk.intake.read(desk.wanted_of("r", params=canonical({"id": "INV-1", "cents": 700})))
    texts = desk.ledger.look(["r"], []).facts["r"]
    looks = [Look({"r": dict(order)}, {}) for order in (texts.items(), reversed(texts.items()))]
    one, other = (desk.intake.item(reading, desk.control, look) for look in looks)
    assert len(texts) == 2
    assert one == other


def test_what_nothing_vouches_for_says_so():
    """Whoever wrote a mail must not tell approvers what stands in the books."""
    desk = Desk(READS, TOOLS.replace(b"        trusted: true\n", b""))
    told(desk)
    row = json.loads(asked(desk).diff)["cents"]
    assert row == {"asked": 700, "from": "invoice.cents (untrusted)", "now": 500}


@pytest.mark.parametrize(("trusted", "doubt"), [("true", ""), ("false", " (untrusted)")])
def test_what_is_found_by_another_fact(trusted, doubt):
    """It is shown as well; nothing vouches for a row that an untrusted fact has picked."""
    order = b"""
  - name: read_order
    effect: read
    records: []
    params: {properties: {id: {type: string}}, required: [id]}
    result: {properties: {invoice: {type: string}}}
    remember: [{fact: order, key: params.id, trusted: %s, fields: {invoice: result.invoice}}]
"""
    tools = (TOOLS + order % trusted.encode()).replace(
        b"facts.invoice[params.id].cents", b"facts.invoice[facts.order[params.id].invoice].cents"
    )
    desk = Desk(READS.replace("[read_invoice,", "[read_order, read_invoice,"), tools)
    told(desk)
    command = desk.ask(intent_id="o", tool="read_order", params=canonical({"id": "O-1"}))["commands"]
    desk.result(command, "ok", body=canonical({"invoice": "INV-1"}))
    row = json.loads(asked(desk, id="O-1").diff)["cents"]
    assert row == {"asked": 700, "from": f"invoice.cents{doubt}", "now": 500}
