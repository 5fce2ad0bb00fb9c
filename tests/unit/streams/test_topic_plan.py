"""What `topics apply` would create, and what it refuses."""

from __future__ import annotations

import pytest

from toolgate.streams.settings import load
from toolgate.streams.topic_plan import Existing, plan
from toolgate.streams.topics import BY_NAME, TOPICS

SETTINGS = load(bootstrap_servers="k:9092", prefix="p", partitions=4)


def as_wanted(name: str, replicas: int = 1, **changes: str) -> Existing:
    """A topic as `apply` creates it, with settings changed (dots written as __)."""
    config = BY_NAME[name].config() | {"unclean.leader.election.enable": "false", "min.insync.replicas": "1"}
    config |= {key.replace("__", "."): value for key, value in changes.items()}
    return Existing(BY_NAME[name].partitions(SETTINGS.partitions), replicas, config)


def test_creates_all_where_nothing_is():
    """A fresh prefix lacks every topic and has no problem."""
    made = plan({}, SETTINGS)
    assert (made.create, made.problems) == (TOPICS, ())


def test_creates_nothing_where_all_is_right():
    """Applying twice does nothing the second time."""
    made = plan({name: as_wanted(name) for name in BY_NAME}, SETTINGS)
    assert (made.create, made.problems) == ((), ())


def test_ignores_topics_it_does_not_know():
    """Other topics of the cluster are not ours to judge."""
    assert plan({"elsewhere": Existing(1, 1, {})}, SETTINGS).problems == ()


@pytest.mark.parametrize(
    ("name", "changes", "setting"),
    [
        ("intents", {"message__timestamp__type": "CreateTime"}, "message.timestamp.type"),
        ("intents", {"compression__type": "producer"}, "compression.type"),
        ("intents", {"compression__type": "gzip"}, "compression.type"),
        ("results", {"compression__type": "zstd"}, "compression.type"),
        ("intents", {"max__message__bytes": "1048588"}, "max.message.bytes"),
        ("audit", {"max__message__bytes": "1000"}, "max.message.bytes"),
        ("audit", {"cleanup__policy": "compact"}, "cleanup.policy"),
        ("audit", {"cleanup__policy": "compact,delete"}, "cleanup.policy"),
        ("audit", {"retention__ms": "604800000"}, "retention.ms"),
        ("audit", {"retention__bytes": "1073741824"}, "retention.bytes"),
        ("control", {"cleanup__policy": "compact"}, "cleanup.policy"),
        ("control", {"retention__ms": "31536000000"}, "retention.ms"),
        ("commands", {"retention__ms": "1000"}, "retention.ms"),
        ("keys", {"cleanup__policy": "delete"}, "cleanup.policy"),
        ("audit", {"unclean__leader__election__enable": "true"}, "unclean.leader.election.enable"),
        ("audit", {"replicas": 3, "min__insync__replicas": "1"}, "min.insync.replicas"),
    ],
)
def test_refuses_what_breaks_a_promise(name, changes, setting):
    """The one wrong setting is named with the topic, what it is, what it must be and how to mend it."""
    problems = plan({name: as_wanted(name, **changes)}, SETTINGS).problems
    assert [problem.setting for problem in problems] == [setting]
    assert str(problems[0]).startswith(f"p.{name}: {setting} is ")
    assert f"--topic p.{name} --add-config {setting}=" in problems[0].remedy


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("commands", {"retention__ms": "31536000000"}),
        ("commands", {"retention__ms": "-1"}),
        ("audit", {"replicas": 3, "min__insync__replicas": "2"}),
        ("audit", {"replicas": 5, "min__insync__replicas": "3"}),
        ("audit", {"replicas": 2}),
    ],
)
def test_accepts_what_keeps_more_than_was_promised(name, changes):
    """Longer retention and more in-sync replicas break nothing."""
    assert plan({name: as_wanted(name, **changes)}, SETTINGS).problems == ()


@pytest.mark.parametrize(("name", "found"), [("intents", 8), ("audit", 3), ("control", 2)])
def test_refuses_another_partition_count(name, found):
    """A run's records would be decided in one place and remembered in another."""
    right = as_wanted(name)
    problems = plan({name: Existing(found, 1, right.config)}, SETTINGS).problems
    assert [(p.setting, p.found) for p in problems] == [("partitions", str(found))]


def test_refuses_a_setting_that_the_broker_does_not_tell():
    """Unknown is not right."""
    problems = plan({"audit": Existing(4, 1, {})}, SETTINGS).problems
    assert {problem.found for problem in problems} == {"unknown"}
    assert len(problems) == len(BY_NAME["audit"].config()) + 1
