"""What the tests of the Kafka adapter share: logs that are closed again, a plain writer, hand-made batches."""

from __future__ import annotations

import socket
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Producer

from toolgate.streams.log.kafka import KafkaLog
from toolgate.streams.settings import client_producer_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from toolgate.processors.case import Envelope
    from toolgate.streams.settings import Settings

LIMIT_S = 30.0
_NOT_LEADER = 6


@dataclass(frozen=True, slots=True)
class _Made:
    """A record of a hand-made batch; `value_length` may lie."""

    value: bytes | None = b"{}"
    value_length: int | None = None
    header: tuple[bytes, bytes] | None = None


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
    """`write_batch(settings, topic, partition, *records)`: one batch that no client library would make.

    Each record is a dict of the fields of `_Made`.
    """

    def send(to: Settings, topic: str, partition: int, *records: dict[str, Any]) -> None:
        batch = _batch(tuple(_Made(**record) for record in records))
        name = to.topic(topic).encode()
        body = (
            struct.pack(">hhi", -1, -1, 10_000) + struct.pack(">i", 1) + struct.pack(">h", len(name)) + name
        )
        body += struct.pack(">iii", 1, partition, len(batch)) + batch
        request = struct.pack(">hhih", 0, 3, 7, 4) + b"test" + body
        end, error = time.monotonic() + LIMIT_S, _NOT_LEADER
        while error == _NOT_LEADER and time.monotonic() < end:  # the topic is younger than that
            reply = _exchange(to.bootstrap_servers, request)
            # correlation id, one topic, its name, one partition: index, error code
            (error,) = struct.unpack_from(">h", reply, 4 + 4 + 2 + len(name) + 4 + 4)
        assert error == 0, f"the broker refused the batch: {error}"

    return send


def _exchange(address: str, request: bytes) -> bytes:
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=LIMIT_S) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        answer = connection.makefile("rb")
        (length,) = struct.unpack(">i", answer.read(4))
        return answer.read(length)


def _varint(number: int) -> bytes:
    rest = (number << 1) ^ (number >> 63)
    out = bytearray()
    while rest >= 0x80:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def _record(delta: int, record: _Made) -> bytes:
    length = len(record.value or b"") if record.value_length is None else record.value_length
    value = (record.value or b"") if length > 0 else b""
    body = b"\0" + _varint(0) + _varint(delta) + _varint(5) + b"run-1" + _varint(length) + value
    if record.header is None:
        body += _varint(0)
    else:
        key, content = record.header
        body += _varint(1) + _varint(len(key)) + key + _varint(len(content)) + content
    return _varint(len(body)) + body


def _batch(records: tuple[_Made, ...]) -> bytes:
    now = int(time.time() * 1000)
    tail = struct.pack(">hiqqqhii", 0, len(records) - 1, now, now, -1, -1, -1, len(records))
    tail += b"".join(_record(i, record) for i, record in enumerate(records))
    head = struct.pack(">ibI", -1, 2, _crc32c(tail))
    return struct.pack(">qi", 0, len(head) + len(tail)) + head + tail


def _crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF
