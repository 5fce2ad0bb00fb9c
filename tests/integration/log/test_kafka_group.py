"""The Kafka adapter in its group: who gets what, from where on, and what is told when it goes."""

from __future__ import annotations

import pytest
from confluent_kafka import TopicPartition

from toolgate.streams.ports import FatalError, LogError

pytestmark = pytest.mark.real

HERE = ("intents", 0)


@pytest.fixture
def log(make_log, drive):
    """Slot 0, assigned everything, nothing sought yet."""
    made = make_log()
    made.open(0)
    drive.until(lambda: made.assignment().partitions, made)
    return made


def test_nothing_is_delivered_before_the_gate_says_where_to_begin(log, settings, write, drive):
    """Only sought partitions deliver, each from its own offset."""
    write(settings, "intents", 0, b"zero", b"one", b"two")
    write(settings, "intents", 1, b"other")

    assert drive.quiet(log) == []
    log.seek(HERE, 1)

    assert [(r.partition, r.value) for r in drive.collect(log, 2)] == [(0, b"one"), (0, b"two")]
    assert drive.quiet(log, 3) == []


def test_records_come_in_offset_order_across_seeks(log, settings, write, drive):
    """Sending a partition back delivers it again from there, and nothing of the old position in between."""
    write(settings, "intents", 0, *(b"%d" % i for i in range(300)))
    write(settings, "intents", 1, *(b"%d" % i for i in range(300)))
    log.seek(HERE, 0)
    log.seek(("intents", 1), 0)
    first = drive.collect(log, 50)
    log.seek(HERE, 10)

    rest = drive.collect(log, 590 - sum(r.partition == 1 for r in first))

    assert [r.offset for r in rest if r.partition == 0] == list(range(10, 300))
    assert [r.offset for r in first + rest if r.partition == 1] == list(range(300))


def test_what_was_paused_when_it_was_taken_away_is_read_once_it_is_back(log, settings, write, drive):
    """The client keeps a pause over a new assignment, and control pauses the rest while it is fetched."""
    write(settings, "intents", 0, b"one")
    log.seek(HERE, 0)
    drive.collect(log, 1)
    log._consumer.pause([TopicPartition(settings.topic("intents"), 0)])
    log.seek(HERE, 0)

    assert [record.value for record in drive.collect(log, 1)] == [b"one"]


def test_control_that_was_tailed_is_delivered_before_what_was_fetched_already(log, settings, write, drive):
    """A kill holds once it is tailed; its audit must not wait for thousands of intents. Nothing is passed over."""
    values = [b"%d" % number for number in range(5000)]
    write(settings, "intents", 0, *values)
    log.seek(HERE, 0)
    log.seek(("control", 0), 0)
    first = drive.collect(log, 10)
    write(settings, "control", 0, b"stop")
    drive.until(lambda: log.tail_control(0)[0])

    urgent = drive.collect(log, 1)

    assert [(r.topic, r.value) for r in urgent[:1]] == [("control", b"stop")]
    rest = drive.collect(log, 5001 - len(first) - len(urgent))
    assert [r.value for r in [*first, *urgent, *rest] if r.topic == "intents"] == values


def test_members_get_the_same_partitions_of_every_input(log, make_log, drive):
    """A run's intents and results are always one worker's; control's one partition has one owner."""
    other = make_log()
    other.open(1)
    before = log.assignment().generation
    drive.until(
        lambda: other.assignment().partitions and log.assignment().generation >= before + 2, log, other
    )

    mine, theirs = log.assignment().partitions, other.assignment().partitions
    for part in (mine, theirs):
        assert {p for name, p in part if name == "intents"} == {p for name, p in part if name == "results"}
    assert mine & theirs == set()
    assert sorted(p for name, p in mine | theirs if name == "intents") == [0, 1, 2, 3]
    assert sum(name == "control" for name, _ in mine | theirs) == 1


def test_partitions_go_after_the_gate_was_told_even_if_it_fails(make_log, drive):
    """on_revoke sees what goes, while the old assignment still stands; its failure does not wedge the group."""
    told = []

    def failing(tps):
        told.append((tps, log.assignment().generation))
        raise RuntimeError("the gate could not finish")

    log = make_log(failing)
    log.open(0)
    drive.until(lambda: log.assignment().partitions, log)
    before = log.assignment()
    other = make_log()
    other.open(1)

    drive.until(lambda: other.assignment().partitions and log.assignment().generation >= 3, log, other)

    assert told == [(before.partitions, before.generation)]
    assert log.assignment().partitions < before.partitions


def test_a_new_assignment_starts_with_nothing_sought(log, make_log, settings, write, drive):
    """What was sought before a rebalance is forgotten: the gate decides anew where to begin."""
    log.seek(HERE, 0)
    other = make_log()
    other.open(1)
    drive.until(lambda: other.assignment().partitions and log.assignment().generation >= 3, log, other)
    write(settings, "intents", 0, b"zero")

    assert drive.quiet(log, 5) == []
    assert drive.quiet(other, 5) == []


def test_only_assigned_partitions_can_be_sought(log, make_log):
    """The error names the partition; a log that is not open has none."""
    with pytest.raises(LogError, match=r"intents\[99\] is not assigned"):
        log.seek(("intents", 99), 0)
    with pytest.raises(LogError, match="not assigned"):
        make_log().seek(HERE, 0)


def test_opening_again_is_a_new_generation(log, drive):
    """Whoever kept the old assignment can see that everything in flight must be dropped."""
    before = log.assignment()

    log.open(0)
    drive.until(lambda: log.assignment().partitions, log)

    assert log.assignment().generation > before.generation
    assert log.assignment().partitions == before.partitions


def test_a_log_that_is_not_open_says_so(make_log):
    """Every call that needs the group or the producer fails for good, none waits."""
    log = make_log()
    for call in (
        lambda: log.poll(1, 0),
        lambda: list(log.transact([], {}, log.assignment())),
    ):
        with pytest.raises(FatalError, match="not open"):
            call()
