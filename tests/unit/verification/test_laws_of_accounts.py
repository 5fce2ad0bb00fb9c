"""Every law about accounts, control and contracts is named when one change breaks it, with the record that does."""

from __future__ import annotations

import json

import pytest
from past import approved, at, started, with_op

from toolgate.processors.modes import mode_of_run
from toolgate.schemas.codec import Codec, body_digest
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Control, Op
from toolgate.verification.book import Book
from toolgate.verification.findings import Findings
from toolgate.verification.judging import compare
from toolgate.verification.money import Reservations

# --- money ---


def unsettled(past):
    """An approval whose reservation no result has ended."""
    ended = {op.args[0] for e in past.events() for op in e.ops if op.op == "settle"}
    return past.event(lambda e: approved(e) and e.command_id not in ended)


@pytest.mark.parametrize("again", [0, 2])
def test_an_approval_reserves_once(past, again):
    """Neither never nor twice."""
    event = unsettled(past)
    reserve = next(op for op in event.ops if op.op == "reserve")
    rest = tuple(op for op in event.ops if op.op != "reserve")
    empty = Op("reserve", (*reserve.args[:4], (), ()))
    past.change("audit", event.seq, ops=(*rest, *(reserve, empty)[:again]))
    assert past.wrong() == {"reservation": [at(event)]}


@pytest.mark.parametrize(
    "actual",
    [
        lambda row: (row[0], row[1] + 1, row[2], row[3]),
        lambda row: (row[0], row[1], row[2] + 1, row[3]),
        lambda row: (row[0] + "x", row[1], row[2], row[3]),
        lambda row: (row[0], row[1], row[2], -1),
    ],
)
def test_a_settlement_accounts_for_all_that_was_reserved(past, actual):
    """Spent and freed are what was reserved, account by account."""
    event = past.event(lambda e: e.note == "settled")
    ops = with_op(event, "settle", lambda args: (*args[:2], tuple(map(actual, args[2])), args[3]))
    past.change("audit", event.seq, ops=ops)
    found = past.wrong()
    assert found == {"reservation": [at(event)]}


def test_a_reservation_of_another_call(past):
    """Its id is the command's, its digest the intent's."""
    event = unsettled(past)
    for i in (0, 2, 3):
        ops = with_op(event, "reserve", lambda args, i=i: (*args[:i], "0-0x", *args[i + 1 :]))
        past.change("audit", event.seq, ops=ops)
        assert past.wrong() == {"reservation": [at(event)]}


def test_what_is_not_approved_reserves_nothing(past):
    """A denial that holds money."""
    event = past.event(lambda e: e.verdict == "DENY")
    empty = Op("reserve", ("0-0x", event.clk + 1, event.digest, event.tool, (), ()))
    past.change("audit", event.seq, ops=(*event.ops, empty))
    assert past.wrong() == {"reservation": [at(event)]}


def test_a_result_of_another_command_or_of_another_outcome_settles_nothing(past):
    """Tool, command and outcome are the reservation's own; what is void was not spent."""
    event = past.event(lambda e: e.note == "settled" and any(row[1] for row in _settled(e)))
    for fields in (
        {"tool": "other"},
        {"command_id": "9-9"},
        {"ops": with_op(event, "settle", lambda args: (args[0], "late", *args[2:]))},
        {"ops": with_op(event, "settle", lambda args: (args[0], "void", *args[2:]))},
        {"ops": with_op(event, "settle", lambda args: ("9-9", *args[1:]))},
    ):
        past.change(
            "audit",
            event.seq,
            **{"tool": event.tool, "command_id": event.command_id, "ops": event.ops} | fields,
        )
        assert past.wrong().keys() == {"reservation"}, fields
        assert past.wrong()["reservation"][0] == at(event)


