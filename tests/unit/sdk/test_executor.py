"""The executor: what a round commits before it begins anything, and what it reports of each way to end."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import replace

import pytest

from toolgate.processors.case import Envelope
from toolgate.processors.keyring import ExecutorKey
from toolgate.schemas.codec import Codec
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Command, Result
from toolgate.schemas.strict_json import digest
from toolgate.sdk import executor as executor_module
from toolgate.sdk import reports as module
from toolgate.sdk.answer import Answer, ToolError
from toolgate.sdk.effects import Effects
from toolgate.sdk.errors import AnswerError, NotSentError, SdkError
from toolgate.sdk.executor import Executor
from toolgate.sdk.history import History
from toolgate.sdk.lanes import LOW, Item, Lane, Lanes
from toolgate.sdk.reports import Reports, begun
from toolgate.sdk.rounds import DIED, EXPIRED, Rounds
from toolgate.sdk.wire import Wire
from toolgate.streams.errors import UnreachableError
from toolgate.streams.ports import AbortError, Assignment, RetryError
from toolgate.streams.settings import load

KEY = ExecutorKey("desk-1", b"s" * 32, "desk", ("*",))
SETTINGS = load(bootstrap_servers="nowhere:1")
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
    approved_at=NOW - 1,
    expires_at=NOW + 1,
    reserved_cost_micros=0,
)
KILLED = "run run-1 was stopped by c-1: runaway"


class Kafka:
    """Member and sender in one, which keep the order of what happens."""

    def __init__(self) -> None:
        self.events: list = []
        self.resumed: list[int] = []
        self.moved = False

    def commit(self, outputs, offsets):
        """As `Member.commit`."""
        if self.moved:
            raise AbortError("moved")
        self.events.append(([Codec(Result).decode(output.value).status for output in outputs], offsets))
        self.results = [Codec(Result).decode(output.value) for output in outputs]

    def resume(self, partition):
        """As `Member.resume`."""
        self.resumed.append(partition)

    def publish(self, result, partition):
        """As `Reports.publish`."""
        assert partition == 2
        self.events.append(result)

    @property
    def story(self) -> list:
        """Transactions, and the statuses of ends that were published by themselves."""
        return [event.status if isinstance(event, Result) else event for event in self.events]

    @property
    def end(self) -> Result:
        """The last result that was published by itself."""
        return [event for event in self.events if isinstance(event, Result)][-1]


class Stopped:
    """In the place of `Stops`: answers from a list, and the last one ever after."""

    def __init__(self, *whys: str) -> None:
        self._whys = list(whys)

    def why(self, command):
        """As `Stops.why`."""
        assert isinstance(command, Command)
        return self._whys.pop(0) if len(self._whys) > 1 else self._whys[0]


class Bench:
    """Rounds over one lane of partition 2, which stands at offset 7."""

    def __init__(self, handler=lambda _: {"paid": True}, stops=("",), parallel=4, now=lambda: NOW, told=()):
        self.kafka = Kafka()
        reports = Reports.__new__(Reports)
        reports._key, reports._codec = KEY, Codec(Result)
        reports.publish = self.kafka.publish
        self.effects = Effects({"pay": handler}, reports, parallel)
        self.lanes = Lanes()
        history = History(0)
        for result in told:
            history.add(result)
        self.lane = Lane(2, 7, history, NOW)
        self.lanes.reset({2: self.lane})
        self.rounds = Rounds("desk", self.lanes, self.effects, reports, Stopped(*stops), now, 0)

    def run(self, *items: Item) -> Kafka:
        """One round with these items, and whatever it began."""
        self.lane.items.extend(items)
        self.rounds.go(self.kafka)
        assert self.effects.rest(10)
        self.effects.check()
        return self.kafka


@pytest.mark.parametrize("idempotent", [False, True])
def test_started_and_the_place_are_committed_before_the_effect(idempotent):
    """Whoever comes later reads that the effect may have happened."""
    seen: list = []
    bench = Bench(lambda _: seen.append(list(bench.kafka.story)) or {"paid": True})
    kafka = bench.run(Item(8, changed(COMMAND, idempotent=idempotent)))
    assert seen == [[(["started"], {2: 8})]]
    assert kafka.story == [(["started"], {2: 8}), "ok"]
    assert kafka.end == Result(
        "2-7",
        "i-1",
        "run-1",
        "pay",
        "d",
        "ok",
        "desk",
        '{"paid":true}',
        kafka.end.body_digest,
        tenant="acme",
        workflow_id="w",
        policy_digest="p",
        approved_at=COMMAND.approved_at,
        params_digest=digest(b"{}"),
    )


def test_nothing_is_begun_when_the_transaction_fails():
    """The partition may be another member's by now: it runs the command."""
    bench = Bench(lambda _: pytest.fail("begun"))
    bench.kafka.moved = True
    with pytest.raises(AbortError):
        bench.run(Item(8, COMMAND))
    assert (bench.kafka.story, bench.effects.running()) == ([], {})


