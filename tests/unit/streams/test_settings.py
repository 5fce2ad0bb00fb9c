"""Settings: sources and their order, readable refusals, and the client properties made from them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from toolgate.streams import settings as module
from toolgate.streams.errors import SettingsError
from toolgate.streams.settings import Settings, load

ADDRESSES = {"bootstrap_servers": "k:9092", "redis_url": "redis://:hush@r:6379/0"}


def test_names_everything_after_the_prefix():
    """Topics, group, transactional ids and ledger keys follow from the prefix."""
    made = load(**ADDRESSES, prefix="pay")
    assert made.topic("intents") == "pay.intents"
    assert made.group_id == "pay-gate"
    assert made.transactional_id(3) == "pay-gate-3"
    assert made.hash_tag == "{pay}"


def test_argument_wins_over_environment_and_environment_over_file(tmp_path: Path, monkeypatch):
    """Precedence: arguments, environment, file, defaults."""
    file = tmp_path / "toolgate.toml"
    file.write_text('bootstrap_servers = "file:1"\nprefix = "file"\nbatch_size = 7\npartitions = 3\n')
    monkeypatch.setenv("TOOLGATE_PREFIX", "environment")
    monkeypatch.setenv("TOOLGATE_BATCH_SIZE", "8")
    made = load(file, prefix="argument", slot=None)
    assert (made.prefix, made.batch_size, made.partitions, made.slot) == ("argument", 8, 3, 0)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"bootstrap_servers": None},
            "bootstrap_servers: not set (TOOLGATE_BOOTSTRAP_SERVERS or --bootstrap-servers)",
        ),
        ({"redis_url": "r:6379"}, "redis_url:"),
        ({"prefix": "a.b"}, "prefix:"),
        ({"prefix": "{a}"}, "prefix:"),
        ({"partitions": 0}, "partitions:"),
        ({"slot": 8}, "slot 8 does not exist: the last one is 7"),
        ({"batch_size": "many"}, "batch_size:"),
        ({"batch_size": 5_001}, "batch_size:"),
        ({"btach_size": 5}, "btach_size: no such setting"),
        ({"kafka": {"isolation.level": "read_uncommitted"}}, "'isolation.level' cannot be set"),
        ({"kafka": {"transactional.id": "mine"}}, "'transactional.id' cannot be set"),
    ],
)
def test_refuses_by_name_and_shows_no_value(fields, message):
    """Every unusable setting is named; what it was set to may be a secret."""
    with pytest.raises(SettingsError) as caught:
        load(**(ADDRESSES | fields))
    assert message in caught.value.what
    assert "hush" not in str(caught.value)
    assert "Value error" not in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("fields", "remedies"),
    [
        ({"slot": 9}, ["--slot"]),
        ({"batch_size": 0, "partitions": 0}, ["correct the setting named"]),
        ({"bootstrap_servers": None, "batch_size": 0}, ["toolgate dev", "correct the setting named"]),
    ],
)
def test_the_remedy_fits_the_faults(fields, remedies: list[str]):
    """Whoever asks for a slot that does not exist is not told to set an address."""
    with pytest.raises(SettingsError) as caught:
        load(**(ADDRESSES | fields))
    assert all(words in caught.value.remedy for words in remedies)
    assert ("toolgate dev" in caught.value.remedy) == ("toolgate dev" in remedies)


def test_names_all_faults_at_once():
    """Nobody should have to start five times to learn of five faults."""
    with pytest.raises(SettingsError) as caught:
        load(partitions=0, batch_size=0)
    assert all(name in caught.value.what for name in ("bootstrap_servers", "partitions", "batch_size"))


@pytest.mark.parametrize("content", [None, "prefix = ", "prefix = 'a'\nprefix = 'b'"])
def test_refuses_a_file_that_cannot_be_read(tmp_path: Path, content):
    """A missing or broken file is an error that names the file, never an empty one."""
    file = tmp_path / "toolgate.toml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SettingsError) as caught:
        load(file, **ADDRESSES)
    assert caught.value.where == str(file)


def test_refuses_a_variable_that_is_not_json(monkeypatch):
    """A mapping in the environment is JSON; anything else is said, not skipped."""
    monkeypatch.setenv("TOOLGATE_KAFKA", "security.protocol=SSL")
    with pytest.raises(SettingsError, match="kafka"):
        load(**ADDRESSES)


def test_only_the_gate_needs_a_ledger():
    """Agents and executors have no Redis; asking for it names the setting."""
    made = load(bootstrap_servers="k:9092")
    with pytest.raises(SettingsError, match="TOOLGATE_REDIS_URL"):
        _ = made.ledger_url
    assert load(**ADDRESSES).ledger_url == ADDRESSES["redis_url"]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:hush@r:6379/0", "redis://r:6379/0"),
        ("rediss://me:hu%40sh@[::1]:6379/1?password=hush", "rediss://[::1]:6379/1"),
        ("unix://:hush@/run/redis.sock?db=1", "unix:///run/redis.sock"),
        ("redis://r:6379", "redis://r:6379"),
    ],
)
def test_the_ledgers_address_has_no_password(url, shown):
    """What messages and logs say about where the ledger is."""
    assert load(**(ADDRESSES | {"redis_url": url})).ledger_address == shown


def test_secrets_are_not_in_the_representation():
    """Settings end up in logs."""
    made = load(**ADDRESSES, kafka={"sasl.password": "whisper"})
    assert "hush" not in repr(made)
    assert "whisper" not in repr(made)


@pytest.mark.parametrize(
    "make",
    [
        module.admin_config,
        module.reader_config,
        module.listener_config,
        module.client_producer_config,
        lambda s: module.consumer_config(s, 1),
        lambda s: module.producer_config(s, 1),
    ],
)
def test_connection_properties_reach_every_client(make):
    """TLS and SASL hold for all clients, and never replace a property that bears a promise."""
    made = load(**ADDRESSES, kafka={"security.protocol": "SASL_SSL", "sasl.password": "whisper"})
    config = make(made)
    assert config["bootstrap.servers"] == "k:9092"
    assert (config["security.protocol"], config["sasl.password"]) == ("SASL_SSL", "whisper")


def test_the_gates_clients_keep_exactly_once():
    """The properties that decisions rest on."""
    made = load(**ADDRESSES)
    consumer, producer = module.consumer_config(made, 2), module.producer_config(made, 2)
    assert consumer["isolation.level"] == "read_committed"
    assert consumer["auto.offset.reset"] == "error"
    assert consumer["enable.auto.commit"] is False
    assert consumer["partition.assignment.strategy"] == "range"
    assert consumer["group.instance.id"] == producer["transactional.id"] == "toolgate-gate-2"
    assert producer["acks"] == "all"
    assert producer["partitioner"] == module.client_producer_config(made)["partitioner"] == "murmur2_random"


def test_who_listens_for_hours_asks_the_broker_less_often():
    """What comes is delivered at once; a thousand idle agents are not two hundred thousand fetches a second."""
    made = load(**ADDRESSES)
    listening, executor = module.listener_config(made), module.executor_consumer_config(made, "desk")
    assert module.reader_config(made)["fetch.wait.max.ms"] < listening["fetch.wait.max.ms"]
    assert executor["fetch.wait.max.ms"] == listening["fetch.wait.max.ms"]
    assert executor["fetch.min.bytes"] == listening["fetch.min.bytes"] == 1


def test_librdkafka_knows_every_property():
    """A misspelt property would raise when the client is made; make each once."""
    from confluent_kafka import Consumer, Producer  # noqa: PLC0415 - slow, and only here

    made = load(bootstrap_servers="127.0.0.1:1")
    Consumer(module.consumer_config(made, 0) | {"log_level": 0}).close()
    Consumer(module.reader_config(made) | {"log_level": 0}).close()
    Consumer(module.executor_consumer_config(made, "desk") | {"log_level": 0}).close()
    Producer(module.producer_config(made, 0) | {"log_level": 0})
    Producer(module.client_producer_config(made) | {"log_level": 0})


def test_every_setting_has_a_reader():
    """What can be set and changes nothing is a promise that nobody keeps."""
    root = Path(module.__file__).resolve().parents[1]
    sources = [path for folder in ("streams", "toolgate") for path in (root / folder).glob("**/*.py")]
    text = "\n".join(path.read_text("utf-8") for path in sources)
    unread = [name for name in Settings.model_fields if not re.search(rf"(?:settings|self)\.{name}\b", text)]
    assert unread == []
