"""Client and executor on a real broker, with a few lines in the gate's place."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from gatekeeper import Gatekeeper
from nacl.signing import SigningKey
from patience import until

from toolgate.processors.identity import check_result
from toolgate.processors.keyring import ExecutorKey, IntentKey, Keyring, OperatorKey, framed
from toolgate.processors.placement import partition_of
from toolgate.schemas.codec import Codec
from toolgate.schemas.headers import KID, MAC
from toolgate.schemas.records import Command, Control, Result
from toolgate.sdk import Answer, Client, Executor, NoAnswerError, Stops, ToolError
from toolgate.sdk.stops import UNKNOWN
from toolgate.streams import topic_admin
from toolgate.streams.errors import RefusedError, UnreachableError
from toolgate.streams.log.messages import envelope
from toolgate.streams.settings import reader_config

if TYPE_CHECKING:
    from toolgate.processors.case import Envelope

pytestmark = pytest.mark.real
INTENTS = IntentKey("billing-1", b"i" * 32, "default", "billing_v1")
RESULTS = ExecutorKey("desk-1", b"r" * 32, "desk", ("*",))
OPERATORS = {"o1": b"1" * 32, "o2": b"2" * 32}
WAIT_S = 30.0


@contextmanager
def executing(settings, tools, now_ms=lambda: time.time_ns() // 1_000_000, keyring=None):
    """An executor at work in a thread; its failure is the test's."""
    executor = Executor(settings, RESULTS, tools, now_ms, Stops(settings, keyring))
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(executor.run)
        try:
            yield executor
        finally:
            executor.stop()
            work.result(WAIT_S)


def results_of(settings) -> list[Envelope]:
    """Everything on the results topic."""
    consumer = Consumer(reader_config(settings) | {"enable.partition.eof": True})
    name = settings.topic("results")
    consumer.assign([TopicPartition(name, p, 0) for p in range(settings.partitions)])
    found, ended = [], 0
    while ended < settings.partitions:
        message = consumer.poll(WAIT_S)
        assert message is not None
        if message.error():
            ended += 1
        else:
            found.append(envelope(message, "results"))
    consumer.close()
    return found


def refuse(_command: Command) -> Answer:
    """A tool that says no."""
    raise ToolError("closed on Sundays")


def test_many_runs_share_one_client(settings):
    """Every run gets its own decisions and results, in its own order, from one consumer."""
    tools = {"read": lambda command: Answer(command.run_id), "pay": refuse}

    def one(run: int) -> list[tuple[str, str, str]]:
        told = []
        for number, tool in enumerate(("read", "never", "pay")):
            ticket = client.send(client.intent(f"run-{run}", tool, {"n": number}))
            outcome = ticket.decided(WAIT_S)
            result = ticket.ended(WAIT_S) if outcome.verdict == "APPROVE" else None
            told.append((outcome.verdict, result.status if result else "", result.body if result else ""))
        return told

    with (
        Gatekeeper(settings) as gate,
        executing(settings, tools),
        Client(settings, INTENTS, "agent") as client,
        ThreadPoolExecutor(8) as pool,
    ):
        told = list(pool.map(one, range(24)))
    assert told == [
        [("APPROVE", "ok", f'"run-{run}"'), ("DENY", "", ""), ("APPROVE", "error", "null")]
        for run in range(24)
    ]
    assert len(gate.intents) == 72


def test_results_are_signed_and_lie_in_their_commands_partition(settings):
    """The gate believes them, and reads them where it reads the run's intents."""
    with (
        Gatekeeper(settings) as gate,
        executing(settings, {"read": lambda _: Answer(1)}),
        Client(settings, INTENTS, "agent") as client,
    ):
        for run in range(6):
            client.send(client.intent(f"run-{run}", "read", {})).ended(WAIT_S)
    placed = {record.key: record.partition for record in gate.intents}
    results = results_of(settings)
    assert len(results) == 12
    for record in results:
        result = Codec(Result).decode(record.value)
        assert placed[record.key] == record.partition
        assert check_result(Keyring.of([RESULTS]), record, result) is None


def test_outcomes_can_be_awaited(settings):
    """One client serves an event loop as well."""

    async def ask(client: Client, run: int) -> str:
        ticket = client.send(client.intent(f"run-{run}", "read", {}))
        outcome = await asyncio.wait_for(asyncio.wrap_future(ticket.outcome), WAIT_S)
        return outcome.verdict

    async def ask_all(client: Client) -> list[str]:
        return await asyncio.gather(*(ask(client, run) for run in range(10)))

    with Gatekeeper(settings), Client(settings, INTENTS, "agent") as client:
        assert asyncio.run(ask_all(client)) == ["APPROVE"] * 10


