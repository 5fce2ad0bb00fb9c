"""Outcomes that nobody knows, and what people say of them, through intake, ledger and publisher."""

from __future__ import annotations

import pytest
from voting_desk import AGENT, Desk

from toolgate.processors.keyring import Keyring
from toolgate.processors.limits import HOLD_MS
from toolgate.streams.gate.intake import Intake
from toolgate.streams.gate.rollups import Rollups
from toolgate.streams.gate.told import DisagreementError
from toolgate.streams.ports import Share

POLICY = """
policy:
  workflow_id: w
  allowed_tools: [pay]
  budgets: [{scope: tenant, max: 1, window: none}]
"""
GIVING_BACK = POLICY.replace("window: none", "window: none, on_expiry: release")
SPENT = 10_000  # what a call of `pay` costs


def used(desk: Desk) -> int:
    """What the budget holds."""
    (name,) = [name for name in desk.ledger.dump()["accounts"] if name.startswith("c:tenant")]
    return desk.ledger.dump()["accounts"][name][0]


def begun(policy: str = POLICY, status: str = "unknown"):
    """A desk with a command, and what its executor has said."""
    desk = Desk(policy)
    command = desk.ask(1)["commands"]
    desk.result(command, "started")
    return desk, command, desk.result(command, status) if status else None


def test_who_does_not_know_what_happened_ends_the_command_and_leaves_its_money_reserved():
    """Also after its time: then it counts as spent, until somebody says it."""
    desk, command, event = begun()
    assert (event.note, event.command_id, event.ops) == ("unresolved", "3-0", ())
    assert used(desk) == SPENT
    desk.now += HOLD_MS
    assert desk.result(command, "unknown").note == "unresolved"
    assert used(desk) == SPENT


@pytest.mark.parametrize("status", ["unknown", ""])
@pytest.mark.parametrize(
    ("fields", "note", "left"),
    [
        ({"happened": True}, "late", SPENT),
        ({"happened": True, "cost_micros": 4_000}, "late", 4_000),
        ({"happened": False}, "void", 0),
        ({"happened": False, "cost_micros": 0}, "void", 0),
    ],
    ids=str,
)
def test_people_say_what_happened_once(status, fields, note, left):
    """It settles what was reserved; a second word changes nothing, and neither does the executor's."""
    desk, command, _ = begun(status=status)
    desk.now += HOLD_MS
    event = desk.release(command, **fields)
    assert (event.topic, event.verdict, event.note, event.kid) == ("votes", "RECORDED", note, "ops")
    assert (event.command_id, event.tool) == ("3-0", "pay")
    assert [op.args[:2] for op in event.ops] == [("3-0", note)]
    assert used(desk) == left
    again = desk.release(command, "ann", happened=not fields["happened"])
    assert (again.note, again.ops) == ("ended", ())
    assert desk.result(command, "ok", actual_cost_micros=1).note == "ended"
    assert used(desk) == left


@pytest.mark.parametrize("status", ["unknown", ""])
def test_nobody_speaks_of_what_may_still_run(status):
    """Its executor has the command's time: what people said before would give money back under a running effect."""
    desk, command, _ = begun(status=status)
    desk.now += HOLD_MS - 1
    early = desk.release(command, happened=False)
    assert (early.note, early.ops, used(desk)) == ("running", (), SPENT)
    desk.now += 1
    assert desk.release(command, happened=False).note == "void"


def test_an_executor_that_finds_out_says_so_itself():
    """Its end settles as one that came late."""
    desk, command, _ = begun()
    assert desk.result(command, "ok", actual_cost_micros=3_000).note == "settled"
    assert used(desk) == 3_000


def test_what_expiry_would_give_back_is_spent_at_once():
    """Else there would be room that perhaps is none; the word of people is heard, and moves no money."""
    desk, command, event = begun(GIVING_BACK)
    assert (event.note, [op.args[1] for op in event.ops]) == ("unresolved", ["settled"])
    desk.now += HOLD_MS
    assert used(desk) == SPENT
    assert (desk.release(command, happened=False).note, used(desk)) == ("ended", SPENT)


