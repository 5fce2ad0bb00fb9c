"""What nobody knows the outcome of, by what the audit tells."""

from __future__ import annotations

import pytest
import written
from silent import Silent

from toolgate.processors.case import Envelope
from toolgate.review.queue import Queue
from toolgate.schemas.codec import Codec
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import AuditEvent, Op, Reason
from toolgate.streams.ports import RetryError

NOW = 1_790_000_000_000
MINUTE, DAY = 60_000, 86_400_000
EXPIRES = NOW + 15 * MINUTE
LATER = EXPIRES + MINUTE
EVENT = changed(
    written.EVENT,
    clk=NOW,
    offset=7,
    tenant="t",
    agent_id="a",
    append_time=NOW,
    intent_id="i1",
    command_id="0-7",
    cost_micros=10_000,
    policy_digest="set",
    kid="k1",
)
APPROVED = changed(EVENT, ops=(Op("reserve", ("0-7", EXPIRES, "d", "pay", (), ())),))
SAID = changed(EVENT, topic="results", verdict="RECORDED", append_time=NOW + MINUTE)
WORD = changed(SAID, topic="votes")


def queue(*events: AuditEvent) -> Queue:
    """The queue once these were audited, with noise between them."""
    made = Queue()
    values = [value for event in events for value in (Codec(AuditEvent).encode(event), b"noise")]
    made.take("audit", [Envelope("audit", 0, n, NOW, b"r", value) for n, value in enumerate(values)])
    return made


def told(*notes: str) -> list[AuditEvent]:
    """An approval, and results or releases with these notes."""
    return [
        APPROVED,
        *(
            changed(WORD if note.startswith("vote ") else SAID, note=note.removeprefix("vote "))
            for note in notes
        ),
    ]


@pytest.mark.parametrize(
    ("notes", "before", "after"),
    [
        ((), False, False),
        (("started",), False, True),
        (("unresolved",), True, True),
        (("started", "unresolved"), True, True),
        (("started", "settled"), False, False),
        (("started", "late"), False, False),
        (("void",), False, False),
        (("started", "uncovered"), False, False),
        (("started", "unresolved", "ended"), False, False),
        (("started", "mismatch"), False, True),
        (("started", "refused"), False, True),
        (("started", "unresolved", "vote void"), False, False),
        (("started", "vote late"), False, False),
        (("started", "vote uncovered"), False, False),
        (("started", "unresolved", "vote ended"), False, False),
        (("started", "unresolved", "vote unknown"), False, False),
        (("started", "unresolved", "vote running"), True, True),
        (("started", "unresolved", "vote mismatch"), True, True),
        (("started", "unresolved", "vote refused"), True, True),
    ],
    ids=str,
)
def test_only_what_may_have_had_its_effect_needs_a_person(notes, before, after):
    """An executor that does not know, at once; one that says nothing, when the command's time is over."""
    made = queue(*told(*notes))
    assert [bool(made.items(now_ms)) for now_ms in (EXPIRES - 1, EXPIRES)] == [before, after]


def test_a_partition_that_is_read_far_ahead_takes_nothing_from_another():
    """Partitions are read in any order: what another one tells of days later ends no command of this one."""
    ahead = changed(
        APPROVED,
        partition=1,
        command_id="1-7",
        clk=LATER + DAY,
        ops=(Op("reserve", ("1-7", 0, "d", "pay", (), ())),),
    )
    (item,) = queue(APPROVED, ahead, *told("unresolved")[1:]).items(LATER)
    assert item.id == "0-7"


def test_the_item_of_a_command():
    """Whose it is, what for, since when, until when somebody should answer."""
    (item,) = queue(*told("started", "unresolved")).items(LATER)
    assert (item.id, item.kind, item.state, item.tool) == ("0-7", "outcome", "open", "pay")
    assert (item.tenant, item.workflow_id, item.run_id, item.agent_id) == ("t", "w", "r", "a")
    assert (item.owner, item.roles, item.cost_micros) == ("operator", ("operator", "approver"), 10_000)
    assert (item.place, item.since_ms, item.answer_by_ms) == (
        ("intents", 0, 7),
        NOW + MINUTE,
        NOW + 61 * MINUTE,
    )
    assert [item.overdue(at) for at in (NOW + 61 * MINUTE - 1, NOW + 61 * MINUTE)] == [False, True]
    (silent,) = queue(*told("started")).items(LATER)
    assert silent.since_ms == EXPIRES


def test_a_call_that_people_approved_is_a_command_as_well():
    """Then the vote's event reserves."""
    by_vote = changed(APPROVED, topic="votes", digest="of the vote", note="approved")
    made = queue(by_vote, changed(SAID, note="unresolved"))
    (item,) = made.items(LATER)
    assert (item.kind, item.subject.digest) == ("outcome", "d")
    assert made.find("0-7", LATER) == item


def test_a_record_that_nobody_could_read_waits_until_it_is_put_aside():
    """By its place; what was written there is shown nowhere."""
    bad = changed(
        EVENT, verdict="QUARANTINE", command_id="", reasons=(Reason("MALFORMED", "decode", "no record"),)
    )
    made = queue(bad)
    (item,) = made.items(NOW)
    assert (item.id, item.kind, item.owner, item.why) == ("intents-0-7", "record", "operator", ("no record",))
    assert item.answer_by_ms == NOW + 24 * 60 * MINUTE
    assert made.find("intents-0-7", NOW) == item
    assert queue(bad, changed(WORD, note="released", command_id="intents-0-7")).items(NOW) == []


def test_what_was_never_begun_is_forgotten():
    """A long log is not kept whole; what was begun is."""
    long_after = EXPIRES + 61 * MINUTE
    one = changed(APPROVED, command_id="0-8", ops=(Op("reserve", ("0-8", EXPIRES, "d", "pay", (), ())),))
    other = changed(
        APPROVED,
        command_id="0-9",
        clk=long_after,
        ops=(Op("reserve", ("0-9", long_after, "d", "pay", (), ())),),
    )
    made = queue(APPROVED, one, changed(SAID, note="started"), other)
    assert made.unresolved.commands.keys() == {"0-7", "0-9"}


def test_nothing_is_passed_over_because_nobody_says_what_it_is():
    """A command that is begun would be missed for good; the same records are given again."""
    made = Queue(Silent())
    newer = Envelope("audit", 0, 1, NOW, b"r", b"\x00\x00\x01\x00\x00rest")
    known = Envelope("audit", 0, 0, NOW, b"r", Codec(AuditEvent).encode(APPROVED))
    with pytest.raises(RetryError, match=r"audit\[0\] at 1: .*no answer"):
        made.take("audit", [known, newer])
    begun = changed(SAID, note="started")
    rest = [known, Envelope("audit", 0, 1, NOW, b"r", Codec(AuditEvent).encode(begun))]
    made.take("audit", [*rest, Envelope("audit", 0, 2, NOW, b"r", b"noise")])
    assert [(one.command_id, one.started) for one in made.unresolved.commands.values()] == [("0-7", True)]