def test_a_client_hears_only_what_comes_after_it(settings):
    """What was decided before it was made is nobody's answer; what is decided afterwards is never missed."""
    with Gatekeeper(settings):
        with Client(settings, INTENTS, "agent") as before:
            assert before.submit(before.intent("run-1", "read", {}), WAIT_S).verdict == "APPROVE"
        with Client(settings, INTENTS, "agent") as client:
            assert client.submit(client.intent("run-1", "never", {}), WAIT_S).verdict == "DENY"


def test_no_gate_is_a_timeout_and_repeating_is_answered(settings):
    """The intent lies in the log: the gate that comes later decides it, and the ticket is the same."""
    with Client(settings, INTENTS, "agent") as client:
        intent = client.intent("run-1", "read", {})
        with pytest.raises(NoAnswerError, match=r"has not been decided within 0\.2 s"):
            client.submit(intent, 0.2)
        with Gatekeeper(settings):
            assert client.submit(intent, WAIT_S).verdict == "APPROVE"


def test_an_expired_command_is_not_run(settings):
    """Its end is void: it never began."""
    ran: list[Command] = []

    def run(command: Command) -> Answer:
        ran.append(command)
        return Answer()

    late = lambda: time.time_ns() // 1_000_000 + 10_000  # noqa: E731 - a clock
    with (
        Gatekeeper(settings, ttl_ms=5_000),
        executing(settings, {"read": run}, late),
        Client(settings, INTENTS, "agent") as client,
    ):
        result = client.send(client.intent("run-1", "read", {})).ended(WAIT_S)
    assert (result.status, ran) == ("void", [])


def control(settings, kind: str, run_id: str, *signers: str) -> None:
    """An operator's word on the control topic, signed by these, once it is there."""
    word = Codec(Control).encode(Control(f"{kind}-1", kind, "run", run_id, "runaway", signers, version=2))
    headers: list[tuple[str, bytes]] = []
    for place, kid in enumerate(signers, start=1):
        suffix = "" if place == 1 else f"-{place}"
        signature = SigningKey(OPERATORS[kid]).sign(framed("control", run_id.encode(), word)).signature
        headers += [(KID + suffix, kid.encode()), (MAC + suffix, signature)]
    producer = Producer({"bootstrap.servers": settings.bootstrap_servers})
    producer.produce(settings.topic("control"), word, run_id.encode(), 0, headers=headers)
    assert producer.flush(WAIT_S) == 0


def test_a_killed_command_is_not_run_until_the_kill_is_lifted(settings):
    """Commands that the gate let pass before a kill stop at the executor, by a record that operators signed."""
    keyring = Keyring.of(
        OperatorKey(kid, bytes(SigningKey(seed).verify_key), frozenset({"operator"}))
        for kid, seed in OPERATORS.items()
    )
    ran: list[str] = []

    def run(command: Command) -> Answer:
        ran.append(command.run_id)
        return Answer()

    control(settings, "kill", "run-2")  # signed by nobody: it changes nothing
    control(settings, "kill", "run-1", "o1")
    with (
        Gatekeeper(settings),
        executing(settings, {"read": run}, keyring=keyring),
        Client(settings, INTENTS, "agent") as client,
    ):
        first = client.send(client.intent("run-1", "read", {})).ended(WAIT_S)
        other = client.send(client.intent("run-2", "read", {})).ended(WAIT_S)
        control(settings, "lift", "run-1", "o1", "o2")
        limit = time.monotonic() + WAIT_S
        while (last := client.send(client.intent("run-1", "read", {})).ended(WAIT_S)).status == "void":
            assert time.monotonic() < limit, "the lift was not seen"
    assert (first.status, first.error) == ("void", "run run-1 was stopped by kill-1: runaway")
    assert (other.status, last.status, ran) == ("ok", "ok", ["run-2", "run-1"])


def gone_for_good(settings, name: str) -> None:
    """Delete a topic, and wait until the broker knows: the controller answers before it does."""
    admin = topic_admin.connect(settings)
    for done in admin.delete_topics([settings.topic(name)]).values():
        done.result()
    until(lambda: name not in topic_admin.existing(admin, settings), "the broker has forgotten the topic")


