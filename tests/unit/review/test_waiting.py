"""What waits for people, by what was told."""

from __future__ import annotations

import held
from held import NOW

from toolgate.processors.case import Envelope
from toolgate.review import waiting
from toolgate.review.waiting import Board
from toolgate.schemas.codec import Codec
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Draft, Hold

HOLD = changed(held.HOLD, roles=("approver",), expires_at=NOW + 9, diff="{}")
DRAFT = changed(held.DRAFT, expires_at=NOW + 3)


def board(*records: Hold | Draft) -> Board:
    """The board once these were told, with noise between them."""
    made = Board()
    for offset, record in enumerate(records):
        topic = "holds" if isinstance(record, Hold) else "drafts"
        value = Codec(type(record)).encode(record)
        made.take(
            [Envelope(topic, 0, offset, NOW - 5, b"r", value), Envelope(topic, 0, 99, NOW, b"r", b"noise")]
        )
    return made


def test_what_waits_is_what_nobody_has_ended():
    """What expires first before the rest; each with its kind and since when."""
    waiting = board(HOLD, DRAFT).waiting(NOW)
    assert [(one.id, one.kind, one.opened_ms) for one in waiting] == [
        ("0-2", "draft", NOW - 5),
        ("0-1", "hold", NOW - 5),
    ]


def test_each_vote_is_told_and_one_that_is_refused_changes_nothing():
    """Who has approved so far stays as it was."""
    counted = changed(HOLD, vote_id="v1", voter="ann", choice="approve", approvals=("ann",))
    refused = changed(HOLD, vote_id="v2", voter="ann", choice="approve", refused="again")
    (one,) = board(HOLD, counted, refused).waiting(NOW)
    assert one.latest.approvals == ("ann",)
    assert [vote.vote_id for vote in one.votes] == ["v1", "v2"]
    assert one.opened == HOLD


def test_what_is_over_does_not_wait():
    """It is found by its id all the same; what was never opened here is not."""
    over = changed(HOLD, vote_id="v1", state="approved")
    found = board(HOLD, over, changed(over, hold_id="0-7"))
    assert found.waiting(NOW) == []
    assert found.by_id["0-1"].state(NOW) == "approved"
    assert "0-7" not in found.by_id


def test_what_has_expired_does_not_wait_although_nobody_has_said_so_yet():
    """By this machine's clock; the ledger's decides."""
    found = board(HOLD)
    assert found.by_id["0-1"].state(NOW + 8) == "open"
    assert found.by_id["0-1"].state(NOW + 9) == "expired"
    assert found.waiting(NOW + 9) == []


def test_of_what_is_over_the_newest_is_kept(monkeypatch):
    """Whoever follows the topics for months does not keep all that ever waited; what waits is."""
    monkeypatch.setattr(waiting, "OVER_KEPT", 2)
    held = [changed(HOLD, hold_id=f"0-{number}") for number in range(5)]
    ended = [changed(one, state="rejected", vote_id="v", voter="ann") for one in held[:4]]
    found = board(*held, *ended)
    assert sorted(found.by_id) == ["0-2", "0-3", "0-4"]
    assert [one.id for one in found.waiting(NOW)] == ["0-4"]
