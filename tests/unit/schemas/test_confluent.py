"""A Schema Registry numbers the schemas, and is trusted with nothing else."""

from __future__ import annotations

import json

import pytest
from confluent_kafka.schema_registry import Schema as RegistrySchema
from confluent_kafka.schema_registry.error import SchemaRegistryError

from toolgate.schemas.bundle import schemas
from toolgate.schemas.codec import Codec, DecodeCode, DecodeError
from toolgate.schemas.confluent import FOREIGN_IDS_MAX, QUIET_S, ConfluentRegistry, connect
from toolgate.schemas.records import Intent, Tick
from toolgate.schemas.registry import RegistryError

TICK = Tick("run-1", "hold_expiry", "h-1", 17)
[TICK_SCHEMA] = schemas("tick")


@pytest.fixture
def clock():
    """Seconds that the test moves."""
    return [100.0]


@pytest.fixture
def registry(clock):
    """The client library's own registry in memory."""
    return ConfluentRegistry("mock://schemas", prefix="p.", clock=lambda: clock[0])


def breaks(monkeypatch, registry, method, error):
    """Lets a method of the client fail; returns the list of its calls."""
    calls = []

    def fail(*args, **kwargs):
        calls.append(args)
        raise error

    monkeypatch.setattr(registry._client, method, fail)
    return calls


def test_a_schema_is_registered_under_its_topics_subject(registry):
    """Any Kafka UI that knows the registry then reads the topic."""
    codec = Codec(Tick, registry)
    value = codec.encode(TICK)
    assert value[:5] == b"\x00" + codec.schema_id.to_bytes(4, "big")
    assert registry._client.get_latest_version("p.ticks-value").schema.schema_str == TICK_SCHEMA.text
    assert codec.decode(value) == TICK


def test_a_schema_that_is_registered_is_looked_up(registry, monkeypatch):
    """A process that may only read the registry can run when somebody else has registered."""
    first = registry.id_of(TICK_SCHEMA)
    breaks(monkeypatch, registry, "register_schema", SchemaRegistryError(403, 40301, "forbidden"))
    assert registry.id_of(TICK_SCHEMA) == first


def test_records_from_before_the_registry_stay_readable(registry):
    """Audit is kept for ever, also that which was written under bundled ids."""
    assert Codec(Tick, registry).decode(Codec(Tick).encode(TICK)) == TICK


def test_another_spelling_of_a_bundled_schema_is_accepted(registry):
    """A client in another language may register the schema without docs; it is the same by fingerprint."""
    Codec(Tick, registry)
    bare = json.loads(TICK_SCHEMA.text)
    bare["fields"] = [field | {"doc": ""} for field in bare["fields"]]
    other = registry._client.register_schema("p.ticks-value", RegistrySchema(json.dumps(bare), "AVRO"))
    value = b"\x00" + other.to_bytes(4, "big") + Codec(Tick).encode(TICK)[5:]
    assert Codec(Tick, registry).read(value).schema_id == other


@pytest.mark.parametrize("text", ['"string"', "no schema", '{"type":"record","name":"Tick","fields":[]}', ""])
def test_a_schema_that_is_not_bundled_is_not_accepted(registry, text):
    """Whoever may register a schema must not thereby choose what the gate reads."""
    other = registry._client.register_schema("p.ticks-value", RegistrySchema(text, "AVRO"))
    value = b"\x00" + other.to_bytes(4, "big") + Codec(Tick).encode(TICK)[5:]
    with pytest.raises(DecodeError) as caught:
        Codec(Tick, registry).decode(value)
    assert caught.value.reason_code == DecodeCode.UNKNOWN_SCHEMA


def test_a_schema_of_another_topic_is_not_accepted(registry):
    """One id names one record; a tick on the intents topic is refused."""
    value = Codec(Tick, registry).encode(TICK)
    with pytest.raises(DecodeError) as caught:
        Codec(Intent, registry).decode(value)
    assert caught.value.reason_code == DecodeCode.WRONG_SCHEMA


def test_a_foreign_id_is_asked_for_once(registry, monkeypatch):
    """Each record with a made-up id must not cost a request."""
    calls = breaks(monkeypatch, registry, "get_schema", SchemaRegistryError(404, 40403, "not found"))
    assert [registry.find(4_000_000) for _ in range(3)] == [None] * 3
    assert len(calls) == 1


def test_made_up_ids_cannot_keep_the_registry_busy(registry, monkeypatch):
    """After so many ids that were none of ours nobody is asked any more; ours stay known."""
    ours = registry.id_of(TICK_SCHEMA)
    calls = breaks(monkeypatch, registry, "get_schema", SchemaRegistryError(404, 40403, "not found"))
    for number in range(2 * FOREIGN_IDS_MAX):
        assert registry.find(4_000_000 + number) is None
    assert len(calls) == FOREIGN_IDS_MAX
    assert registry.find(ours) is TICK_SCHEMA


@pytest.mark.parametrize("error", [SchemaRegistryError(503, -1, "overloaded"), ConnectionError("refused")])
def test_an_unreachable_registry_is_left_alone_for_a_while(registry, monkeypatch, clock, error):
    """It is an error, never an answer; and a batch must not wait for the same answer record by record."""
    calls = breaks(monkeypatch, registry, "get_schema", error)
    for _ in range(3):
        with pytest.raises(RegistryError, match="mock://schemas"):
            registry.find(4_000_000)
    assert len(calls) == 1
    clock[0] += QUIET_S
    with pytest.raises(RegistryError, match="asking for schema id 4000000"):
        registry.find(4_000_000)
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("method", "error"),
    [
        ("lookup_schema", SchemaRegistryError(401, 40101, "who are you")),
        ("lookup_schema", ConnectionError("refused")),
        ("register_schema", SchemaRegistryError(403, 40301, "forbidden")),
    ],
)
def test_a_registry_that_refuses_stops_the_program_with_the_reason(registry, monkeypatch, method, error):
    """The message names the registry, the subject, the cause and what to check."""
    breaks(monkeypatch, registry, method, error)
    with pytest.raises(
        RegistryError, match=r"'mock://schemas', .* subject p\.ticks-value: .*; check the URL"
    ):
        Codec(Tick, registry)


@pytest.mark.parametrize("url", ["http://me:secret@127.0.0.1:1", "ftp://me:secret@host"])
def test_a_password_in_the_url_is_in_no_message(url):
    """Errors are logged, passwords are not."""
    with pytest.raises(RegistryError) as caught:
        connect(url).id_of(TICK_SCHEMA)
    assert "secret" not in str(caught.value)
    assert url.partition("@")[2] in str(caught.value)
