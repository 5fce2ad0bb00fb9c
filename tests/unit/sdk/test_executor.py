"""The executor: what it reports of each way in which a command can end, and when it commits."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace

import pytest
from confluent_kafka import KafkaError, KafkaException

from toolgate.processors.keyring import ExecutorKey
from toolgate.schemas.codec import Codec
from toolgate.schemas.records import Command, Result
from toolgate.sdk import executor as module
from toolgate.sdk.errors import AnswerError, NotSentError, SdkError
from toolgate.sdk.executor import Answer, Executor, ToolError
from toolgate.streams.settings import load

KEY = ExecutorKey("desk-1", b"s" * 32, "desk", ("*",))
NOW = 1_000
COMMAND = Command(
    command_id="2-7",
    intent_id="i-1",
    seq=1,
    ctl=0,
    tenant="acme",
    workflow_id="w",
    run_id="run-1",
    agent_id="a",
    tool="pay",
    tool_version="1",
    params="{}",
    digest="d",
    policy_digest="p",
    idempotent=False,
    approved_at=0,
    expires_at=NOW + 1,
    reserved_cost_micros=0,
)


class Kafka:
    """A consumer and a sender in one, which keep the order of what happens."""

    def __init__(self) -> None:
        self.events: list = []
        self.moved = False
        self.deaf = False

    def commit(self, offsets, asynchronous):
        """As a consumer's."""
        if self.moved:
            raise KafkaException(KafkaError(KafkaError.ILLEGAL_GENERATION))
        self.events.append([place.offset for place in offsets])

    def send(self, topic, record_key, value, headers, partition):
        """As `Sender.send`."""
        result = Codec(Result).decode(value)
        assert (topic, record_key, partition) == ("results", b"run-1", 2)
        self.events.append(result)
        done: Future[None] = Future()
        if not self.deaf:
            done.set_result(None)
        return done

    def flush(self, limit_s):
        """As `Sender.flush`."""
        return not self.deaf

    @property
    def story(self) -> list:
        """Status of results and offsets of commits, in order."""
        return [event if isinstance(event, list) else event.status for event in self.events]

    @property
    def end(self) -> Result:
        """The last result."""
        return [event for event in self.events if isinstance(event, Result)][-1]


class Delivered:
    """A message as the client gives it."""

    def __init__(self, value: bytes) -> None:
        self._value = value

    def value(self):
        """What was produced."""
        return self._value

    def partition(self):
        """Always the same."""
        return 2

    def offset(self):
        """Always the same."""
        return 7


@pytest.fixture
def kafka(monkeypatch):
    """What the executor speaks to."""
    one = Kafka()
    monkeypatch.setattr(module, "Sender", lambda settings, key: one)
    return one


class Stopped:
    """In the place of `Stops`: answers from a list, and the last one ever after."""

    def __init__(self, *whys: str) -> None:
        self._whys = list(whys)

    def why(self, command):
        """As `Stops.why`."""
        assert isinstance(command, Command)
        return self._whys.pop(0) if len(self._whys) > 1 else self._whys[0]


def run(kafka, command=COMMAND, handler=lambda command: Answer({"paid": True}), value=None, stops=("",)):
    """One command through an executor that knows the tool `pay`, and the commit at its batch's end."""
    executor = Executor(
        load(bootstrap_servers="nowhere:1"), KEY, {"pay": handler}, lambda: NOW, Stopped(*stops)
    )
    executor._take(kafka, Delivered(Codec(Command).encode(command) if value is None else value))
    executor._commit(kafka)


def test_a_command_is_committed_before_its_effect(kafka):
    """Whatever crashes, it is run at most once."""
    run(kafka)
    assert kafka.story == [[8], "started", "ok"]
    assert kafka.end == Result(
        "2-7", "i-1", "run-1", "pay", "d", "ok", "desk", '{"paid":true}', kafka.end.body_digest
    )


def test_an_idempotent_command_is_committed_after_its_end(kafka):
    """Whatever crashes, it is run at least once."""
    run(kafka, replace(COMMAND, idempotent=True))
    assert kafka.story == ["started", "ok", [8]]


def test_a_command_of_a_partition_that_moved_is_not_run(kafka):
    """Its new owner runs it."""
    kafka.moved = True
    run(kafka)
    assert kafka.story == []


def _refuse(_command):
    raise ToolError("no seat left", Answer(actual_cost_micros=5))


def _break(_command):
    raise ZeroDivisionError("division by zero")


