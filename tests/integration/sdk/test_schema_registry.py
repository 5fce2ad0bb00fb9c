"""Client and executor beside a gate whose schema ids are those of a Schema Registry."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import gatekeeper
import pytest
from confluent_kafka import Producer
from gatekeeper import Gatekeeper

from toolgate.processors.keyring import ExecutorKey, IntentKey
from toolgate.schemas import confluent
from toolgate.schemas.codec import Codec
from toolgate.schemas.records import Command, Control
from toolgate.schemas.registry import RegistryError
from toolgate.sdk import Client, Executor

pytestmark = pytest.mark.real
INTENTS = IntentKey("billing-1", b"i" * 32, "default", "billing_v1")
RESULTS = ExecutorKey("desk-1", b"r" * 32, "desk", ("*",))
WAIT_S = 30.0


@pytest.fixture
def registry(settings, monkeypatch):
    """One registry in memory for gate, client and executor: each `mock://` would be one of its own."""
    one = confluent.connect("mock://schemas", prefix=f"{settings.prefix}.")
    monkeypatch.setattr(confluent, "connect", lambda url, *, prefix: one)
    monkeypatch.setattr(gatekeeper, "Codec", lambda record_type: Codec(record_type, one))
    return one


@pytest.fixture
def registered(settings, registry):
    """The settings of all of them."""
    return settings.model_copy(update={"schema_registry_url": "mock://schemas"})


@contextmanager
def executing(settings, ran):
    """An executor of the tool `read` in a thread; its failure is the test's."""
    executor = Executor(settings, RESULTS, {"read": lambda command: ran.append(command.run_id)})
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(executor.run)
        try:
            yield executor
        finally:
            executor.stop()
            work.result(WAIT_S)


def test_agents_and_executors_read_what_the_gate_writes(registered, registry):
    """Outcomes, commands, results and kills alike, also those that are read back by a successor."""
    kill = Codec(Control, registry).encode(Control("k-1", "kill", "run", "run-2", "runaway", ()))
    producer = Producer({"bootstrap.servers": registered.bootstrap_servers})
    producer.produce(registered.topic("control"), kill, b"run-2", 0)
    assert producer.flush(WAIT_S) == 0
    ran: list[str] = []
    told = []
    with Gatekeeper(registered), Client(registered, INTENTS, "agent") as client:
        for runs in (("run-1", "run-2"), ("run-3",)):
            with executing(registered, ran):
                told += [client.send(client.intent(run, "read", {})).ended(WAIT_S).status for run in runs]
    assert (told, ran) == (["ok", "void", "ok"], ["run-1", "run-3"])


def test_a_command_waits_for_a_schema_registry_that_does_not_answer(registered, registry, monkeypatch):
    """Its place is not committed while nobody can say what it is; it is run once somebody can."""
    bundled = Codec(Command)  # an executor that was started before the gate gave commands this id
    known = registry.find
    failures: list[int] = []
    ran: list[str] = []

    def away(schema_id):
        failures.append(schema_id)
        if len(failures) == 1:
            raise RegistryError("no answer")
        return known(schema_id)

    monkeypatch.setattr(registry, "find", away)
    with (
        Gatekeeper(registered),
        executing(registered, ran) as executor,
        Client(registered, INTENTS, "agent") as client,
    ):
        executor._codecs.commands._writers = {bundled.header: bundled.newest}
        assert client.send(client.intent("run-1", "read", {})).ended(WAIT_S).status == "ok"
    assert (len(failures), ran) == (2, ["run-1"])