@pytest.mark.parametrize(("late_ms", "kid", "fine"), [(-1, "ann", False), (0, "", False), (0, "ann", True)])
def test_people_say_what_happened_when_its_time_is_over_and_sign_it(past, late_ms, kid, fine):
    """Not while the executor may still speak, and not nobody."""
    made = past.event(approved)
    _, expires_at, _, tool, parts, _ = next(op.args for op in made.ops if op.op == "reserve")
    freed = tuple((part[0], 0, 0 if part[4] == "release" else part[2], 0) for part in parts)
    void = Op("settle", (made.command_id, "void", freed, ()))
    word = changed(
        made,
        topic="votes",
        verdict="RECORDED",
        note="void",
        tool=tool,
        ops=(void,),
        kid=kid,
        clk=expires_at + late_ms,
    )
    book, findings = Book(), Findings()
    book.apply(made)
    Reservations(book, findings).see(word)
    assert (findings.listed() == []) == fine


def _settled(event):
    return next(op.args[2] for op in event.ops if op.op == "settle")


def test_a_reservation_ends_once(past):
    """A second end changes nothing."""
    event = past.events(lambda e: e.note == "ended")[0]
    end = next(
        op for e in past.events() for op in e.ops if op.op == "settle" and op.args[0] == event.command_id
    )
    past.change("audit", event.seq, ops=(end,))
    assert past.wrong() == {"reservation": [at(event)]}


def test_a_cap_that_is_passed(past):
    """One micro-dollar is enough."""
    event = past.event(approved)

    def lower(args):
        account, unit, amount, _most, *rest = args[4][0]
        return (*args[:4], ((account, unit, amount, amount - 1, *rest), *args[4][1:]), args[5])

    past.change("audit", event.seq, ops=with_op(event, "reserve", lower))
    assert past.wrong() == {"cap": [at(event)]}


@pytest.mark.parametrize("op", ["count", "window"])
def test_a_counter_or_a_set_over_what_its_approval_was_allowed(past, op):
    """Calls of a run, records within an hour: their caps stand among the balances."""

    def capped(event):
        keys = {one.args[0] for one in event.ops if one.op == op}
        return approved(event) and keys & {balance.account for balance in event.balances}

    event = past.event(capped)
    keys = {one.args[0] for one in event.ops if one.op == op}
    lowered = tuple(changed(b, max=0) if b.account in keys else b for b in event.balances)
    past.change("audit", event.seq, balances=lowered)
    assert past.wrong() == {"cap": [at(event)]}


def test_room_that_was_not_available_yet(freed):
    """What a settlement frees counts as used until an event says that it is there, or the ledger was rebuilt."""
    for event in freed.events(lambda e: bool(e.visible)):
        freed.change("audit", event.seq, visible=())
    assert set(freed.wrong()) == {"cap"}


# --- control and shadow ---


def say(past, offset, **fields):
    """Change what a control record says."""
    codec = Codec(Control)
    event = past.event(lambda e: (e.topic, e.offset) == ("control", offset))
    for i, e in enumerate(past.envelopes):
        if (e.topic, e.offset) == ("control", offset):
            value = codec.encode(changed(codec.decode(e.value), **fields))
            past.envelopes[i] = changed(e, value=value)
            past.change("audit", event.seq, digest=body_digest(value))


def test_a_control_record_that_holds_from_another_seq_on(past):
    """The first decision that does not fit is named."""
    event = past.event(lambda e: e.after is not None and e.after > 2)
    first = past.events(lambda e: e.ctl > event.offset)[0]
    past.change("audit", event.seq, after=first.seq)
    assert past.wrong() == {"control": [at(first)]}


def test_a_control_position_that_goes_back(past):
    """Later decisions never stand under less."""
    event = past.event(lambda e: started(e) and e.ctl > 0)
    past.change("audit", event.seq, ctl=0)
    assert set(past.wrong()) == {"control"}
    assert at(event) in past.wrong()["control"]


@pytest.mark.parametrize(
    "word",
    [
        {"kind": "kill", "scope": "all", "value": ""},
        {"kind": "kill", "scope": "workflow", "value": "default/w"},
        {"kind": "kill", "scope": "agent", "value": "a"},
        {"kind": "kill", "scope": "system", "value": "bank"},
        {"kind": "mode", "scope": "tenant", "value": "default", "mode": "shadow"},
        {"kind": "mode", "scope": "workflow", "value": "w", "mode": "canary:50%"},
    ],
    ids=str,
)
def test_an_approval_under_a_kill(past, word):
    """Whatever scope it has, and an order that has its run in shadow: the first that it covers is named first."""
    offset = past.events(lambda e: e.after is not None)[0].offset
    covered = past.events(lambda e: e.verdict == "APPROVE" and e.ctl > offset)
    if word["scope"] == "system":
        covered = [e for e in covered if e.tool in {"look", "pay"} and not e.dry_run]  # by its command
    if word.get("mode", "").startswith("canary"):
        names = [(e, ("default", "w", e.run_id)) for e in covered]
        covered = [e for e, of in names if mode_of_run(word["mode"], *of) == "shadow"]
        assert 0 < len(covered) < len(names)
    say(past, offset, **word)
    assert past.wrong() == {"kill": [at(event) for event in covered][:20]}


