"""Who sees to what, by what the audit tells, and what a word on it may say."""

from __future__ import annotations

from contextlib import suppress

import held
import pytest
import written
from held import NOW
from hypothesis import given
from hypothesis import strategies as st

from toolgate.processors.case import Envelope
from toolgate.review.assignees import Assignee, Assignees
from toolgate.review.assigning import assigning_vote
from toolgate.review.errors import VoteRefusedError
from toolgate.review.items import Item, assigned, chosen, of_waiting
from toolgate.review.queue import Queue
from toolgate.review.waiting import Waiting
from toolgate.schemas.codec import Codec
from toolgate.schemas.enums import ASSIGNS, Choice
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import AuditEvent, Hold

WAITS = of_waiting(Waiting(held.HOLD, held.HOLD, 0, NOW), NOW)


def said(note: str, kid: str = "bob", item: str = "0-1", **fields) -> AuditEvent:
    """What the audit says of a word; `number` of it."""
    number = fields.pop("number", 1)
    return changed(
        written.EVENT,
        topic="votes",
        verdict="RECORDED",
        note=note,
        kid=kid,
        command_id=item,
        intent_id=f"vote/{number}",
        partition=0,
        offset=number,
        append_time=NOW + number,
        **fields,
    )


def after(*words: tuple[str, str]) -> tuple[str, str] | None:
    """Who has it after these, and whom it was taken over from."""
    made = Assignees()
    for number, (note, kid) in enumerate(words):
        made.see(said(note, kid, number=number))
    found = made.by_id.get("0-1")
    return (found.kid, found.before) if found else None


@pytest.mark.parametrize(
    ("words", "has"),
    [
        ([("taken", "bob")], ("bob", "")),
        ([("taken", "bob"), ("taken", "ann")], ("bob", "")),
        ([("taken", "bob"), ("taken_over", "ann")], ("ann", "bob")),
        ([("taken", "bob"), ("taken_over", "bob")], ("bob", "")),
        ([("taken_over", "ann")], ("ann", "")),
        ([("taken", "bob"), ("given_back", "bob")], None),
        ([("taken", "bob"), ("given_back", "ann")], ("bob", "")),
        ([("given_back", "ann"), ("taken", "bob")], ("bob", "")),
        ([("taken", "bob"), ("given_back", "bob"), ("taken", "ann")], ("ann", "")),
        *(
            ([("taken", "bob"), (over, "eve")], None)
            for over in ("approved", "rejected", "expired", "released", "void")
        ),
        *(([("taken", "bob"), (on, "eve")], ("bob", "")) for on in ("counted", "refused", "running")),
    ],
    ids=str,
)
def test_who_has_it(words, has):
    """The first of two who take it; whoever takes it over; nobody once it is given back or over."""
    assert after(*words) == has


def test_a_signed_word_that_somebody_sends_again_says_nothing():
    """Else who may only copy records could say who sees to what."""
    made = Assignees()
    over = said("taken_over", "ann", number=1)
    for event in (
        over,
        said("given_back", "ann", number=2),
        said("taken", "bob", number=3),
        changed(over, offset=9),
    ):
        made.see(event)
    assert made.by_id == {"0-1": Assignee("bob", NOW + 3, "", (0, 3))}


@given(
    st.lists(
        st.tuples(st.sampled_from(["taken", "taken_over", "given_back", "rejected"]), st.sampled_from("abc"))
    )
)
def test_whoever_reads_twice_has_read_once(words):
    """A reader that begins again where it was not sure comes to the same."""
    events = [said(note, kid, number=number) for number, (note, kid) in enumerate(words)]
    once, again = Assignees(), Assignees()
    for event in events:
        once.see(event)
        again.see(event)
        again.see(event)
    assert once.by_id == again.by_id


def test_only_so_many_are_remembered():
    """A console follows the audit for months."""
    made = Assignees(kept=3)
    for number in range(9):
        made.see(said("taken", item=f"0-{number}", number=number))
    assert list(made.by_id) == ["0-6", "0-7", "0-8"]


