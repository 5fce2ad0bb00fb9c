"""Records that say they stand where they do not: nothing of others is lost, and each offset is told once."""

from __future__ import annotations

import time

import pytest
from confluent_kafka import Producer, TopicPartition
from raw_produce import RawRecord, batch, produce

from toolgate.streams.ports import FatalError
from toolgate.streams.settings import producer_config

pytestmark = pytest.mark.real

HERE = ("intents", 0)


@pytest.fixture
def log(make_log, drive):
    """A log that has been assigned everything and reads partition 0 of the intents from the beginning."""
    made = make_log()
    made.open(0)
    drive.until(lambda: HERE in made.assignment().partitions, made)
    return made


@pytest.fixture
def put(settings):
    """`put(b"one", (b"two", 1000), ...)`: one batch; a number is the offset delta that the record gives itself."""

    def write(*records):
        made = [RawRecord(r) if isinstance(r, bytes) else RawRecord(r[0], offset_delta=r[1]) for r in records]
        answer = produce(settings.bootstrap_servers, settings.topic("intents"), 0, batch(*made))
        assert answer.error == 0
        return answer.offset

    return write


LIES = {
    "far on": [(b"lie", 1000)],
    "one on": [(b"lie", 1)],
    "three on": [(b"lie", 3)],
    "the same twice": [(b"lie", 0), (b"lie", 0)],
    "exchanged": [(b"lie", 1), (b"lie", 0)],
    "all one on": [(b"lie", 1), (b"lie", 2), (b"lie", 3)],
    "all two on": [(b"lie", 2), (b"lie", 3), (b"lie", 4)],
    "on within": [(b"lie", 0), (b"lie", 2), (b"lie", 1), (b"lie", 9)],
}


@pytest.mark.parametrize("lies", LIES.values(), ids=LIES)
@pytest.mark.parametrize("when", ["before", "while"])
def test_every_honest_record_comes_once_at_its_own_offset(log, put, drive, lies, when):
    """Before the log reads or while it does: a lie is a problem at the offset where the broker has put it."""
    honest = {put(b"0"): b"0"}
    if when == "while":
        log.seek(HERE, 0)
        found = drive.collect(log, 1)
        put(*lies)
        found += drive.quiet(log, 4)
    else:
        put(*lies)
        found = []
    honest |= {put(value): value for value in (b"1", b"2", b"3", b"4", b"5")}
    if when == "before":
        log.seek(HERE, 0)
    found += drive.collect(log, len(honest) + len(lies) - len(found))
    found += drive.quiet(log, 2)

    assert [record.offset for record in found] == list(range(len(honest) + len(lies)))
    assert {r.offset: r.value for r in found if r.offset in honest} == honest
    assert not [record for record in found if record.offset in honest and record.problem]
    beside = [record for record in found if record.offset not in honest]
    assert any(record.problem for record in beside) or [r.value for r in beside] == [b"lie"] * len(lies)


@pytest.mark.parametrize("delta", [-1, -1000])
def test_a_record_that_says_it_stands_before_its_place_is_nobodys(log, put, drive, delta):
    """No reader that begins behind that place is given it; those around it come as ever."""
    first = put(b"0")
    log.seek(HERE, 0)
    found = drive.collect(log, 1)
    put((b"lie", delta))
    last = put(b"2")
    found += drive.until(lambda: log.positions.get(HERE) == last + 1, log)

    told = [record for record in found if record.offset not in (first, last)]
    assert [(r.offset, r.value) for r in found if r not in told] == [(first, b"0"), (last, b"2")]
    assert all(record.problem for record in told)


def test_the_client_is_told_too_late_that_it_had_gone_too_far(log, put, drive):
    """It stops at the place it has been sent back to meanwhile, and is sent there once more."""
    put(b"0")
    log.seek(HERE, 0)
    drive.collect(log, 1)
    far = TopicPartition(log._settings.topic(HERE[0]), HERE[1], 1000)
    log._consumer.assign([far])  # as after a lie that it has not been sent back from
    put(b"1")

    assert [(record.offset, record.value) for record in drive.collect(log, 1)] == [(1, b"1")]


@pytest.mark.parametrize("before", [[(b"lie", 3)], []], ids=["behind a lie", "plain"])
def test_what_was_fetched_before_a_record_that_nobody_can_read_is_delivered(log, put, drive, before):
    """Also what has to be looked into first: it is no reason to begin behind it."""
    put(b"0", *before)
    for value in (b"1", b"2"):
        put(value)
    bad = produce(
        log._settings.bootstrap_servers,
        log._settings.topic("intents"),
        0,
        batch(RawRecord(b"x", value_length=-2)),
    )
    put(b"3")
    log.seek(HERE, 0)
    found = drive.collect(log, 5 + len(before))
    found += drive.quiet(log, 2)

    assert [record.offset for record in found] == list(range(5 + len(before)))
    assert [record.value for record in found if not record.problem] == [b"0", b"1", b"2", b"3"]
    assert [record.offset for record in found if record.problem][-1] == bad.offset


def test_a_place_that_the_broker_does_not_have_is_said(log, put, drive):
    """Records that are gone are nothing to go on from."""
    put(b"0")
    log.seek(HERE, 1000)
    with pytest.raises(FatalError, match=r"intents\[0\] at 1000"):
        drive.collect(log, 1)


def test_the_last_record_of_a_partition(log, put, drive):
    """With nothing behind it: it is put aside with its bytes, and the partition goes on."""
    log.seek(HERE, 0)
    put((b"lie", 1000))
    [bad] = drive.collect(log, 1)
    put(b"next")
    [good] = drive.collect(log, 1)

    assert (bad.offset, bad.value, bad.problem) == (0, b"lie", "it says that it stands at offset 1000")
    assert (good.offset, good.value, good.problem) == (1, b"next", "")


def test_gaps_that_transactions_leave_are_no_lies(log, settings, put, drive):
    """Markers and aborted records are passed over; a lie behind them is found all the same."""
    producer = Producer(producer_config(settings, 3))
    producer.init_transactions(30)
    for commit in (True, False, True):
        producer.begin_transaction()
        producer.produce(settings.topic("intents"), b"in a transaction", b"run-1", 0)
        producer.flush(30)
        (producer.commit_transaction if commit else producer.abort_transaction)(30)
    end = time.monotonic() + 10
    while log.bounds(HERE)[1] < 6:
        assert time.monotonic() < end, "the marker was never written"
    plain = put(b"plain")
    log.seek(HERE, 0)
    found = drive.collect(log, 3)
    lie = put((b"lie", 5))
    found += drive.collect(log, 1)
    last = put(b"last")
    found += drive.collect(log, 1)

    assert [(record.offset, bool(record.problem)) for record in found] == [
        (0, False), (4, False), (plain, False), (lie, True), (last, False),
    ]  # fmt: skip