@pytest.mark.parametrize(
    ("now", "stops", "why"),
    [(NOW + 1, [""], EXPIRED), (NOW - 1 + 900_000, [""], EXPIRED), (NOW, [KILLED], KILLED)],
)
@pytest.mark.parametrize("idempotent", [False, True])
def test_what_has_expired_or_is_stopped_ends_as_void_in_the_transaction(idempotent, now, stops, why):
    """By itself it would be believed although somebody else has begun the command meanwhile."""
    command = changed(COMMAND, idempotent=idempotent, expires_at=max(COMMAND.expires_at, now))
    kafka = Bench(stops=stops, now=lambda: now).run(Item(8, command))
    assert kafka.story == [(["void"], {2: 8})]
    assert kafka.results[0].error == why


@pytest.mark.parametrize(("idempotent", "status"), [(False, "void"), (True, "unknown")])
def test_a_command_that_is_stopped_while_its_start_is_committed_is_not_run(idempotent, status):
    """What holds right before the effect decides; an idempotent one may be run again elsewhere by then."""
    bench = Bench(lambda _: pytest.fail("begun"), stops=["", KILLED])
    kafka = bench.run(Item(8, changed(COMMAND, idempotent=idempotent)))
    assert kafka.story == [(["started"], {2: 8}), status]
    assert kafka.end.error == KILLED


def test_a_slow_clock_does_not_run_what_has_expired():
    """The newest command's append time is the least that it can be."""
    bench = Bench(now=lambda: 0)
    bench.rounds.seen(NOW + 1)
    assert bench.run(Item(8, COMMAND)).story == [(["void"], {2: 8})]


STARTED = begun(COMMAND, "desk")


@pytest.mark.parametrize(
    ("told", "item", "story"),
    [
        ((STARTED,), Item(8, COMMAND), [(["unknown"], {2: 8})]),
        ((STARTED,), Item(7, COMMAND, STARTED), [(["unknown"], {2: 7})]),
        ((STARTED,), Item(7, None, STARTED), [(["unknown"], {2: 7})]),
        ((STARTED,), Item(8, changed(COMMAND, idempotent=True)), [([], {2: 8}), "ok"]),
        ((STARTED,), Item(7, changed(COMMAND, idempotent=True), STARTED), [([], {2: 7}), "ok"]),
        ((STARTED, changed(STARTED, status="ok")), Item(8, COMMAND), []),
        ((), Item(8, None), []),
    ],
)
def test_what_was_read_back_is_brought_to_its_end(told, item, story):
    """Begun and not ended: run again if that is harmless, else unknown; the place is sent along to notice a move."""
    assert Bench(told=told).run(item).story == story


def test_an_end_for_another_key_of_the_executor_is_signed_with_its_own():
    """After a rotation the gate would not believe the old name under the new key."""
    kafka = Bench(told=(STARTED,)).run(Item(7, None, changed(STARTED, executor_id="old")))
    assert (kafka.results[0].executor_id, kafka.results[0].error) == ("desk", DIED)


def test_commands_of_a_run_keep_their_order_and_others_do_not_wait_for_room():
    """One of each run at a time, as many as may run at once; what waits stays in its lane, uncommitted."""
    go_on = threading.Event()
    bench = Bench(lambda _: go_on.wait(10), parallel=2)
    names = [("run-1", "2-1"), ("run-1", "2-2"), ("run-2", "2-3")]
    bench.lane.items.extend(
        Item(8 + n, changed(COMMAND, run_id=run, command_id=name, digest=name))
        for n, (run, name) in enumerate(names)
    )
    bench.rounds.go(bench.kafka)
    assert (bench.kafka.story, len(bench.lane.items)) == ([(["started"], {2: 8})], 2)
    bench.rounds.go(bench.kafka)
    assert len(bench.lane.items) == 2
    go_on.set()
    assert bench.effects.rest(10)
    bench.run()
    assert [event for event in bench.kafka.story if event != "ok"] == [
        (["started"], {2: 8}),
        (["started", "started"], {2: 10}),
    ]


def test_a_paused_partition_goes_on_when_little_is_left():
    """What is fetched ahead is bounded."""
    bench = Bench()
    bench.lane.paused = True
    bench.run(*(Item(8 + n, None) for n in range(LOW + 1)))
    assert (bench.kafka.resumed, bench.lane.paused) == ([2], False)


def test_the_place_behind_commands_of_other_tools_is_committed_in_the_end():
    """Reading them again does no harm, so it is not worth a transaction for each."""
    bench = Bench()
    assert bench.run(Item(8, None)).story == []
    bench.rounds.finish(bench.kafka)
    assert bench.kafka.story == [([], {2: 8})]


def _refuse(_command):
    raise ToolError("no seat left", Answer(actual_cost_micros=5))


def _break(_command):
    raise ZeroDivisionError("division by zero")


