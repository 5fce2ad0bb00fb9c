"""The queue as a whole: one order, one type of item, and as many as there may be."""

from __future__ import annotations

import held
import pytest
from held import NOW

from toolgate.processors.case import Envelope
from toolgate.review.queue import Queue
from toolgate.schemas.codec import Codec
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Draft, Hold

HOUR = 3_600_000
HOLD = changed(
    held.HOLD,
    roles=("cfo", "lead"),
    expires_at=NOW + 24 * HOUR,
    owner="payments-desk",
    answer_by=NOW + HOUR // 2,
)
DRAFT = changed(held.DRAFT, roles=("approver",), expires_at=NOW + 24 * HOUR)
MANY = 10_000


def queue(*records: Hold | Draft) -> Queue:
    """The queue once these were told."""
    made = Queue()
    for offset, record in enumerate(records):
        topic = "holds" if isinstance(record, Hold) else "drafts"
        made.take(topic, [Envelope(topic, 0, offset, NOW, b"r", Codec(type(record)).encode(record))])
    return made


def test_what_should_be_answered_first_stands_first():
    """With its owner; where the policy names none, the roles, and an hour."""
    hold, draft = queue(DRAFT, HOLD).items(NOW)
    assert (hold.id, hold.kind, hold.owner, hold.answer_by_ms) == (
        "0-1",
        "hold",
        "payments-desk",
        NOW + HOUR // 2,
    )
    assert (draft.id, draft.kind, draft.owner, draft.answer_by_ms) == ("0-2", "draft", "approver", NOW + HOUR)


@pytest.mark.parametrize(
    ("record", "expires_ms", "answer_by_ms"),
    [(DRAFT, NOW + HOUR // 4, NOW + HOUR // 4), (HOLD, NOW + HOUR, NOW + HOUR // 2)],
)
def test_what_expires_sooner_should_be_answered_sooner(record, expires_ms, answer_by_ms):
    """Nobody is told to have time for what is over by then."""
    (item,) = queue(changed(record, expires_at=expires_ms)).items(NOW)
    assert item.answer_by_ms == answer_by_ms


def test_only_what_waits_is_overdue():
    """What is over is found by its id, and nobody owes an answer."""
    late_ms = NOW + HOUR // 2
    (item,) = queue(HOLD).items(late_ms)
    assert (item.overdue(late_ms - 1), item.overdue(late_ms), item.age_ms(late_ms)) == (
        False,
        True,
        HOUR // 2,
    )
    over = queue(HOLD, changed(HOLD, vote_id="v1", state="rejected", owner="", answer_by=0))
    found = over.find("0-1", late_ms)
    assert found is not None
    assert (found.state, found.owner, found.overdue(late_ms)) == ("rejected", "payments-desk", False)
    assert (over.items(late_ms), over.find("0-9", late_ms)) == ([], None)


def test_ten_thousand_at_once():
    """Each is there once, in order, until somebody has decided."""
    made = Queue()
    holds = [changed(HOLD, hold_id=f"0-{n}", answer_by=NOW + HOUR - n) for n in range(MANY)]
    ends = [changed(one, state="rejected", vote_id=f"v{n}") for n, one in enumerate(holds[::2])]
    codec = Codec(Hold)
    values = [codec.encode(one) for one in (*holds, *ends)]
    made.take("holds", [Envelope("holds", 0, n, NOW, b"r", value) for n, value in enumerate(values)])
    assert [item.id for item in made.items(NOW)] == [f"0-{n}" for n in reversed(range(1, MANY, 2))]
    assert len(made.board.by_id) == MANY
