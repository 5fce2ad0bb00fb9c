"""The watch on a real Kafka: what is aborted is not counted, and neither crash nor rebalance changes a figure."""

from __future__ import annotations

import functools
import json
import operator
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import ConfigResource, ResourceType  # type: ignore[attr-defined]
from patience import until
from pulses import BEGIN_MS, pulse
from watch_process import WatchProcess

from toolgate.schemas.codec import Codec
from toolgate.schemas.records import Pulse
from toolgate.streams import topic_admin
from toolgate.streams.local.ports import free_port
from toolgate.streams.log.kafka import KafkaLog
from toolgate.streams.settings import producer_config
from toolgate.streams.watch.figures import EVER, MINUTE_MS, Figures, packed_key
from toolgate.streams.watch.open_runs import OpenRuns
from toolgate.streams.watch.pages import sums
from toolgate.streams.watch.rows import UNREPORTED, packed, unpacked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from toolgate.streams.settings import Settings

pytestmark = pytest.mark.real
Sums = dict[tuple[str, str, str], dict[str, Any]]  # by tenant, workflow and version
WORKFLOWS = tuple(f"desk-{n}" for n in range(6))


class Gate:
    """Writes pulses as a gate does: in transactions, some of which are aborted. Time in them is its own."""

    def __init__(self, settings: Settings) -> None:
        self._topic = settings.topic("pulse")
        self._producer = Producer(producer_config(settings, 0) | {"log_level": 0})
        self._producer.init_transactions()
        self._codec = Codec(Pulse)
        self._clk = BEGIN_MS

    def batches(
        self,
        count: int,
        *,
        commits: bool = True,
        step_ms: int = 1_000,
        workflows: tuple[str, ...] = WORKFLOWS,
    ) -> None:
        """So many batches, each with a rollup of every workflow."""
        for n in range(count):
            self._clk += step_ms
            self._producer.begin_transaction()
            for place, workflow in enumerate(workflows):
                tools, version = (
                    {"look": n % 5 + 1, "pay": place + 1},
                    f"v{self._clk // (90 * MINUTE_MS) % 3}",
                )
                runs = {"active": (f"{workflow}-{self._clk // MINUTE_MS}",), "ended": (f"{workflow}-{n}",)}
                rollup = pulse(
                    self._clk, workflow, version, intents=n % 7 + 1, denied=n % 2, tools=tools, **runs
                )
                self._producer.produce(self._topic, self._codec.encode(rollup), workflow.encode())
            if commits:
                self._producer.commit_transaction()
            else:
                self._producer.flush()  # the records are there, and must not be read
                self._producer.abort_transaction()


@pytest.fixture
def gate(settings: Settings) -> Gate:
    """One that has written nothing yet."""
    return Gate(settings)


@pytest.fixture
def watch(settings: Settings, tmp_path: Path) -> Iterator[Callable[..., WatchProcess]]:
    """Starts watches; none outlives the test."""
    environment = {
        "TOOLGATE_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "TOOLGATE_PREFIX": settings.prefix,
        "TOOLGATE_PARTITIONS": str(settings.partitions),
        "TOOLGATE_SESSION_TIMEOUT_MS": "6000",
        "TOOLGATE_INSECURE_DEV": "true",
    }
    made: list[WatchProcess] = []

    def start(*, by_faust: bool = False) -> WatchProcess:
        port = free_port() if by_faust else 0
        made.append(WatchProcess(environment, tmp_path / f"watch-{len(made)}.log", port=port))
        return made[-1]

    yield start
    for one in made:
        if one.process.poll() is None:
            one.kill()


def never_stopped(settings: Settings) -> tuple[Figures, OpenRuns]:
    """What a fold has that read each committed record once, from the beginning to the end."""
    log, figures, runs, codec = KafkaLog(settings, lambda _: None), Figures(), OpenRuns(), Codec(Pulse)
    try:
        for envelope in log.read("pulse"):
            rollup = codec.decode(envelope.value)
            _, silent = runs.take(envelope.partition, rollup)
            figures.take(envelope.partition, envelope.offset, rollup, silent)
    finally:
        log.close()
    return figures, runs


def sums_of(figures: Figures) -> Sums:
    """All that was ever counted, by tenant, workflow and version."""
    return {
        (one.tenant, one.workflow_id, name): sums(version.ever)
        for one in figures.workflows.values()
        for name, version in one.versions.items()
    }


