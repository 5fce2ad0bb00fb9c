"""What the tests of the Kafka adapter share: logs that are closed again, a plain writer, hand-made batches."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Producer
from raw_produce import RawRecord, batch, produce

from toolgate.streams.log.kafka import KafkaLog
from toolgate.streams.settings import client_producer_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from toolgate.processors.case import Envelope
    from toolgate.streams.settings import Settings

LIMIT_S = 30.0


class Drive:
    """Drives one or more logs until something is so, with a limit."""

    def until(self, condition: Callable[[], Any], *logs: KafkaLog) -> list[Envelope]:
        """Poll the logs in turn until `condition()`; what they delivered, in order."""
        found: list[Envelope] = []
        end = time.monotonic() + LIMIT_S
        while not condition():
            assert time.monotonic() < end, "the condition did not come true in time"
            for log in logs:
                found += log.poll(100, 0.05)
        return found

    def collect(self, log: KafkaLog, count: int) -> list[Envelope]:
        """Poll until `count` records were delivered."""
        found: list[Envelope] = []
        end = time.monotonic() + LIMIT_S
        while len(found) < count:
            assert time.monotonic() < end, f"only {len(found)} of {count} records came"
            found += log.poll(100, 0.05)
        return found

    def events(self, log: KafkaLog, count: int) -> list[Envelope]:
        """What the audit holds, once it holds `count`: markers are written shortly after a commit's answer."""
        end = time.monotonic() + LIMIT_S
        while len(found := list(log.read("audit"))) < count:
            assert time.monotonic() < end, f"only {len(found)} of {count} events can be read"
        return found

    def quiet(self, log: KafkaLog, polls: int = 10) -> list[Envelope]:
        """Everything that comes in some polls of 50 ms each."""
        return [record for _ in range(polls) for record in log.poll(100, 0.05)]


@pytest.fixture
def drive() -> Drive:
    """See Drive."""
    return Drive()


@pytest.fixture
def make_log(settings: Settings) -> Iterator[Callable[..., KafkaLog]]:
    """`make_log(on_revoke=..., inputs=..., settings=...)`: logs that are closed at the end."""
    made: list[KafkaLog] = []

    def make(on_revoke: Any = lambda _: None, **kwargs: Any) -> KafkaLog:
        made.append(KafkaLog(kwargs.pop("settings", settings), on_revoke, **kwargs))
        return made[-1]

    yield make
    for log in made:
        log.close()


@pytest.fixture
def write() -> Callable[..., None]:
    """`write(settings, topic, partition, *values)`: plain records, acknowledged."""

    def send(to: Settings, topic: str, partition: int, *values: bytes | None) -> None:
        producer = Producer(client_producer_config(to))
        for value in values:
            producer.produce(to.topic(topic), value, b"run-1", partition, headers=[("tg-kid", b"k1")])
        assert producer.flush(LIMIT_S) == 0

    return send


@pytest.fixture
def write_batch() -> Callable[..., None]:
    """`write_batch(settings, topic, partition, *records)`: one batch that no client library would make."""

    def send(to: Settings, topic: str, partition: int, *records: RawRecord) -> None:
        answer = produce(to.bootstrap_servers, to.topic(topic), partition, batch(*records))
        assert answer.error == 0, f"the broker refused the batch: {answer.error}"

    return send
