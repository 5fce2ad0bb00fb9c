"""`topic_admin` against the real broker."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from toolgate.streams import topic_admin
from toolgate.streams.errors import RefusedError, UnreachableError
from toolgate.streams.settings import load
from toolgate.streams.topics import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolgate.streams.local import Stack
    from toolgate.streams.settings import Settings
    from toolgate.streams.topic_plan import Existing

pytestmark = pytest.mark.real


def shown_as(settings: Settings, condition: Callable[[dict[str, Existing]], bool]) -> None:
    """The controller answers before the brokers have heard of a change: wait until they have."""
    admin, deadline = topic_admin.connect(settings), time.monotonic() + 30
    while not condition(topic_admin.existing(admin, settings)):
        assert time.monotonic() < deadline


def alter(settings: Settings, logical: str, name: str, value: str) -> None:
    """Set one topic setting, as an operator might, and wait until the broker says so."""
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, settings.topic(logical), incremental_configs=[entry])
    admin = topic_admin.connect(settings)
    admin.incremental_alter_configs([resource])[resource].result(timeout=30)
    shown_as(settings, lambda found: found[logical].config[name] == value)


def test_a_fresh_prefix_passes_the_check(settings: Settings):
    """What apply has created keeps every promise, and a second apply has nothing to do."""
    admin = topic_admin.connect(settings)
    topic_admin.check(admin, settings)
    assert topic_admin.apply(admin, settings) == ()
    found = topic_admin.existing(admin, settings)
    assert {name: topic.partitions for name, topic in found.items()} == {
        name: topic.partitions(settings.partitions) for name, topic in BY_NAME.items()
    }
    assert {topic.replicas for topic in found.values()} == {1}


@pytest.mark.parametrize(
    ("logical", "name", "value"),
    [
        ("intents", "message.timestamp.type", "CreateTime"),
        ("intents", "compression.type", "gzip"),
        ("results", "max.message.bytes", "1000000"),
        ("audit", "cleanup.policy", "compact"),
        ("audit", "retention.ms", "86400000"),
        ("control", "retention.bytes", "1000000"),
    ],
)
def test_refuses_a_topic_that_was_altered(settings: Settings, logical, name, value):
    """By name, in check and in apply; the topic stays as it is, and mending it as told is enough."""
    admin = topic_admin.connect(settings)
    alter(settings, logical, name, value)
    for act in (topic_admin.check, topic_admin.apply):
        with pytest.raises(RefusedError) as caught:
            act(admin, settings)
        assert f"{settings.topic(logical)}: {name} is {value}, must be " in caught.value.what
    assert topic_admin.existing(admin, settings)[logical].config[name] == value
    alter(settings, logical, name, BY_NAME[logical].config()[name])
    topic_admin.check(admin, settings)


def test_creates_nothing_beside_a_topic_of_somebody_else(
    stack: Stack, bare_prefix: str, make_settings: Callable[..., Settings]
):
    """A prefix that is half taken is left as it was found."""
    settings = make_settings(stack, prefix=bare_prefix, partitions=4)
    admin = topic_admin.connect(settings)
    name = settings.topic("intents")
    admin.create_topics([NewTopic(name, 3)])[name].result(timeout=30)
    shown_as(settings, lambda found: "intents" in found)
    with pytest.raises(RefusedError, match="partitions is 3, must be 4"):
        topic_admin.apply(admin, settings)
    assert set(topic_admin.existing(admin, settings)) == {"intents"}


def test_check_names_what_is_missing(stack: Stack, bare_prefix: str, make_settings: Callable[..., Settings]):
    """The gate does not start on a prefix that somebody has set up in part."""
    settings = make_settings(stack, prefix=bare_prefix)
    admin = topic_admin.connect(settings)
    name = settings.topic("intents")
    admin.create_topics([NewTopic(name, settings.partitions)])[name].result(timeout=30)
    shown_as(settings, lambda found: "intents" in found)
    with pytest.raises(RefusedError, match=f"{bare_prefix}.audit: is missing; `toolgate topics apply`"):
        topic_admin.check(admin, settings)


@pytest.mark.parametrize(("partitions", "option"), [(8, ""), (3, " --partitions 3")])
def test_check_says_once_that_nothing_is_there(
    stack: Stack, bare_prefix: str, make_settings: Callable[..., Settings], partitions: int, option: str
):
    """A prefix that nobody has set up, or a misspelt one: one line, with the command that sets it up."""
    settings = make_settings(stack, prefix=bare_prefix, partitions=partitions)
    with pytest.raises(RefusedError, match=f"no topics under prefix {bare_prefix}\n") as caught:
        topic_admin.check(topic_admin.connect(settings), settings)
    assert f"`toolgate topics apply --prefix {bare_prefix}{option}`" in caught.value.remedy
    assert "is missing" not in str(caught.value)


def test_tells_a_cluster_that_cannot_hold_the_topics(
    stack: Stack, bare_prefix: str, make_settings: Callable[..., Settings]
):
    """More replicas than brokers: Kafka's own reason, not a traceback."""
    settings = make_settings(stack, prefix=bare_prefix, replication_factor=3)
    with pytest.raises(RefusedError, match="INVALID_REPLICATION_FACTOR"):
        topic_admin.apply(topic_admin.connect(settings), settings)


def test_says_that_nobody_answers(monkeypatch):
    """An address without a broker."""
    monkeypatch.setattr(topic_admin, "_TIMEOUT_S", 1.0)
    settings = load(bootstrap_servers="127.0.0.1:1")
    with pytest.raises(UnreachableError, match="does not answer"):
        topic_admin.check(topic_admin.connect(settings), settings)
