"""Every kind of hostile intent, each between two good ones in its partition, through a live gate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from hostile_intents import DUPLICATE, QUARANTINE, ROWS, Row, Written

if TYPE_CHECKING:
    from hostile_ground import Ground, Place, Seen

pytestmark = pytest.mark.real


@dataclass(frozen=True)
class Tried:
    """Where a row's records lie: the hostile one, and the good ones around it."""

    written: Written
    place: Place
    good: tuple[Place, ...]


@pytest.fixture(scope="module")
def tried(ground: Ground) -> dict[str, Tried]:
    """All rows, written one after the other."""
    found = {}
    for row in ROWS:
        *before, last = row.make(ground.signers, ground.name())
        first = [ground.good(last.partition), *(ground.write("intents", one) for one in before)]
        place = ground.write("intents", last)
        found[row.words] = Tried(last, place, (*first, ground.good(last.partition)))
    return found


@pytest.fixture(scope="module")
def seen(ground: Ground, tried: dict[str, Tried]) -> Seen:
    """What became of them."""
    return ground.seen()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.words)
def test_each_has_its_verdict_and_its_code(row: Row, tried: dict[str, Tried], seen: Seen):
    """One audit event, which names the code first; nothing is approved."""
    event = seen.event(tried[row.words].place)
    codes = [reason.code for reason in event.reasons]
    assert (event.verdict, codes[:1]) == (row.verdict, [row.code] if row.code else []), event.reasons
    assert event.command_id == ""
    assert all(reason.because for reason in event.reasons)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.words)
def test_the_partition_moves_on(row: Row, tried: dict[str, Tried], seen: Seen):
    """The good intents before and behind it are approved, and each has its command."""
    events = [seen.event(place) for place in tried[row.words].good]
    assert [event.verdict for event in events] == ["APPROVE"] * len(events)
    assert {event.command_id for event in events} <= seen.commands


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.words)
def test_what_cannot_be_read_is_put_aside_byte_for_byte(row: Row, tried: dict[str, Tried], seen: Seen):
    """Key and value as they were, as far as any client can be given them; all else is not put aside."""
    mine = tried[row.words]
    aside = seen.put_aside(mine.place)
    record = mine.written.record
    if row.verdict != QUARANTINE:
        assert aside == []
    elif record.value_length is not None or record.key_length is not None:
        assert [(one.key, one.value) for one in aside] == [(None, None)]
    else:
        assert [(one.key, one.value) for one in aside] == [(record.key, record.value)]
        assert dict(aside[0].headers)["tg-reason"].decode().upper() == row.code


def test_nobody_is_named_who_is_not_proven(seen: Seen, tried: dict[str, Tried]):
    """A key id stands in the audit only where its signature was checked."""
    for row in ROWS:
        event = seen.event(tried[row.words].place)
        proven = event.verdict == DUPLICATE or event.reasons[0].code != "BAD_IDENTITY"
        assert bool(event.kid) == (proven and event.verdict != QUARANTINE), row.words


def test_the_history_holds(ground: Ground, seen: Seen):
    """Ledger and audit agree to the integer; every input has one event; commands are approvals."""
    assert ground.holds() == []
    assert ground.site.workers[0].process.poll() is None
