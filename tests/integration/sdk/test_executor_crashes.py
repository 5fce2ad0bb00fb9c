"""Executors that are killed, cut off or sent back to the beginning: each effect is there at most once."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

import executor_process
import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from executor_process import KEY
from gatekeeper import Gatekeeper
from patience import until

from toolgate.processors.keyring import IntentKey
from toolgate.processors.placement import partition_of
from toolgate.schemas.codec import Codec
from toolgate.schemas.records import Result
from toolgate.sdk import Client
from toolgate.streams.log import reading
from toolgate.streams.log.trouble import Trouble
from toolgate.streams.settings import executor_group_id, reader_config

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.real
INTENTS = IntentKey("billing-1", b"i" * 32, "default", "billing_v1")
WAIT_S = 90.0


@contextmanager
def processes(settings, shared: Path, folders: str):
    """Executor processes, each in a folder of its own; none is left behind."""
    started = []
    for name in folders:
        folder = shared / name
        folder.mkdir()
        command = [sys.executable, executor_process.__file__, settings.bootstrap_servers, settings.prefix]
        with (folder / "log").open("wb") as log:
            started.append(subprocess.Popen([*command, str(shared)], cwd=folder, stdout=log, stderr=log))
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()


def members(settings) -> int:
    """How many members the executors' group has, once it is at rest."""
    group = executor_group_id(settings, KEY.executor_id)
    admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers})
    try:
        found = admin.describe_consumer_groups([group], request_timeout=5)[group].result()
    except KafkaException:  # the first member has not come yet
        return 0
    return len(found.members) if found.state.name == "STABLE" else 0


def rewind(settings) -> bool:
    """Set the group back to the beginning of all commands; False while it has members."""
    group = executor_group_id(settings, KEY.executor_id)
    admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers})
    places = [TopicPartition(settings.topic("commands"), p, 0) for p in range(settings.partitions)]
    [done] = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, places)]).values()
    try:
        done.result()
    except KafkaException:
        return False
    return True


def trap(shared: Path, run_id: str, step: str) -> None:
    """Whoever handles this run dies at this step."""
    (shared / f"trap-{run_id}").write_text(step, encoding="utf-8")


def effects(shared: Path) -> Counter[str]:
    """How often each run's effects are in the system of record."""
    lines = (shared / "journal").read_text("utf-8").splitlines()
    return Counter(line.split()[2] for line in lines)


def stories(settings) -> dict[str, list[str]]:
    """The statuses of each run's results in the order of the log."""
    told: dict[str, list[str]] = {}
    reader = reading.Reader(reader_config(settings), settings.topic, Trouble())
    for record in reading.read(reader, "results", None):
        result = Codec(Result).decode(record.value)
        told.setdefault(result.run_id, []).append(result.status)
    return told


def run_in(partition: int, partitions: int) -> str:
    """A run id of this partition."""
    return next(
        run for n in range(1000) if partition_of((run := f"run-{n}").encode(), partitions) == partition
    )


PLAN = {  # by partition: tool, step at which its process dies, how often the effect is there, its results
    0: ("pay", "after", 1, ["started", "unknown"]),
    1: ("pay", "before", 0, ["started", "unknown"]),
    2: ("note", "after", 2, ["started", "ok"]),
    3: ("pay", "commit", 1, ["started", "ok"]),
}


def test_whoever_dies_where_each_effect_is_there_at_most_once(settings, tmp_path):
    """Four processes die at four steps, another takes over and dies; one more is sent back to the beginning."""
    runs = {p: run_in(p, settings.partitions) for p in PLAN}
    for p, (_, where, _, _) in PLAN.items():
        trap(tmp_path, runs[p], where)
    with (
        Gatekeeper(settings),
        Client(settings, INTENTS, "agent") as client,
        processes(settings, tmp_path, "abcde") as started,
    ):
        until(lambda: members(settings) == len(started), "five members", WAIT_S)
        tickets = {p: client.send(client.intent(runs[p], PLAN[p][0], {})) for p in PLAN}
        ends = {p: ticket.ended(WAIT_S).status for p, ticket in tickets.items()}
        until(lambda: sum(process.poll() is not None for process in started) == len(PLAN), "four deaths")
        seen, told = effects(tmp_path), stories(settings)
        assert {p: told[runs[p]] for p in PLAN} == {p: story for p, (_, _, _, story) in PLAN.items()}
        assert ends == {p: story[-1] for p, story in ((p, told[run]) for p, run in runs.items())}
        assert {p: seen[runs[p]] for p in PLAN} == {p: times for p, (_, _, times, _) in PLAN.items()}

        trap(tmp_path, "run-again", "after")
        ticket = client.send(client.intent("run-again", "note", {}))
        until(lambda: all(process.poll() == -signal.SIGKILL for process in started), "the fifth death")
        until(lambda: members(settings) == 0, "an empty group")
        until(lambda: rewind(settings), "offsets at the beginning")
        with processes(settings, tmp_path, "f") as [last]:
            assert ticket.ended(WAIT_S).status == "ok"
            for run in runs.values():  # behind everything that is read again
                assert client.call(client.intent(run, "pay", {}), WAIT_S).ok
            last.send_signal(signal.SIGTERM)
            assert last.wait(WAIT_S) == 0
    assert effects(tmp_path) == seen + Counter(runs.values()) + Counter({"run-again": 2})
    again = {**{run: [*told[run], "started", "ok"] for run in runs.values()}, "run-again": ["started", "ok"]}
    assert stories(settings) == again