def test_the_queue_shows_who_has_what():
    """An item with it, whether it is listed or looked for; others without."""
    queue = Queue()
    other = changed(held.HOLD, hold_id="0-2", expires_at=NOW + 9_000_000)
    holds = (changed(held.HOLD, expires_at=NOW + 9_000_000), other)
    queue.take(
        "holds", [Envelope("holds", 0, n, NOW, b"r", Codec(Hold).encode(one)) for n, one in enumerate(holds)]
    )
    queue.take("audit", [Envelope("audit", 0, 0, NOW, b"r", Codec(AuditEvent).encode(said("taken")))])
    items = queue.items(NOW)
    bob = Assignee("bob", NOW + 1, "", (0, 1))
    assert {item.id: item.assignee for item in items} == {"0-1": bob, "0-2": None}
    found = queue.find("0-1", NOW)
    assert found is not None
    assert found.assignee == bob

    def named(kid: str | None) -> list[str]:
        return [
            item.id
            for item in chosen(items, NOW, kind=None, role=None, workflow=None, overdue=False, taken_by=kid)
        ]

    assert (named("bob"), named("ann"), len(named(None))) == (["0-1"], [], 2)


TAKEN = assigned(WAITS, Assignee("bob", NOW, "", (0, 3)))
OVER = of_waiting(Waiting(held.HOLD, changed(held.HOLD, state="rejected"), 0, NOW), NOW)


@pytest.mark.parametrize(
    ("item", "choice", "kid", "comment", "fault"),
    [
        (WAITS, Choice.TAKE, "bob", "", ""),
        (TAKEN, Choice.TAKE, "bob", "", "bob has it already"),
        (TAKEN, Choice.TAKE, "ann", "", "bob has it: take it over, and say why"),
        (TAKEN, Choice.TAKE_OVER, "ann", "bob is away", ""),
        (TAKEN, Choice.TAKE_OVER, "ann", " ", "who takes it over from bob says why"),
        (WAITS, Choice.TAKE_OVER, "ann", "why not", "nobody has it"),
        (TAKEN, Choice.GIVE_BACK, "bob", "", ""),
        (TAKEN, Choice.GIVE_BACK, "ann", "", "bob has it, not ann"),
        (WAITS, Choice.GIVE_BACK, "ann", "", "nobody has it, not ann"),
        *((OVER, choice, "ann", "x", "it is over: hold 0-1 is rejected") for choice in sorted(ASSIGNS)),
    ],
)
def test_what_would_change_nothing_is_not_said(item: Item, choice, kid, comment, fault):
    """It is refused here, with what to do; else the vote names the item, its run, who signs and why."""
    if fault:
        with pytest.raises(VoteRefusedError, match=fault):
            assigning_vote(item, choice, kid, comment)
        return
    vote = assigning_vote(item, choice, kid, comment)
    assert (vote.hold_id, vote.run_id, vote.approver, vote.choice) == ("0-1", "r", kid, choice.value)
    assert (vote.comment, vote.intent, vote.digest) == (comment, "", "")


@given(st.lists(st.tuples(st.sampled_from(sorted(ASSIGNS)), st.sampled_from("abc")), max_size=12))
def test_what_is_not_refused_beforehand_comes_about(words):
    """Whoever sees the item as it stands gets what they ask for."""
    notes = {Choice.TAKE: "taken", Choice.TAKE_OVER: "taken_over", Choice.GIVE_BACK: "given_back"}
    made = Assignees()
    for number, (choice, kid) in enumerate(words):
        item = assigned(WAITS, made.by_id.get("0-1"))
        with suppress(VoteRefusedError):
            assigning_vote(item, Choice(choice), kid, "why")
            made.see(said(notes[Choice(choice)], kid, number=number))
            has = made.by_id.get("0-1")
            assert (has.kid if has else "") == ("" if choice == Choice.GIVE_BACK else kid)
