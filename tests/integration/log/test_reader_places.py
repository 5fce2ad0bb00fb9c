"""Records that say they stand where they do not, read by people: as the gate has them, with nothing left out."""

from __future__ import annotations

import pytest
from confluent_kafka import Producer
from patience import until
from raw_produce import RawRecord, batch, produce

from toolgate.inspection.reader import TopicReader
from toolgate.streams.settings import producer_config

pytestmark = pytest.mark.real

LIES = {
    "far on": [(b"lie", 1000)],
    "one on": [(b"lie", 1)],
    "the same twice": [(b"lie", 0), (b"lie", 0)],
    "all two on": [(b"lie", 2), (b"lie", 3), (b"lie", 4)],
    "on within": [(b"lie", 0), (b"lie", 2), (b"lie", 1), (b"lie", 9)],
}


@pytest.fixture
def put(settings):
    """`put(b"one", (b"two", 1000), ...)`: one batch on partition 0 of the intents; a number is a record's own delta."""

    def write(*records):
        made = [
            r
            if isinstance(r, RawRecord)
            else RawRecord(r)
            if isinstance(r, bytes)
            else RawRecord(r[0], offset_delta=r[1])
            for r in records
        ]
        assert produce(settings.bootstrap_servers, settings.topic("intents"), 0, batch(*made)).error == 0

    return write


@pytest.fixture
def gate(make_log, drive):
    """`gate(count)`: so many records of that partition, as the gate has them."""

    def read(count):
        log = make_log()
        log.open(0)
        drive.until(lambda: ("intents", 0) in log.assignment().partitions, log)
        log.seek(("intents", 0), 0)
        return [(one.offset, one.value, one.problem) for one in drive.collect(log, count)]

    return read


@pytest.mark.parametrize("lies", LIES.values(), ids=LIES)
@pytest.mark.parametrize("behind", [(), (b"1", b"2")])
def test_a_stretch_is_read_as_the_gate_reads_it(settings, put, gate, lies, behind):
    """With something behind the lies, or nothing; also where the stretch ends among them."""
    put(b"0")
    put(*lies)
    if behind:
        put(*behind)
    count = 1 + len(lies) + len(behind)
    told = gate(count)
    with TopicReader(settings, "intents") as reader:
        assert reader.span(0) == (0, count)
        for end in (count, 2):
            read = [one for some in reader.read({0: 0}, {0: end}) for one in some]
            assert [(one.offset, one.value, one.problem) for one in read] == told[:end]


def test_a_stretch_ends_where_it_does_whatever_comes_last(settings, put, gate):
    """A record that nobody can read behind what is held; then the marker of a transaction, which is never delivered."""
    put(b"0", (b"lie", 3))
    put(b"1")
    put(RawRecord(b"x", value_length=-2))
    told = gate(4)
    producer = Producer(producer_config(settings, 3))
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(settings.topic("intents"), b"2", b"run-1", 0)
    producer.commit_transaction(30)
    with TopicReader(settings, "intents") as reader:
        until(lambda: reader.span(0) == (0, 6), "the marker to be there")
        read = [one for some in reader.read({0: 0}, {0: 6}) for one in some]
    assert [(one.offset, one.value, one.problem) for one in read[:4]] == told
    assert [(one.offset, one.value) for one in read[4:]] == [(4, b"2")]


def test_whoever_follows_goes_on(settings, put):
    """Past lies that come while it waits."""
    put(b"0")
    with TopicReader(settings, "intents") as reader:
        read = reader.read({0: 0})
        found = [*next(some for some in read if some)]
        put((b"lie", 1000))
        while len(found) < 2:
            found += next(read)
        put(b"1")
        while len(found) < 3:
            found += next(read)
    assert [(one.offset, bool(one.problem)) for one in found] == [(0, False), (1, True), (2, False)]
