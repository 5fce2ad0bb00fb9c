"""Transactions of the Kafka adapter: all or nothing, and never by a past self."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from contextlib import suppress

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition

from toolgate.streams.ports import AbortError, Assignment, FatalError, Output
from toolgate.streams.settings import reader_config

pytestmark = pytest.mark.real

HERE = ("intents", 0)
AUDIT = Output("audit", 0, b"run-1", b"event", (("ce_id", b"1"),))


@pytest.fixture
def log(make_log, drive):
    """Slot 0, assigned everything."""
    made = make_log()
    made.open(0)
    drive.until(lambda: made.assignment().partitions, made)
    return made


def crash_before_commit(log, settings):
    """Produce and send offsets, reach the broker, and go no further."""
    steps = log.transact([AUDIT], {HERE: 5}, log.assignment())
    assert [next(steps), next(steps), next(steps)] == ["produce", "send_offsets", "commit"]
    raw = Consumer({**reader_config(settings), "isolation.level": "read_uncommitted"})
    end, reached = time.monotonic() + 10, 0
    while reached == 0:
        assert time.monotonic() < end, "what was produced never reached the broker"
        with suppress(KafkaException):  # the topic is young, its leader may not know itself yet
            _, reached = raw.get_watermark_offsets(TopicPartition(settings.topic("audit"), 0), 10)
    raw.close()
    return steps


def test_outputs_and_offsets_appear_together_at_the_commit(log, drive):
    """Before the last step nobody sees anything; afterwards everything, with key, value and headers."""
    steps = log.transact([AUDIT], {HERE: 5}, log.assignment())

    assert [next(steps), next(steps), next(steps)] == ["produce", "send_offsets", "commit"]
    assert list(log.read("audit")) == []
    assert list(steps) == []

    [event] = drive.events(log, 1)
    assert (event.key, event.value, event.headers) == (b"run-1", b"event", (("ce_id", b"1"),))
    assert log.committed([HERE, ("intents", 1)]) == {HERE: 5}


def test_a_transaction_without_offsets_commits_its_outputs(log, drive):
    """A snapshot, say, takes no input."""
    assert list(log.transact([AUDIT], {}, log.assignment())) == ["produce", "send_offsets", "commit"]

    assert len(drive.events(log, 1)) == 1


def test_fencing_aborts_what_a_crash_left_open(log, settings, make_log):
    """Nothing of the crashed transaction is ever seen, neither its outputs nor its offsets."""
    crash_before_commit(log, settings)
    rescuer = make_log()

    rescuer.fence(range(settings.partitions))

    assert list(rescuer.read("audit")) == []
    assert log.committed([HERE]) == {}


def test_a_fenced_producer_can_never_commit_again(log, settings, make_log, drive):
    """Neither the transaction it was in nor a new one: the worker has to open its log again, then it can."""
    steps = crash_before_commit(log, settings)
    make_log().fence([0])

    with pytest.raises(FatalError, match=f"{settings.prefix}-gate-0"):
        list(steps)
    with pytest.raises(FatalError, match="open the log again"):
        list(log.transact([AUDIT], {}, log.assignment()))

    log.open(0)
    assert list(log.transact([AUDIT], {}, Assignment(0, frozenset()))) == [
        "produce",
        "send_offsets",
        "commit",
    ]
    assert len(drive.events(log, 1)) == 1


def test_opening_a_slot_fences_whoever_had_it(log, make_log):
    """Two workers with one slot: the older one is told."""
    make_log().open(0)

    with pytest.raises(FatalError, match="fenced"):
        list(log.transact([AUDIT], {}, log.assignment()))


def test_committed_offsets_wait_for_a_commit_in_progress(log, make_log, settings):
    """Whoever takes a partition over learns the offset that the pending transaction ends with.

    Also while it waits to be let into the group, because the other member does not poll.
    """
    asker = make_log()
    asker.open(1)
    asker.poll(1, 1)
    steps = crash_before_commit(log, settings)

    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(asker.committed, [HERE])
        with pytest.raises(NotYet):
            answer.result(0.5)
        list(steps)
        assert answer.result(10) == {HERE: 5}


def test_group_metadata_of_a_past_assignment_commits_nothing(log, make_log, drive):
    """After a rebalance the broker refuses offsets under the old generation, and the transaction is aborted."""
    old = log.assignment()
    other = make_log()
    other.open(1)
    drive.until(
        lambda: other.assignment().partitions and log.assignment().generation > old.generation + 1, log, other
    )
    moved = next(tp for tp in sorted(other.assignment().partitions) if tp[0] == "intents")

    with pytest.raises(AbortError, match="generation"):
        list(log.transact([AUDIT], {moved: 7}, old))

    assert other.committed([moved]) == {}
    assert list(log.read("audit")) == []


def test_an_output_over_its_limit_aborts_the_whole_transaction(log, drive):
    """Not even the outputs before it appear; the producer stays usable."""
    with pytest.raises(AbortError, match="produce"):
        list(log.transact([AUDIT, Output("audit", 0, None, b"x" * 1_100_000)], {}, log.assignment()))

    assert list(log.read("audit")) == []
    list(log.transact([AUDIT], {}, log.assignment()))
    assert len(drive.events(log, 1)) == 1


def test_offsets_need_an_assignment(log):
    """Without the group's metadata nothing could fence a worker that has lost its partitions."""
    with pytest.raises(AbortError, match="no assignment"):
        list(log.transact([AUDIT], {HERE: 1}, Assignment(0, frozenset())))


def test_fencing_no_slot_is_no_work(make_log):
    """An empty list is answered without asking the broker."""
    make_log().fence([])
