"""Comparing the table of topics with what a broker has: pure, and nothing is ever altered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolgate.streams.topics import FOREVER, TOPICS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolgate.streams.settings import Settings
    from toolgate.streams.topics import Topic

# What a broken setting would cost, said to whoever has to mend it.
_BROKEN_PROMISE = {
    "cleanup.policy": "records would be lost or mixed up",
    "compression.type": "a small record could fill the readers' memory",
    "max.message.bytes": "records would be refused, or larger ones let in than readers are built for",
    "message.timestamp.type": "the time in a decision would be the writer's word",
    "retention.bytes": "records would be lost before their time",
    "retention.ms": "records would be lost before their time",
    "unclean.leader.election.enable": "committed decisions could be lost",
    "min.insync.replicas": "a decision could be acknowledged by one broker and lost with it",
}
CHECKED = tuple(_BROKEN_PROMISE)


@dataclass(frozen=True, slots=True)
class Existing:
    """A topic as the broker has it; `config` holds the settings named in CHECKED."""

    partitions: int
    replicas: int  # of the partition that has the fewest
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Problem:
    """One promise that a topic would break."""

    topic: str  # the broker's name
    setting: str
    found: str
    wanted: str
    remedy: str

    def __str__(self) -> str:
        why = _BROKEN_PROMISE.get(self.setting)
        reason = f" ({why})" if why else ""
        return f"{self.topic}: {self.setting} is {self.found}, must be {self.wanted}{reason}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What has to be created, and what is in the way."""

    create: tuple[Topic, ...]
    problems: tuple[Problem, ...]


def plan(existing: Mapping[str, Existing], settings: Settings) -> Plan:
    """What `apply` would do, and why it would refuse. A wrong topic is never altered: that is for people.

    Args:
        existing: what the broker has, by logical name; names that the table does not have are ignored.
        settings: prefix and partition count.
    """
    problems: list[Problem] = []
    for topic in TOPICS:
        if topic.name in existing:
            problems += _compare(topic, existing[topic.name], settings)
    return Plan(tuple(topic for topic in TOPICS if topic.name not in existing), tuple(problems))


def _compare(topic: Topic, found: Existing, settings: Settings) -> list[Problem]:
    name, wanted = settings.topic(topic.name), topic.partitions(settings.partitions)
    problems = []
    if found.partitions != wanted:
        remedy = "a count is fixed for life, use another prefix"
        if topic.co_partitioned:
            remedy = (
                f"set TOOLGATE_PARTITIONS={found.partitions} if that is this prefix's count; else {remedy}"
            )
        problems.append(Problem(name, "partitions", str(found.partitions), str(wanted), remedy))
    expected = topic.config() | {"unclean.leader.election.enable": "false"}
    if found.replicas >= 3:
        expected["min.insync.replicas"] = "2"
    for setting, value in expected.items():
        actual = found.config.get(setting, "unknown")
        least = _is_least(setting, value)
        if actual == value or (least and _reaches(actual, value)):
            continue
        remedy = f"kafka-configs --alter --topic {name} --add-config {setting}={value}"
        problems.append(Problem(name, setting, actual, f"at least {value}" if least else value, remedy))
    return problems


def _is_least(setting: str, value: str) -> bool:
    """Whether more than `value` keeps the promise as well."""
    return setting == "min.insync.replicas" or (setting == "retention.ms" and value != str(FOREVER))


def _reaches(actual: str, least: str) -> bool:
    return actual == str(FOREVER) or (actual.isdigit() and int(actual) >= int(least))
