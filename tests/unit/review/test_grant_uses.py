"""What was done under a grant, by what the audit says of it."""

from __future__ import annotations

import pytest
from written import EVENT, Written

from toolgate.inspection.errors import NotFoundError
from toolgate.review.grant_uses import HEARD_MS, SKEW_MS, done_under, find, uses
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import AuditEvent, Control, Reason


@pytest.fixture
def written() -> Written:
    """An empty log."""
    return Written()


UNDER = changed(
    EVENT,
    seq=5,
    grant="g1",
    command_id="0-5",
    waived=(Reason("RULE_DENIED", "large"),),
    cost_micros=70,
)
REFUSED = changed(
    UNDER, seq=3, verdict="DENY", command_id="", waived=(), cost_micros=0, reasons=(Reason("GRANT_ENDED"),)
)
OTHER = changed(UNDER, seq=4, grant="g2", command_id="0-4")


def said(note: str, topic: str = "results", command_id: str = "0-5") -> AuditEvent:
    """What the audit says of a word on a command."""
    return changed(EVENT, seq=9, topic=topic, verdict="RECORDED", note=note, command_id=command_id)


@pytest.mark.parametrize(
    ("heard", "became"),
    [
        ([], []),
        ([said("started"), said("settled")], ["started", "settled"]),
        ([said("started"), said("unresolved"), said("void", "votes")], ["started", "unresolved", "void"]),
        ([said("settled"), said("ended"), said("taken", "votes")], ["settled"]),
        ([said("started", command_id="0-4"), said("settled", "ticks")], []),
    ],
)
def test_what_became_of_a_command(heard, became):
    """What its executor said, and people; not of others, and not what changed nothing."""
    (use,) = uses([UNDER, *heard], "g1")
    assert (use.event, use.became) == (UNDER, became)


def test_every_decision_under_it_in_order_and_no_other():
    """Also what was refused all the same."""
    found = uses([UNDER, REFUSED, OTHER, said("settled", command_id="")], "g1")
    assert [(use.event.seq, use.became) for use in found] == [(3, []), (5, [])]
    told = found[1].as_json()
    assert (told["verdict"], told["command_id"], told["waived"]) == ("APPROVE", "0-5", ["RULE_DENIED"])
    assert (found[0].as_json()["command_id"], found[0].as_json()["codes"]) == (None, ["GRANT_ENDED"])
    assert uses([UNDER], "g3") == []


GIVEN_MS, UNTIL_MS = 1_790_000_000_000, 1_790_000_600_000
WORD = Control(
    "g1", "grant", "workflow", "w", "odd", ("ann", "ben"), version=1, expires_at=UNTIL_MS, tools=("pay",)
)


@pytest.mark.parametrize(
    "word", [WORD, changed(WORD, tools=(), expires_at=None), changed(WORD, kind="kill")], ids=str
)
def test_a_grant_is_found_by_its_id(written, word):
    """Not what ends one, nor another word; of a copy the first counts."""
    written.put("control", 0, changed(WORD, control_id="g0"), time_ms=1)
    written.raw("control", 0, b"noise")
    written.put("control", 0, word, time_ms=GIVEN_MS)
    written.put("control", 0, word, time_ms=GIVEN_MS + 5)
    if word == WORD:
        assert find(written, "g1") == (WORD, GIVEN_MS)
        return
    with pytest.raises(NotFoundError, match="no grant g1 was ever given"):
        find(written, "g1")


def test_only_as_much_is_read_as_may_tell_of_it(written):
    """From when it was given, by whichever broker's clock, until nothing that is said changes anything."""
    said_at = [GIVEN_MS - SKEW_MS - 1, GIVEN_MS - SKEW_MS, UNTIL_MS + HEARD_MS - 1, UNTIL_MS + HEARD_MS]
    for partition in (0, 2):
        for number, time_ms in enumerate(said_at):
            written.put("audit", partition, changed(UNDER, seq=number + 10 * partition), time_ms=time_ms)
        written.raw("audit", partition, b"noise", time_ms=said_at[-1])
    assert [use.event.seq for use in done_under(written, WORD, GIVEN_MS)] == [1, 2, 21, 22]