def test_nothing_is_run_while_control_cannot_be_read(settings):
    """Without the topic nobody can know what is stopped."""
    gone_for_good(settings, "control")
    ran: list[Command] = []

    def run(command: Command) -> Answer:
        ran.append(command)
        return Answer()

    with (
        Gatekeeper(settings),
        executing(settings, {"read": run}),
        Client(settings, INTENTS, "agent") as client,
    ):
        result = client.send(client.intent("run-1", "read", {})).ended(WAIT_S)
    assert (result.status, result.error, ran) == ("void", UNKNOWN, [])


def test_an_executor_goes_on_where_its_predecessor_stopped(settings):
    """What is committed is not run again, and what came meanwhile is."""
    ran: list[str] = []

    def run(command: Command) -> Answer:
        ran.append(command.run_id)
        return Answer()

    with Gatekeeper(settings), Client(settings, INTENTS, "agent") as client:
        with executing(settings, {"read": run}):
            client.send(client.intent("run-1", "read", {})).ended(WAIT_S)
        ticket = client.send(client.intent("run-2", "read", {}))
        with executing(settings, {"read": run}):
            ticket.ended(WAIT_S)
    assert ran == ["run-1", "run-2"]


def test_a_client_without_topics_is_refused_by_name(stack, bare_prefix, make_settings):
    """Waiting for answers that cannot come would be worse."""
    with pytest.raises(RefusedError, match="the topic does not exist"):
        Client(make_settings(stack, prefix=bare_prefix), INTENTS, "agent")


def test_a_client_without_a_broker_says_so(make_settings, stack, monkeypatch):
    """After its limit, with the address."""
    monkeypatch.setattr("toolgate.sdk.replies.START_S", 0.3)
    nowhere = make_settings(stack).model_copy(update={"bootstrap_servers": "127.0.0.1:1"})
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:1"):
        Client(nowhere, INTENTS, "agent")


def test_a_kill_that_comes_after_the_fetch_is_respected(settings):
    """A command that waits in the executor behind another of its run is looked at again when its turn comes."""
    keyring = Keyring.of(
        OperatorKey(kid, bytes(SigningKey(seed).verify_key), frozenset({"operator"}))
        for kid, seed in OPERATORS.items()
    )
    begun, go_on, ran = threading.Event(), threading.Event(), []

    def run(command: Command) -> None:
        ran.append(command.command_id)
        begun.set()
        assert go_on.wait(WAIT_S)

    with (
        Gatekeeper(settings),
        executing(settings, {"read": run}, keyring=keyring) as executor,
        Client(settings, INTENTS, "agent") as client,
    ):
        first, second = (client.send(client.intent("run-1", "read", {"n": n})) for n in range(2))
        assert begun.wait(WAIT_S)
        until(lambda: executor._lanes.waiting, "the second command fetched")
        control(settings, "kill", "run-1", "o1")
        until(lambda: executor._stops._state.kills, "the kill read")
        go_on.set()
        assert (first.ended(WAIT_S).status, second.ended(WAIT_S).status) == ("ok", "void")
    assert ran == [first.outcome.result().command_id]


def test_a_client_hears_its_own_partitions_only(settings):
    """What other runs are told in other partitions costs it nothing."""
    with Gatekeeper(settings), Client(settings, INTENTS, "agent") as client:
        client.submit(client.intent("run-1", "never", {}), WAIT_S)
        client.submit(client.intent("run-1", "never", {"n": 1}), WAIT_S)
    assert set(client._replies._heard) == {partition_of(b"run-1", settings.partitions)}


def test_a_coroutine_calls_tools(settings):
    """The twins of the methods that wait never block the loop; the client is closed with its block."""

    async def calls() -> list[str]:
        async with Client(settings, INTENTS, "agent") as client:
            intents = [client.intent(f"run-{n}", tool, {}) for n, tool in enumerate(("read", "never", "pay"))]
            replies = await asyncio.gather(*(client.call_async(intent, WAIT_S) for intent in intents))
            denied = await client.submit_async(client.intent("run-9", "never", {}), WAIT_S)
            return [*(str(reply.data) if reply.ok else reply.why for reply in replies), denied.verdict]

    tools = {"read": lambda command: {"run": command.run_id}, "pay": refuse}
    with Gatekeeper(settings), executing(settings, tools):
        told = asyncio.run(calls())
    assert told == ["{'run': 'run-0'}", "DENY: no reason given", "error: closed on Sundays", "DENY"]


def test_an_executor_without_topics_is_refused_by_name(stack, bare_prefix, make_settings):
    """Waiting for commands that cannot come would look like work."""
    with pytest.raises(RefusedError, match="the topic does not exist"):
        Executor(make_settings(stack, prefix=bare_prefix), RESULTS, {}).run()