def test_a_refused_word_stops_nothing(past):
    """A record that the gate has refused has no seq from which it holds."""
    event = past.events(lambda e: e.after is not None)[0]
    say(past, event.offset, kind="kill", scope="all", value="")
    past.change("audit", event.seq, after=None)
    assert past.wrong() == {}


def test_what_is_in_shadow_moves_an_account(past):
    """Not even a counter."""
    event = past.event(lambda e: e.verdict == "RECORDED" and e.would_have and e.topic == "intents")
    past.change("audit", event.seq, ops=(Op("count", ("run:x:n", 1, 0)),))
    assert past.wrong() == {"shadow": [at(event)]}


# --- contracts ---


def kept(past):
    """An accepted contract, with the first approval that it covers and the text of it."""
    for event in past.events(lambda e: e.topic == "contracts" and e.note == "accepted"):
        calls = past.events(lambda e, run=event.run_id: approved(e) and e.run_id == run)
        if calls and calls[0].workflow_id == "c":
            text = next(op.args[2] for op in event.ops if op.op == "remember")
            return event, calls, json.loads(text)
    raise AssertionError("no contract covers an approval in this history")


@pytest.mark.parametrize(
    "fields",
    [{"tools": ["other"]}, {"workflow_id": "d"}, {"until": 1}, {"max_calls": 0}, {"max_cost_micros": 7}],
    ids=str,
)
def test_an_approval_that_its_contract_does_not_allow(contracts, fields):
    """Tools, workflow, deadline, calls and cost."""
    event, calls, contract = kept(contracts)
    text = json.dumps(contract | fields)
    ops = with_op(event, "remember", lambda args: (*args[:2], text, *args[3:]))
    contracts.change("audit", event.seq, ops=ops)
    assert contracts.wrong() == {"contract": [at(call) for call in calls]}


def test_a_second_contract_or_one_that_comes_too_late(contracts):
    """Both are refused; accepted, they are found."""
    event, calls, _ = kept(contracts)
    late = contracts.events(
        lambda e: e.topic == "contracts" and e.note == "refused" and e.seq > calls[0].seq
    )[0]
    said = next(op.args for op in event.ops if op.op == "remember")
    remember = Op("remember", (late.run_id, *said[1:]))
    contracts.change("audit", late.seq, note="accepted", ops=(remember,))
    places = contracts.wrong()["contract"]
    assert at(late) in places


def test_a_contract_that_is_accepted_and_not_kept(contracts):
    """What counts stands among the run's facts."""
    accepted = contracts.events(lambda e: e.topic == "contracts" and e.note == "accepted")
    event = accepted[-1]
    ops = tuple(op for op in event.ops if op.op != "remember")
    contracts.change("audit", event.seq, ops=ops)
    assert contracts.wrong() == {"contract": [at(event)]}


# --- the ledger ---


def test_a_ledger_that_is_not_the_book(past, universe):
    """An account, a reservation, an id, the clock: each difference is named; so is an empty ledger."""
    dump = universe.make_ledger().dump()
    for part, wrong in (("accounts", [1]), ("reservations", [1]), ("seen", ["x", 1])):
        report = past.report()
        compare(report, dump | {part: dump[part] | {"forged": wrong}})
        assert [(f.law.value, f.place) for f in report.findings.listed()] == [("ledger", None)]
        assert "forged" in report.findings.listed()[0].what
    for other in (dump | {"clk": dump["clk"] + 1}, None):
        report = past.report()
        compare(report, other)
        assert list(past.wrong()) == []
        assert [f.law.value for f in report.findings.listed()] == ["ledger"]
