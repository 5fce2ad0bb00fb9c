"""Which holds have expired and nobody has said so."""

from __future__ import annotations

import pytest

from toolgate.processors.case import Envelope
from toolgate.processors.voting import HOLD_EXPIRY
from toolgate.schemas.codec import Codec
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Draft, Hold, Tick
from toolgate.streams.gate.due import AGAIN_MS, TICKS_MAX, Due
from toolgate.streams.ports import Output

NOW = 1_790_000_000_000
HELD = {("ticks", 0), ("ticks", 1)}
HOLD = Hold("", "i", 1, NOW, "t", "w", "r", "a", "pay", "1", "d", "p", 1, ("approver",), NOW, "open")
DRAFT = Draft("0-9", "i", 1, NOW, "t", "w", "r", "a", "pay", "1", "", "d", "p", "open", expires_at=NOW)


class Topics:
    """What was told, read from where somebody has read it up to."""

    def __init__(self) -> None:
        self.told: dict[str, list[Envelope]] = {"holds": [], "drafts": []}
        self.first = 0
        self.asked: list[tuple[str, dict[int, int]]] = []

    def tell(self, record: Hold | Draft, partition: int = 0) -> None:
        """A record more."""
        topic = "holds" if isinstance(record, Hold) else "drafts"
        value = Codec(type(record)).encode(record)
        at = len(self.told[topic])
        self.told[topic].append(Envelope(topic, partition, at, NOW, b"r", value))

    def read(self, topic, start=None):
        """See `ports.Log`."""
        self.asked.append((topic, dict(start or {})))
        for envelope in self.told[topic]:
            if envelope.offset >= (start or {}).get(envelope.partition, 0):
                yield envelope

    def bounds(self, tp):
        """The first offset that is kept, and the end."""
        return self.first, len(self.told[tp[0]])


class Clock:
    """A worker's clock."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        """Epoch milliseconds."""
        return self.now


@pytest.fixture
def topics():
    """What was told."""
    return Topics()


@pytest.fixture
def clock():
    """A worker's clock."""
    return Clock()


@pytest.fixture
def due(topics, clock):
    """What one worker knows."""
    return Due(topics, clock)


def refs(outputs) -> list[str]:
    """What ticks are about."""
    return [Codec(Tick).decode(output.value).ref for output in outputs]


def committed(due: Due):
    """The ticks that are due, once their transaction is committed."""
    ticks = due.ticks(HELD)
    due.wrote(ticks)
    return ticks


def test_a_tick_whose_transaction_was_aborted_has_told_nobody(due, topics, clock):
    """It is due again at once, however often; a history ended with a hold that nobody ended."""
    topics.tell(changed(HOLD, hold_id="0-1"))
    due.read()
    for _ in range(5):
        assert refs(due.ticks(HELD)) == ["0-1"]
    assert refs(committed(due)) == ["0-1"]
    assert due.ticks(HELD) == []


def test_a_tick_for_each_hold_that_has_expired(due, topics, clock):
    """Of its own partitions, in the partition of the hold, with the run as its key."""
    topics.tell(changed(HOLD, hold_id="0-1"))
    topics.tell(changed(HOLD, hold_id="1-1"), 1)
    topics.tell(changed(HOLD, hold_id="2-1"), 2)
    topics.tell(changed(HOLD, hold_id="0-2", expires_at=NOW + 1))
    topics.tell(DRAFT)
    due.read()
    ticks = committed(due)
    assert refs(ticks) == ["0-1", "1-1", "0-9"]
    assert [(tick.topic, tick.partition, tick.key) for tick in ticks][:2] == [
        ("ticks", 0, b"r"),
        ("ticks", 1, b"r"),
    ]
    assert Codec(Tick).decode(ticks[0].value) == Tick("r", HOLD_EXPIRY, "0-1", NOW)
    clock.now += 1
    assert refs(committed(due)) == ["0-2"]


def test_a_tick_is_written_again_only_after_a_while(due, topics, clock):
    """It may have been lost with its transaction."""
    topics.tell(changed(HOLD, hold_id="0-1"))
    due.read()
    assert refs(committed(due)) == ["0-1"]
    clock.now += AGAIN_MS - 1
    assert committed(due) == []
    clock.now += 1
    assert refs(committed(due)) == ["0-1"]


def test_a_hold_that_no_tick_ends_is_let_go(due, topics, clock):
    """Nothing waits there, whatever was told once: each tick is a record that is kept for ever."""
    topics.tell(changed(HOLD, hold_id="0-1"))
    due.read()
    told = []
    for _ in range(9):
        told += refs(committed(due))
        clock.now += AGAIN_MS
    assert told == ["0-1"] * TICKS_MAX


def test_what_was_told_in_another_partition_or_of_a_refused_vote_opens_nothing(due, topics):
    """A hold lies where its intent does."""
    topics.tell(changed(HOLD, hold_id="1-1"), 0)
    topics.tell(changed(HOLD, hold_id="0-1", vote_id="v", refused="no"))
    due.read()
    assert committed(due) == []


def test_what_was_deleted_meanwhile_is_not_asked_for(due, topics):
    """A worker may run for longer than the topic is kept."""
    topics.tell(changed(HOLD, hold_id="0-1"))
    due.read()
    topics.first = 7
    due.read()
    assert topics.asked[-2] == ("holds", {0: 7})


@pytest.mark.parametrize("state", ["approved", "denied", "rejected", "withdrawn", "expired"])
def test_what_is_over_is_not_due(due, topics, state):
    """Whether another worker has told so, or this one itself."""
    topics.tell(changed(HOLD, hold_id="0-1"))
    topics.tell(changed(HOLD, hold_id="0-2"))
    topics.tell(changed(HOLD, hold_id="0-1", state=state))
    due.read()
    over = Codec(Hold).encode(changed(HOLD, hold_id="0-2", state=state))
    due.see([Output("holds", 0, b"r", over)])
    assert committed(due) == []


def test_only_what_is_new_is_read(due, topics):
    """From where this process has read up to."""
    topics.tell(changed(HOLD, hold_id="0-1"))
    due.read()
    topics.tell(changed(HOLD, hold_id="0-2"))
    due.read()
    assert topics.asked[-2:] == [("holds", {0: 1}), ("drafts", {})]
    assert refs(committed(due)) == ["0-1", "0-2"]


def test_ten_thousand_holds_at_once(due, topics):
    """Each is told once; a vote that changes nothing, a draft of an older version and noise are not due."""
    for number in range(10_000):
        topics.tell(changed(HOLD, hold_id=f"0-{number}"))
    topics.tell(changed(HOLD, hold_id="0-1", vote_id="v", refused="no"))
    topics.tell(changed(DRAFT, draft_id="0-77777", expires_at=0))
    topics.told["holds"].append(Envelope("holds", 0, 10_001, NOW, b"r", b"noise"))
    due.read()
    assert len(set(refs(committed(due)))) == 10_000
    assert committed(due) == []