def table_of(settings: Settings, table: str) -> dict[bytes, bytes]:
    """The rows of a table, of figures those of minutes, quarters and all time, as the next watch would load them."""
    name, partitions = f"{settings.prefix}-watch-{table}-changelog", range(settings.partitions)
    reader = Consumer({"bootstrap.servers": settings.bootstrap_servers, "group.id": "nobody", "log_level": 0})
    rows: dict[bytes, bytes] = {}
    try:
        left = sum(reader.get_watermark_offsets(TopicPartition(name, p), 10)[1] for p in partitions)
        reader.assign([TopicPartition(name, p, 0) for p in partitions])
        while left:
            for message in reader.consume(1_000, 10):
                assert message.error() is None, message.error()
                left -= 1
                if message.value() is None:
                    del rows[message.key()]
                else:
                    rows[message.key()] = message.value()
    finally:
        reader.close()
    return rows


def changelogs(settings: Settings) -> dict[str, tuple[str, str]]:
    """How the topics that tables are rebuilt from are cleaned, and when."""
    tables = {
        table: ConfigResource(ResourceType.TOPIC, f"{settings.prefix}-watch-{table}-changelog")
        for table in ("figures", "runs", "open")
    }
    admin = topic_admin.connect(settings)
    told = admin.describe_configs(list(tables.values()))
    found = {table: told[resource].result() for table, resource in tables.items()}
    return {table: (one["cleanup.policy"].value, one["segment.ms"].value) for table, one in found.items()}


def intents(*watches: WatchProcess) -> int:
    """How many all of them have counted together."""
    return sum(found["intents"] for one in watches for found in one.sums().values())


def differences(whole: Sums, told: list[Sums]) -> str:
    """Intents of what is not as it should be: how many there are, then how many each watch has counted."""
    counts = {key: [one.get(key, {}).get("intents", 0) for one in (whole, *told)] for key in whole}
    return str({key: found for key, found in counts.items() if found[0] != sum(found[1:])})


def agree(settings: Settings, *watches: WatchProcess) -> None:
    """Wait until the watches together have what a watch that never stopped would have, and no more."""
    whole = sums_of(never_stopped(settings)[0])

    def told() -> list[Sums]:
        return [one.sums() for one in watches]

    def equal() -> bool:
        found = told()
        return functools.reduce(operator.or_, found) == whole and sum(map(len, found)) == len(whole)

    until(
        equal,
        lambda: (
            f"equal figures, but {differences(whole, told())}; {[one.said()[-2_000:] for one in watches]}"
        ),
    )


@pytest.mark.timeout(420)  # four processes start, one after the other
def test_neither_aborts_nor_crashes_nor_rebalances_change_a_figure(
    settings: Settings, gate: Gate, watch: Callable[..., WatchProcess]
) -> None:
    """Aborted batches; a kill in the middle; a second worker that joins and is killed; a stop and hours behind.

    In the end each row that the next watch would load is as it should be.
    """
    gate.batches(20)
    gate.batches(5, commits=False)
    gate.batches(20)
    first = watch().ready()
    agree(settings, first)

    before = intents(first)
    gate.batches(300)
    until(lambda: intents(first) > before, "some of what came to be counted")
    first.kill()
    gate.batches(3, commits=False)
    first = watch().ready()
    agree(settings, first)

    second = watch(by_faust=True).ready()
    until(lambda: first.sums() and second.sums(), "both to have workflows")
    gate.batches(100)
    agree(settings, first, second)
    second.kill()
    gate.batches(50)
    agree(settings, first)

    assert first.stop() == 0
    assert all(map(json.loads, first.printed().splitlines()))
    gate.batches(100, step_ms=3 * MINUTE_MS)  # five hours of the gate's time
    gate.batches(
        30, step_ms=60 * MINUTE_MS, workflows=WORKFLOWS[:1]
    )  # a day, in which runs end without a word
    first = watch().ready()
    agree(settings, first)
    assert first.metrics()["toolgate_watch_unreadable_total"] == 0
    assert first.stop() == 0
    figures, runs = never_stopped(settings)
    should = {packed_key(key): unpacked(packed(row)) for key, row in figures.all_rows()}
    assert {key: unpacked(row) for key, row in table_of(settings, "figures").items()} == should
    assert OpenRuns.loaded(table_of(settings, "open"), range(settings.partitions)).rows() == runs.rows()
    assert runs.rows()
    assert any(row.finished.get(UNREPORTED) for key, row in figures.all_rows() if key.grain == EVER)
    assert set(changelogs(settings).values()) == {("compact", "3600000")}