@pytest.mark.parametrize(
    ("handler", "status", "error", "cost"),
    [
        (lambda _: Answer(actual_cost_micros=3), "ok", "", 3),
        (_refuse, "error", "no seat left", 5),
        (_break, "unknown", "ZeroDivisionError: division by zero", None),
        (lambda _: Answer({1, 2}), "ok", "the tool's answer has no JSON: a set has no JSON", None),
    ],
)
def test_an_end_says_what_is_known_of_the_effect(kafka, handler, status, error, cost):
    """A refusal is the tool's word; an exception that nobody foresaw leaves the effect unknown."""
    run(kafka, handler=handler)
    assert (kafka.end.status, kafka.end.error, kafka.end.actual_cost_micros) == (status, error, cost)


def test_a_large_answer_is_reported_by_its_digest(kafka):
    """A topic for agents takes no large values; where it lies is said beside it."""
    run(kafka, handler=lambda _: Answer("x" * 70_000, body_uri="s3://bucket/1"))
    assert (kafka.end.body, kafka.end.body_uri, len(kafka.end.body_digest)) == ("", "s3://bucket/1", 32)


def test_an_end_that_cannot_be_written_is_reported_bare(kafka):
    """The effect has happened, so an end must come, even without the records it touched."""
    records = tuple("r" * 250 + str(n) for n in range(1_000))
    run(kafka, handler=lambda _: Answer(actual_records=records))
    assert (kafka.end.status, kafka.end.actual_records) == ("ok", None)
    assert kafka.end.error.startswith("result not reportable")


@pytest.mark.parametrize(("idempotent", "status"), [(False, "void"), (True, "unknown")])
def test_an_expired_command_is_not_run(kafka, idempotent, status):
    """Void where it cannot have begun; unknown where an executor that died may have begun it."""
    run(kafka, replace(COMMAND, expires_at=NOW, idempotent=idempotent), handler=_break)
    assert kafka.story == [status, [8]]


KILLED = "run run-1 was stopped by c-1: runaway"


@pytest.mark.parametrize(("idempotent", "status"), [(False, "void"), (True, "unknown")])
def test_a_stopped_command_is_not_run(kafka, idempotent, status):
    """Void where it cannot have begun; unknown where an executor that died may have begun it."""
    run(kafka, replace(COMMAND, idempotent=idempotent), handler=_break, stops=[KILLED])
    assert kafka.story == [status, [8]]
    assert kafka.end.error == KILLED


def test_a_command_that_is_stopped_while_its_start_is_reported_is_not_run(kafka):
    """Reporting may wait for Kafka for long: what holds right before the effect decides."""
    run(kafka, handler=_break, stops=["", KILLED])
    assert kafka.story == [[8], "started", "void"]


@pytest.mark.parametrize("cost", [-1, 2**53, 1.0, True, "1"])
def test_an_answer_has_a_cost_that_can_be_counted(cost):
    """The gate would not settle such a result; the tool's author is told at once."""
    with pytest.raises(AnswerError, match="actual_cost_micros is"):
        Answer(actual_cost_micros=cost)


def test_an_answer_has_a_largest_number_of_records():
    """More would not fit a result together with what else it says."""
    assert len(Answer(actual_records=("r",) * 2_000).actual_records or ()) == 2_000
    with pytest.raises(AnswerError, match="2,001 entries, at most 2,000"):
        Answer(actual_records=("r",) * 2_001)


def test_a_tool_whose_answer_is_refused_ends_as_unknown(kafka):
    """The effect has happened, and nobody knows what it cost."""
    run(kafka, handler=lambda _: Answer(actual_cost_micros=-5))
    assert (kafka.end.status, kafka.end.actual_cost_micros) == ("unknown", None)
    assert kafka.end.error.startswith("AnswerError: actual_cost_micros is -5")


@pytest.mark.parametrize("value", [None, b"", b"\x00junk"])
def test_what_is_not_for_it_is_passed_over(kafka, value):
    """Commands of other tools, and values that cannot be read, are committed and nothing more."""
    run(kafka, replace(COMMAND, tool="other"), value=value)
    assert kafka.story == [[8]]


def test_a_result_that_kafka_does_not_take_ends_the_executor(kafka):
    """A restart begins from what is committed."""
    kafka.deaf = True
    with pytest.raises(NotSentError, match="2-7"):
        run(kafka, replace(COMMAND, idempotent=True))
    assert [8] not in kafka.story


def test_a_place_that_cannot_be_committed_ends_the_executor(kafka, monkeypatch):
    """Going on would run the same commands again at every start."""

    def refuse(offsets, asynchronous):
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))

    monkeypatch.setattr(kafka, "commit", refuse)
    monkeypatch.setattr(module, "_POLL_S", 0)
    with pytest.raises(SdkError, match="cannot be committed"):
        run(kafka)
