"""What the Kafka adapter delivers, and what it does about records that cannot be delivered."""

from __future__ import annotations

import time

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from raw_produce import RawRecord

from toolgate.streams.ports import FatalError
from toolgate.streams.settings import admin_config, producer_config, reader_config

pytestmark = pytest.mark.real

HERE = ("intents", 0)


@pytest.fixture
def log(make_log, drive):
    """A log that has been assigned everything and reads partition 0 of the intents from the beginning."""
    made = make_log()
    made.open(0)
    drive.until(lambda: HERE in made.assignment().partitions, made)
    made.seek(HERE, 0)
    return made


def leave_markers(settings, partition, *, commit):
    """One transaction of two records on the intents: committed, aborted, or (None) left open."""
    producer = Producer(producer_config(settings, partition + 1))
    producer.init_transactions(30)
    producer.begin_transaction()
    for _ in range(2):
        producer.produce(settings.topic("intents"), b"in a transaction", b"run-1", partition)
    producer.flush(30)
    if commit is None:
        return producer
    (producer.commit_transaction if commit else producer.abort_transaction)(30)
    return None


def watched_for(log, seconds):
    """Everything delivered while the log is polled for longer than a stall may last."""
    end, found = time.monotonic() + seconds, []
    while time.monotonic() < end:
        found += log.poll(100, 0.1)
    return found


def test_delivers_a_record_as_the_broker_has_it(log, settings, write, drive):
    """Logical topic, place, broker's time, key, value and headers arrive unchanged; a tombstone stays None."""
    before = int(time.time() * 1000) - 60_000
    write(settings, "intents", 0, b"one", None)

    first, second = drive.collect(log, 2)

    assert (first.topic, first.partition, first.offset) == ("intents", 0, 0)
    assert (first.key, first.value, first.headers) == (b"run-1", b"one", (("tg-kid", b"k1"),))
    assert first.time_ms > before
    assert (first.problem, second.problem, second.value) == ("", "", None)


def test_a_header_key_that_is_no_text_is_a_problem_of_its_record_only(log, settings, write_batch, drive):
    """The record arrives with its value and without headers, the ones around it are whole.

    Many go before it: once the interpreter has specialised the calls, a careless one kills the process.
    """
    good = RawRecord(headers=((b"tg-kid", b"k1"),))
    write_batch(settings, "intents", 0, *[good] * 300, RawRecord(headers=((b"\xff\xfe", b"x"),)), good)

    found = drive.collect(log, 302)

    assert [record.offset for record in found if record.problem] == [300]
    assert "not UTF-8" in found[300].problem
    assert (found[300].value, found[300].headers) == (b"{}", ())
    assert found[301].headers == (("tg-kid", b"k1"),)


def test_a_time_that_is_the_producers_is_a_problem(settings, make_log, write, drive):
    """A topic with CreateTime lets writers choose their time; none of it reaches a decision."""
    settings = settings.model_copy(update={"prefix": f"{settings.prefix}-loose"})
    admin = AdminClient(admin_config(settings))
    topic = NewTopic(settings.topic("intents"), 1, config={"message.timestamp.type": "CreateTime"})
    admin.create_topics([topic])[topic.topic].result(30)
    end = time.monotonic() + 30
    while topic.topic not in admin.list_topics(timeout=10).topics:
        assert time.monotonic() < end, "the broker does not know the topic it has created"
    log = make_log(settings=settings, inputs=("intents",))
    log.open(0)
    drive.until(lambda: log.assignment().partitions, log)
    log.seek(HERE, 0)
    write(settings, "intents", 0, b"one")

    [record] = drive.collect(log, 1)

    assert "message.timestamp.type=LogAppendTime" in record.problem
    assert record.time_ms == 0


def test_steps_over_each_record_that_silences_the_client(log, settings, write, write_batch, drive):
    """Two lying lengths in one batch are two problems; everything around them is delivered, in order, once."""
    write(settings, "intents", 0, b"before")
    write_batch(
        settings,
        "intents",
        0,
        RawRecord(b"a"),
        RawRecord(value_length=-2),
        RawRecord(value_length=-2),
        RawRecord(b"b"),
    )
    write(settings, "intents", 0, b"behind")

    found = drive.collect(log, 6)

    assert [record.offset for record in found] == [0, 1, 2, 3, 4, 5]
    assert [bool(record.problem) for record in found] == [False, False, True, True, False, False]
    assert found[2].problem.startswith("undeliverable: ")
    assert (found[2].value, found[2].time_ms) == (None, 0)


def test_steps_over_the_last_record_of_a_partition(log, settings, write_batch, write, drive):
    """With nothing behind it to be delivered, the hostile record is still found, and the log goes on."""
    write_batch(settings, "intents", 0, RawRecord(value_length=-2))

    [bad] = drive.collect(log, 1)
    write(settings, "intents", 0, b"next")
    [good] = drive.collect(log, 1)

    assert (bad.offset, bad.problem != "") == (0, True)
    assert (good.offset, good.problem) == (1, "")


def test_never_takes_the_end_of_a_transaction_for_a_bad_record(log, settings, drive):
    """Markers, aborted records and open transactions at the tail are stood at, never stepped over."""
    for partition in (1, 2):
        log.seek(("intents", partition), 0)
    leave_markers(settings, 0, commit=True)
    leave_markers(settings, 1, commit=False)
    still_open = leave_markers(settings, 2, commit=None)

    found = watched_for(log, 5.0)

    assert [(record.partition, record.offset, record.problem) for record in found] == [(0, 0, ""), (0, 1, "")]
    del still_open


def test_an_offset_that_the_broker_does_not_have_is_fatal(log, settings, write):
    """Neither the beginning nor the end is taken instead: whoever sought it has to look into it."""
    write(settings, "intents", 0, b"one")
    log.seek(HERE, 99)

    with pytest.raises(FatalError, match=r"intents\[0\] at 99"):
        watched_for(log, 10)


def test_first_and_last_stable_offset_come_from_the_broker(log, settings, write):
    """What an open transaction has written is beyond the last stable offset."""
    write(settings, "intents", 0, b"one", b"two")
    still_open = leave_markers(settings, 0, commit=None)
    raw = Consumer({**reader_config(settings), "isolation.level": "read_uncommitted"})
    place = TopicPartition(settings.topic("intents"), 0)

    assert log.bounds(HERE) == (0, 2)
    assert raw.get_watermark_offsets(place, 10) == (0, 4)
    raw.close()
    del still_open