def test_who_does_not_know_what_happened_knows_no_cost():
    """A figure beside `unknown` frees nothing."""
    desk = Desk(GIVING_BACK)
    command = desk.ask(1)["commands"]
    desk.result(command, "unknown", actual_cost_micros=0)
    assert used(desk) == SPENT


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"kid": "sam"}, "neither an operator's nor an approver's"),
        ({"approver": "ann"}, "names 'ann' and is signed with key ops"),
        ({"happened": None}, "does not say whether"),
        ({"cost_micros": -1}, "is not between"),
        ({"happened": False, "cost_micros": 1}, "has no cost"),
        ({"hold_id": "4-0"}, "lies in partition 4"),
        ({"hold_id": "3/0"}, "neither a command nor the place"),
        ({"hold_id": "intents-3-7"}, "nothing happened"),
        ({"hold_id": "intents-4-7", "happened": None}, "lies in partition 4"),
        ({"vote_id": ""}, "vote_id"),
        ({"comment": "x" * 1001}, "comment"),
    ],
    ids=str,
)
def test_a_release_that_does_not_count_changes_nothing(fields, told):
    """Forged, without the role, of nothing, astray: it is audited, and settles nothing."""
    desk, command, _ = begun()
    desk.now += HOLD_MS
    event = desk.release(command, **fields)
    assert (event.note, event.command_id, event.ops, event.kid) == ("refused", "", (), "")
    assert told in event.reasons[0].because
    assert used(desk) == SPENT


@pytest.mark.parametrize(
    ("fields", "note"),
    [({"digest": "0" * 32}, "mismatch"), ({"tool": "other"}, "mismatch"), ({"hold_id": "3-9"}, "unknown")],
)
def test_a_release_names_the_very_call(fields, note):
    """Of another call, or of none, it settles nothing."""
    desk, command, _ = begun()
    desk.now += HOLD_MS
    event = desk.release(command, **fields)
    assert (event.note, event.ops, used(desk)) == (note, (), SPENT)


def test_a_record_that_nobody_could_read_is_put_aside():
    """Nothing else: no command, no op."""
    desk = Desk()
    event = desk.release(desk.ask(1)["commands"], "ann", hold_id="intents-3-7", tool="", happened=None)
    assert (event.verdict, event.note, event.command_id, event.kid) == (
        "RECORDED",
        "released",
        "intents-3-7",
        "ann",
    )
    assert event.ops == ()


def test_a_release_approves_nothing():
    """Of what waits for people it is no vote at all."""
    desk = Desk()
    hold = desk.ask()["holds"]
    made = desk.vote(hold, "ann", choice="release", happened=True)
    assert made.keys() == {"audit"}
    assert (made["audit"].verdict, made["audit"].note) == ("RECORDED", "unknown")
    assert desk.vote(hold, "bob", vote_id="good")["audit"].note == "approved"


@pytest.mark.parametrize("word", [Desk.release, lambda desk, command: desk.result(command, "ok")])
def test_what_has_settled_nothing_is_not_published_as_if_it_had(word, monkeypatch):
    """A worker that did not know the key yet has decided it; the one that publishes it does."""
    desk, command, _ = begun()
    desk.now += HOLD_MS
    with monkeypatch.context() as patch:
        patch.setattr(desk, "decide", lambda envelope: {"audit": envelope})
        envelope = word(desk, command)
    reading, topic = desk.intake.read(envelope), envelope.topic
    unknown = Intake(desk.policies, Keyring.of([AGENT])).item(reading, desk.control)
    assert unknown.refused
    share = Share(topic, 3, desk.epochs[topic], 0, envelope.offset, envelope.offset + 1, (unknown.ask,))
    reply = desk.ledger.decide(desk.control.position, [share])
    known = desk.intake.item(reading, desk.control)
    with pytest.raises(DisagreementError, match=r"did not count at seq \d+ counts now"):
        desk.publisher.outputs([(known, reply.decisions[0][0])], reply, {}, Rollups())
