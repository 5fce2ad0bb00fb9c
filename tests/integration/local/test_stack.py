"""The local stack, hurt in the ways that the gate's tests hurt it."""

from __future__ import annotations

import shutil
import socket
import sys
from pathlib import Path

import pytest
import redis
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from toolgate.streams.errors import LocalStackError
from toolgate.streams.local import Stack, __main__, artefacts, ports
from toolgate.streams.local.broker import Broker
from toolgate.streams.local.valkey import Valkey

pytestmark = pytest.mark.real


def produce(stack: Stack, value: bytes) -> None:
    """One record, acknowledged."""
    producer = Producer({"bootstrap.servers": stack.bootstrap})
    producer.produce("kept", value)
    assert producer.flush(30) == 0


def values(stack: Stack, count: int) -> list[bytes | None]:
    """The first records of the topic."""
    consumer = Consumer(
        {"bootstrap.servers": stack.bootstrap, "group.id": "reader", "enable.auto.commit": False}
    )
    try:
        consumer.assign([TopicPartition("kept", 0, 0)])
        return [message.value() for message in consumer.consume(count, timeout=30)]
    finally:
        consumer.close()


def test_a_broker_that_is_suspended_or_killed_comes_back_as_it_was(private_stack: Stack):
    """Suspended it swallows requests; after SIGKILL it has the same address and every acknowledged record."""
    address, broker = private_stack.bootstrap, private_stack.broker
    admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
    admin.create_topics([NewTopic("kept", 1)])["kept"].result(timeout=30)
    produce(private_stack, b"before")

    broker.suspend()
    try:
        assert ports.accepts(broker.port)
        with pytest.raises(KafkaException):
            admin.list_topics(timeout=1)
    finally:
        broker.resume()
    assert admin.list_topics(timeout=30).brokers

    broker.kill()
    assert not broker.alive
    with pytest.raises(LocalStackError, match="has ended by itself"):
        private_stack.check()
    broker.start()
    assert private_stack.bootstrap == address
    produce(private_stack, b"after")
    assert values(private_stack, 2) == [b"before", b"after"]


def test_redis_comes_back_with_its_data_with_older_data_or_empty(tmp_path: Path):
    """The three returns that recovery has to notice."""
    server = Valkey(tmp_path, lambda _: None)
    server.start()
    with redis.Redis.from_url(server.url) as client:
        client.set("n", 1)
        server.stop()
        shutil.copytree(server.data, tmp_path / "older")
        server.start()
        client.set("n", 2)
        server.kill()
        server.start()
        assert client.get("n") == b"2"

        server.kill()
        shutil.rmtree(server.data)
        shutil.copytree(tmp_path / "older", server.data)
        server.start()
        assert client.get("n") == b"1"

        server.kill()
        shutil.rmtree(server.data)
        server.start()
        assert client.get("n") is None
    server.stop()


def test_says_why_it_did_not_start(tmp_path: Path):
    """A damaged data folder: what failed, its last words, where its log is."""
    folder = tmp_path / "stack"
    (folder / "valkey").parent.mkdir()
    (folder / "valkey").write_text("not a folder")
    with pytest.raises((LocalStackError, OSError)), Stack(folder):
        pass
    damaged = Stack(tmp_path / "other")
    damaged.redis.data.joinpath("appendonlydir").mkdir(parents=True)
    damaged.redis.data.joinpath("appendonlydir", "appendonly.aof.manifest").write_text("nonsense")
    with pytest.raises(LocalStackError, match="Valkey ended while starting") as caught:
        damaged.start()
    assert caught.value.where.endswith("valkey.log")
    assert not damaged.redis.alive


def test_takes_other_ports_when_they_are_gone(tmp_path: Path, stack: Stack):
    """Addresses of an earlier run are a wish: a port that is taken by now is not used."""
    folder = tmp_path / "stack"
    folder.mkdir()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (folder / "addresses.json").write_text(f'{{"kafka": {port}, "redis": {port}}}')
        fresh = Stack(folder)
        assert port not in (fresh.broker.port, fresh.redis.port)


@pytest.mark.skipif(sys.platform != "linux", reason="what a process has mapped is read from /proc")
def test_a_broker_starts_with_what_an_earlier_one_has_learnt(tmp_path: Path, monkeypatch):
    """It is made once, again where Java would not take it, and every broker of that Java maps it."""
    known = artefacts.cache_folder() / f"kafka-{artefacts.KAFKA_VERSION}.json"
    artefacts.class_path(lambda _: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    shutil.copy(known, artefacts.cache_folder())
    assert __main__.main() == 0
    (made,) = artefacts.cache_folder().glob("*.aot")
    stamp = made.stat().st_mtime_ns
    assert __main__.main() == 0
    assert [path.stat().st_mtime_ns for path in artefacts.cache_folder().glob("*.aot")] == [stamp]
    made.write_bytes(made.read_bytes()[:1_000_000])
    assert __main__.main() == 0
    assert made.stat().st_size > 1_000_000
    (folder := tmp_path / "broker").mkdir()
    broker = Broker(folder, lambda _: None)
    broker.start()
    try:
        assert str(made) in Path(f"/proc/{broker.pid}/maps").read_text()
    finally:
        broker.stop()
    assert "aot" not in broker.log.read_text()
