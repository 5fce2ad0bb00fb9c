"""The plan of rights on a broker that enforces it: enough for every part, and not for more."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import KafkaError, Producer
from gate_load import WORKFLOW
from gate_site import Site
from guarded_broker import GuardedBroker
from patience import until
from watch_process import WatchProcess

from toolgate.sdk import Answer, Executor
from toolgate.streams import acl_plan
from toolgate.streams.gate import keys
from toolgate.streams.settings import Settings, client_producer_config, load

if TYPE_CHECKING:
    from collections.abc import Iterator
    from subprocess import CompletedProcess

    from toolgate.streams.local import Stack

pytestmark = pytest.mark.real
PREFIX = "guarded"


@dataclass
class Guarded(Site):
    """A site whose commands run as one user or another."""

    user: str = "gate"

    def environment(self, **more: str) -> dict[str, str]:
        """What a process is told, with the name it goes by."""
        kafka = {**settings_of(self.settings, self.user)["kafka"]}
        return super().environment(KAFKA=json.dumps(kafka), **more)

    def as_user(self, user: str, *words: str) -> CompletedProcess[str]:
        """A command of somebody."""
        self.user = user
        return self.toolgate(*words)


def settings_of(settings: Settings, user: str) -> dict[str, Any]:
    """What a user's own process would be told."""
    kafka = {name: value.get_secret_value() for name, value in settings.kafka.items()}
    return {
        "bootstrap_servers": settings.bootstrap_servers,
        "prefix": settings.prefix,
        "partitions": settings.partitions,
        "kafka": kafka | {"sasl.username": user},
    }


@pytest.fixture(scope="module")
def site(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A prefix on a broker of its own with exactly the rights of the plan; its ledger is the session's Redis."""
    broker = GuardedBroker(tmp_path_factory.mktemp("guarded"), acl_plan.roles())
    broker.start()
    try:
        broker.give(acl_plan.plan(PREFIX))
        settings = load(
            bootstrap_servers=broker.guarded,
            redis_url=stack.redis_url,
            prefix=PREFIX,
            partitions=2,
            kafka=broker.connection("gate"),
        )
        with Guarded(settings, tmp_path_factory.mktemp("site")) as made:
            yield made
    finally:
        broker.stop()


def test_every_part_can_do_its_work(site: Guarded):
    """Topics, gate, executor, an agent's submit to the end of its command, a snapshot, and who looks."""
    applied = site.as_user("deployer", "topics", "apply")
    assert applied.returncode == 0, applied.stderr
    site.user = "gate"
    site.worker().running()
    executor = Executor(
        load(**settings_of(site.settings, "executor")), site.desk, {"pay": lambda _: Answer({"paid": 1})}
    )
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(executor.run)
        try:
            words = ["--run", "r-1", "--tool", "pay", "--params", '{"id": "x"}', "--intent-id", "i-1"]
            sent = site.as_user("agent", "submit", *words, "--result")
            assert sent.returncode == 0, sent.stderr
        finally:
            executor.stop()
            work.result(60)
    for topic, user in {
        "audit": "auditor",
        "denials": "reviewer",
        "quarantine": "operator",
        "holds": "approver",
    }.items():
        looked = site.as_user(user, "tail", topic)
        assert looked.returncode == 0, looked.stderr
    written = until(lambda: _snapshot(site), "a snapshot of something")
    assert written["seq"] >= 1


def _snapshot(site: Guarded) -> dict[str, Any]:
    answer = site.as_user("gate", "snapshot", "--once", "--json")
    assert answer.returncode == 0, answer.stderr
    said = dict(json.loads(answer.stdout))
    return said if said["written"] else {}


def test_an_auditor_explains_with_what_he_may_read(site: Guarded):
    """The decision is there; what he has no right to read is named."""
    answer = site.as_user("auditor", "explain", "i-1", "--json")
    assert answer.returncode == 0, answer.stderr
    said = json.loads(answer.stdout)
    assert said["decisions"][0]["audit"]["value"]["verdict"] == "APPROVE"
    assert [text.partition(":")[0] for text in said["missing"]] == [
        "intents",
        "outcomes",
        "commands",
        "results",
    ]


def test_a_watch_reads_judges_and_orders(site: Guarded):
    """What the gate has told of becomes figures, in tables of its own; and its word counts."""
    keyring = site.folder / "keyring.yaml"
    keys.new_operator(keyring, "watch-1", ["watch"])
    site.user = "watch"
    watch = WatchProcess(site.environment(), site.folder / "watch.log", "--as", "watch-1")
    site.others.append(watch.process)
    watch.ready()
    until(watch.workflows, watch.said)
    words = ["mode", WORKFLOW, "shadow", "--as", "watch-1", "--keys", str(keyring)]
    ordered = site.as_user("watch", *words)
    assert ordered.returncode == 0, ordered.stderr


@pytest.mark.parametrize("topic", ["audit", "commands", "control", "quarantine"])
def test_an_agent_may_not_look(site: Guarded, topic: str):
    """Exit code 4, with what to do; no traceback."""
    answer = site.as_user("agent", "tail", topic)
    assert answer.returncode == 4, answer.stderr
    assert "this user may not read it" in answer.stderr


@pytest.mark.parametrize(
    ("user", "topic"),
    [
        ("agent", "commands"),
        ("agent", "results"),
        ("agent", "control"),
        ("executor", "commands"),
        ("watch", "audit"),
    ],
)
def test_nobody_writes_what_is_anothers(site: Guarded, user: str, topic: str):
    """The broker itself refuses it: no command is ever there but by the gate."""
    producer = Producer({**client_producer_config(load(**settings_of(site.settings, user))), "log_level": 0})
    heard: list[KafkaError | None] = []
    producer.produce(site.settings.topic(topic), b"{}", on_delivery=lambda error, _: heard.append(error))
    until(lambda: producer.flush(1.0) == 0, "an answer of the broker")
    [error] = heard
    assert error is not None
    assert error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