def _exit(_command):
    raise SystemExit(3)


@pytest.mark.parametrize(
    ("handler", "status", "error", "cost"),
    [
        (lambda _: Answer(actual_cost_micros=3), "ok", "", 3),
        (_refuse, "error", "no seat left", 5),
        (_break, "unknown", "ZeroDivisionError: division by zero", None),
        (_exit, "unknown", "SystemExit: 3", None),
        (lambda _: {1, 2}, "ok", "the tool's answer has no JSON: a set has no JSON", None),
        (lambda _: Answer(actual_cost_micros=-5), "unknown", "AnswerError: actual_cost_micros is -5", None),
    ],
)
def test_an_end_says_what_is_known_of_the_effect(handler, status, error, cost):
    """A refusal is the tool's word; an exception that nobody foresaw leaves the effect unknown."""
    end = Bench(handler).run(Item(8, COMMAND)).end
    assert (end.status, end.actual_cost_micros) == (status, cost)
    assert end.error.startswith(error) if error else end.error == ""


def test_a_large_answer_is_reported_by_its_digest():
    """A topic for agents takes no large values; where it lies is said beside it."""
    end = Bench(lambda _: Answer("x" * 70_000, body_uri="s3://bucket/1")).run(Item(8, COMMAND)).end
    assert (end.body, end.body_uri, len(end.body_digest)) == ("", "s3://bucket/1", 32)


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


def test_an_end_that_cannot_be_written_is_reported_bare():
    """The effect has happened, so an end must come, even without the records it touched."""
    reports = Reports(SETTINGS, KEY, Wire(SETTINGS))
    records = tuple("r" * 250 + str(n) for n in range(1_000))
    output = reports.output(changed(STARTED, status="ok", actual_records=records), 2)
    end = Codec(Result).decode(output.value)
    assert (end.status, end.actual_records) == ("ok", None)
    assert end.error.startswith("result not reportable")


def test_an_end_that_kafka_does_not_take_ends_the_executor(monkeypatch):
    """Whoever comes next finds STARTED without an end, and says so."""

    class Deaf:
        def __init__(self, settings, key):
            pass

        def send(self, *_):
            done: Future[None] = Future()
            done.set_exception(NotSentError("refused"))
            return done

    monkeypatch.setattr(module, "Sender", Deaf)
    with pytest.raises(NotSentError, match="the end of command 2-7 could not be reported: refused"):
        Reports(SETTINGS, KEY, Wire(SETTINGS)).publish(STARTED, 2)


def test_a_key_must_be_good_for_every_tool():
    """The gate would not believe the results, and their reservations would expire as spent."""
    key = ExecutorKey("desk-1", b"s" * 32, "desk", ("read_*",))
    with pytest.raises(SdkError, match=r"key desk-1 may not answer for tool pay: its tools are read_\*"):
        Executor(SETTINGS, key, {"read_invoice": _break, "pay": _break})


class Alone:
    """A member of which nothing is asked but to be there: it is given no partitions, and no commands."""

    partitions: frozenset[int] = frozenset()

    def __init__(self, executor, polls):
        self._executor = executor
        self._polls = polls
        self.assignment = Assignment(0, frozenset())

    def poll(self, limit, timeout_s):
        """As `Member.poll`: assigned at the first one; the executor is told to stop at the last one."""
        self.assignment.generation = 1
        self._polls -= 1
        if self._polls == 0:
            self._executor.stop()
        return []


@pytest.mark.parametrize(("steady_s", "joins"), [(0.0, 0), (3600.0, 7)])
def test_a_membership_that_stands_ends_a_row_of_failures(monkeypatch, steady_s, joins):
    """A quiet executor that joins again now and then for weeks must not end by that."""
    monkeypatch.setattr(executor_module, "STEADY_S", steady_s)
    executor = Executor(SETTINGS, KEY, {})
    executor._joins = 7
    executor._work(Alone(executor, polls=2))
    assert executor._joins == joins


def test_a_command_that_only_the_schema_registry_could_read_is_not_passed_over(undecided):
    """Nothing is queued, so nothing is committed: it is fetched again after joining again."""
    executor = Executor(SETTINGS, KEY, {"pay": _break})
    executor._codecs = replace(executor._codecs, commands=undecided(Command))
    executor._lanes.reset({2: Lane(2, 7, History(0), NOW)})
    with pytest.raises(RetryError, match=r"commands\[2\] at 7: registry_unavailable") as caught:
        executor._receive(None, Envelope("commands", 2, 7, NOW, b"run-1", b"\x00\x00\x00\x00\x09x"))
    assert (executor._lanes.waiting, executor._lanes.uncommitted()) == (False, {})
    executor._joins = executor_module.JOINS_MAX - 1
    with pytest.raises(UnreachableError) as ended:
        executor._failed(caught.value, opened=True)
    assert ended.value.remedy == "start the Schema Registry, or correct TOOLGATE_SCHEMA_REGISTRY_URL"
