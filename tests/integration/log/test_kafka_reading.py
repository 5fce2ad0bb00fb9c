"""Reading outside the group: whole topics as of now, and the tail of the control topic."""

from __future__ import annotations

import time

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from raw_produce import RawRecord

from toolgate.streams.log.reading import ControlTail, Reader
from toolgate.streams.log.trouble import Trouble
from toolgate.streams.ports import AbortError, Assignment, LogError, Output, RetryError
from toolgate.streams.settings import admin_config, reader_config

pytestmark = pytest.mark.real

NOBODY = Assignment(0, frozenset())


@pytest.fixture
def log(make_log):
    """An open log; what follows does not need its partitions."""
    made = make_log()
    made.open(0)
    return made


def commit(log, topic, *values, partition=0):
    """One committed transaction, with its marker written."""
    _, before = log.bounds((topic, partition))
    list(log.transact([Output(topic, partition, b"k", value) for value in values], {}, NOBODY))
    end = time.monotonic() + 10
    while log.bounds((topic, partition))[1] < before + len(values) + 1:
        assert time.monotonic() < end, "the marker was never written"


def abort(log, topic):
    """One aborted transaction that wrote something."""
    too_big = Output(topic, 0, None, b"x" * 1_100_000)
    with pytest.raises(AbortError):
        list(log.transact([Output(topic, 0, b"k", b"never"), too_big], {}, NOBODY))


def test_reads_every_partition_up_to_now_and_ends(log):
    """Markers and aborted records at the tail are passed; an empty partition is no reason to wait."""
    commit(log, "audit", b"one", b"two")
    commit(log, "audit", b"three", partition=2)
    abort(log, "audit")

    found = list(log.read("audit"))

    assert sorted((r.topic, r.partition, r.value) for r in found) == [
        ("audit", 0, b"one"),
        ("audit", 0, b"two"),
        ("audit", 2, b"three"),
    ]


def test_what_comes_later_is_not_read(log):
    """The end is the one that stood when reading began, also while the reader is slow."""
    commit(log, "audit", *(b"%d" % i for i in range(5)))
    reading = log.read("audit")
    first = next(reading)
    commit(log, "audit", b"late")

    assert [first.value, *(record.value for record in reading)] == [b"0", b"1", b"2", b"3", b"4"]


def test_reads_from_the_given_offsets(log):
    """A partition that is not named is read from its beginning, one at its end not at all."""
    commit(log, "audit", b"one", b"two")
    commit(log, "audit", b"three", partition=1)
    commit(log, "audit", b"four", partition=2)

    assert sorted(r.value for r in log.read("audit", {0: 1, 2: 1})) == [b"three", b"two"]


def test_refuses_to_read_over_a_hole(log, settings):
    """Records that retention took are named, not skipped."""
    commit(log, "audit", b"one", b"two")
    place = TopicPartition(settings.topic("audit"), 0, 1)
    admin = AdminClient(admin_config(settings))
    admin.delete_records([place])[place].result(30)

    with pytest.raises(LogError, match=r"audit\[0\]: records 0 to 0 are gone"):
        list(log.read("audit", {0: 0}))
    assert [r.value for r in log.read("audit")] == [b"two"]


def test_a_missing_topic_is_named(log, settings):
    """Not an empty one."""
    with pytest.raises(LogError, match=f"{settings.prefix}.nonsense: no such topic"):
        list(log.read("nonsense"))


def test_follows_the_control_topic_over_markers_and_aborts(log):
    """Each record is told once, and the end lies behind the markers."""
    assert log.tail_control(0) == ([], 0)
    commit(log, "control", b"kill")
    found, end = until_new(log, 0)
    assert ([r.value for r in found], found[0].offset, end) == ([b"kill"], 0, 2)

    abort(log, "control")
    commit(log, "control", b"lift", b"kill")
    found, later = until_new(log, end)

    while len(found) < 2:
        more, later = until_new(log, later)
        found += more
    assert [r.value for r in found] == [b"lift", b"kill"]
    assert later > found[-1].offset
    assert log.tail_control(later) == ([], later)


def test_control_can_be_read_again_from_any_position(log):
    """A worker that evaluates again asks for what it has seen before."""
    commit(log, "control", b"one", b"two")
    until_new(log, 0)

    found, end = log.tail_control(1)

    assert [r.value for r in found] == [b"two"]
    assert log.tail_control(0)[0][0].value == b"one"
    assert log.tail_control(end) == ([], end)


def test_a_worker_that_cannot_learn_controls_end_is_told_so(settings):
    """No broker, no end: the caller counts as killed."""
    config = {**reader_config(settings), "bootstrap.servers": "127.0.0.1:1"}
    tail = ControlTail(Reader(config, settings.topic, Trouble()), "control", limit_s=0.3)

    with pytest.raises(RetryError, match=r"control\[0\]"):
        tail.since(0)
    tail.close()


def test_control_is_let_go_once_it_has_been_read(log, settings):
    """A consumer that kept the partition would ask the broker for more of it for ever."""
    commit(log, "control", b"kill")
    made: list[Consumer] = []

    class Kept(Reader):
        def consumer(self):
            made.append(super().consumer())
            return made[-1]

    tail = ControlTail(Kept(reader_config(settings), settings.topic, Trouble()), "control")
    for _ in range(2):
        assert [record.value for record in tail.since(0)[0]] == [b"kill"]
        assert [one.assignment() for one in made] == [[]]
    tail.close()


def test_control_that_no_client_can_read_is_told_as_such(log, settings, write_batch):
    """It hides nothing behind it, neither from who follows nor from who reads everything again."""
    silent = RawRecord(value_length=-2)
    write_batch(settings, "control", 0, RawRecord(b"kill"), silent, silent, RawRecord(b"lift"))
    write_batch(settings, "control", 0, silent)

    found, end = until_new(log, 0)
    while end < 5:
        more, end = log.tail_control(end)
        found += more

    wanted = [(0, b"kill", False), (1, None, True), (2, None, True), (3, b"lift", False), (4, None, True)]
    assert [(r.offset, r.value, bool(r.problem)) for r in found] == wanted
    assert [(r.offset, r.value, bool(r.problem)) for r in log.read("control")] == wanted
    write_batch(settings, "control", 0, RawRecord(b"kill"))
    assert [r.value for r in until_new(log, 5)[0]] == [b"kill"]


def until_new(log, position):
    """The tail is told at most every 100 ms: ask until it has moved."""
    limit, found, end = time.monotonic() + 10, [], position
    while end <= position:
        assert time.monotonic() < limit, "the control topic's end did not move"
        found, end = log.tail_control(position)
    return found, end
