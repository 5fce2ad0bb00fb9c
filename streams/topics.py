"""The topics: one table that makes the documentation, creates and checks the real ones, and plans who may do what.

`python -m toolgate.streams.topics` prints the documentation page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolgate.streams.settings import Settings

DAY_MS = 86_400_000
FOREVER = -1
INPUT_MAX = 131_072
OUTPUT_MAX = 1_048_576


@dataclass(frozen=True, slots=True)
class Topic:
    """One row. `retention_ms` is the least that is kept, -1 for ever; `size_max` is of a batch, in bytes."""

    name: str
    key: str
    value: str
    about: str
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    retention_ms: int
    size_max: int
    co_partitioned: bool = True  # else one partition
    cleanup: str = "delete"
    compression: str = "producer"
    timestamp_type: str = "LogAppendTime"

    def partitions(self, settings: Settings) -> int:
        """How many this topic has under a prefix."""
        return settings.partitions if self.co_partitioned else 1

    def config(self) -> dict[str, str]:
        """Topic-level settings to create it with; all but a longer finite retention must stay as they are."""
        return {
            "cleanup.policy": self.cleanup,
            "compression.type": self.compression,
            "max.message.bytes": str(self.size_max),
            "message.timestamp.type": self.timestamp_type,
            "retention.bytes": "-1",
            "retention.ms": str(self.retention_ms),
        }


def _input(
    name: str, value: str, about: str, writers: tuple[str, ...], readers: tuple[str, ...] = ("gate",)
) -> Topic:
    """What the gate decides on: small, and never compressed, because a small bomb must stay small."""
    return Topic(
        name, "run_id", value, about, writers, readers, 30 * DAY_MS, INPUT_MAX, compression="uncompressed"
    )


def _output(
    name: str, value: str, about: str, readers: tuple[str, ...], days: int = 30, key: str = "run_id"
) -> Topic:
    """What only the gate writes, inside its transactions."""
    return Topic(name, key, value, about, ("gate",), readers, days * DAY_MS, OUTPUT_MAX)


TOPICS: tuple[Topic, ...] = (
    _input("intents", "ToolCallIntent", "What agents want: a tool call, an account of model spend, or the end of a run.",
           ("agent",)),
    _input("contracts", "RunContract", "What one run may touch, from whoever starts it, never from an agent.",
           ("starter",)),
    _input("results", "ToolCallResult", "What came of a command: STARTED before the effect, then one END.",
           ("executor",), ("gate", "agent", "executor", "watch")),
    _input("votes", "ApprovalVote", "An approver's word on a hold or a draft.", ("approver",)),
    _input("ticks", "Tick", "Due work in a partition: expiry of holds and reservations.", ("gate",)),
    Topic("control", "scope and value", "ControlRecord", "Policy activation, kill, mode, grant; the watch may only tighten.",
          ("operator", "watch"), ("gate", "executor", "auditor"), FOREVER, INPUT_MAX, co_partitioned=False,
          compression="uncompressed"),
    _output("commands", "ApprovedCommand", "What executors may do; expires within 15 minutes.", ("executor",), days=7),
    _output("outcomes", "IntentOutcome", "What agents are told: verdict, codes, what to repair; no parameters, no thresholds.",
            ("agent",), days=7),
    _output("denials", "Denial", "Refusals with reasons and distances to allow: the near-miss stream.",
            ("reviewer", "watch")),
    _output("holds", "ReviewHold", "Decisions that wait for people; bodies by reference.", ("approver",)),
    _output("drafts", "Draft", "Writes turned into proposals; bodies by reference.", ("approver",)),
    Topic("audit", "run_id", "AuditEvent", "One event for every input record; its partition is the input's. The truth that "
          "the ledger is a view of.", ("gate",), ("gate", "auditor", "watch"), FOREVER, OUTPUT_MAX),
    _output("quarantine", "the original bytes", "What could not be read, untouched, with the reason in its headers.",
            ("operator",), key="the original key"),
    _output("pulse", "Pulse", "One rollup for one batch and workflow.", ("watch",), key="workflow_id"),
    Topic("policies", "digest", "policy set: manifest and blobs", "Policy sets by digest.", ("operator",), ("gate", "auditor"),
          FOREVER, OUTPUT_MAX, co_partitioned=False),
    Topic("registries", "registry and entry", "reference data", "Contacts, vendors and the like, for policies to ask.",
          ("operator",), ("gate",), FOREVER, OUTPUT_MAX, co_partitioned=False, cleanup="compact"),
    Topic("keys", "key id", "public key", "Public keys and key ids with their roles; never a secret.", ("operator",),
          ("gate", "auditor"), FOREVER, INPUT_MAX, co_partitioned=False, cleanup="compact"),
    Topic("snapshots", "snapshot and part", "accounts at a stable seq", "Where recovery starts instead of at the beginning.",
          ("gate",), ("gate",), FOREVER, OUTPUT_MAX, co_partitioned=False),
    Topic("checkpoints", "root", "signed root", "Signed roots of the audit log.", ("gate",), ("auditor",), FOREVER,
          INPUT_MAX, co_partitioned=False),
    Topic("alerts", "alert", "alert", "What people on call should see.", ("gate", "watch"), ("on-call",), 30 * DAY_MS,
          INPUT_MAX, co_partitioned=False),
)  # fmt: skip
BY_NAME: dict[str, Topic] = {topic.name: topic for topic in TOPICS}

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
    """A topic as the broker has it; `config` holds at least the settings in CHECKED."""

    partitions: int
    replicas: int
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
    """Compare the table with what the broker has. Nothing is ever altered: a wrong topic is for people.

    Args:
        existing: by logical name; other topics are ignored.
        settings: prefix and partition count.
    """
    problems: list[Problem] = []
    for topic in TOPICS:
        if topic.name in existing:
            problems += _compare(topic, existing[topic.name], settings)
    return Plan(tuple(topic for topic in TOPICS if topic.name not in existing), tuple(problems))


def _compare(topic: Topic, found: Existing, settings: Settings) -> list[Problem]:
    name, wanted = settings.topic(topic.name), topic.partitions(settings)
    problems = []
    if found.partitions != wanted:
        remedy = "its count is fixed for life, use another prefix"
        if topic.co_partitioned:
            remedy = (
                f"set TOOLGATE_PARTITIONS={found.partitions} if all of this prefix have that many, else "
                + remedy
            )
        problems.append(Problem(name, "partitions", str(found.partitions), str(wanted), remedy))
    expected = topic.config() | {"unclean.leader.election.enable": "false"}
    if found.replicas >= 3:
        expected["min.insync.replicas"] = "2"
    for setting, value in expected.items():
        actual = found.config.get(setting, "unknown")
        if not _keeps_promise(setting, value, actual):
            remedy = f"kafka-configs --alter --entity-type topics --entity-name {name} --add-config {setting}={value}"
            problems.append(Problem(name, setting, actual, _wanted(setting, value), remedy))
    return problems


def _keeps_promise(setting: str, wanted: str, found: str) -> bool:
    if setting == "min.insync.replicas" or (setting == "retention.ms" and wanted != str(FOREVER)):
        return found == str(FOREVER) or (found.isdigit() and int(found) >= int(wanted))
    return found == wanted


def _wanted(setting: str, value: str) -> str:
    at_least = setting == "min.insync.replicas" or (setting == "retention.ms" and value != str(FOREVER))
    return f"at least {value}" if at_least else value


def as_records(settings: Settings | None = None) -> list[dict[str, object]]:
    """The table for machines: one mapping for each topic, with the broker's name where settings are given."""
    return [
        {
            "name": topic.name,
            **(
                {"topic": settings.topic(topic.name), "partitions": topic.partitions(settings)}
                if settings
                else {}
            ),
            "co_partitioned": topic.co_partitioned,
            "key": topic.key,
            "value": topic.value,
            "about": topic.about,
            "writers": list(topic.writers),
            "readers": list(topic.readers),
            "config": topic.config(),
        }
        for topic in TOPICS
    ]


def as_markdown() -> str:
    """The page docs/reference/topics.md."""
    lines = [
        "# Topics",
        "",
        "Made from `streams/topics.py` by `python -m toolgate.streams.topics`; do not edit.",
        "",
        "The broker's name is `<prefix>.<topic>`, with `toolgate` as the default prefix. All co-partitioned topics of a",
        "prefix have the same number of partitions, fixed for life (`TOOLGATE_PARTITIONS`, 8 unless set); the others have",
        "one. `toolgate topics apply` creates what is missing and refuses, by name, what would break a promise. Finite",
        "retention is the least: longer is accepted. `retention.bytes` is -1 everywhere, and a topic with three or more",
        "replicas needs `min.insync.replicas` of at least 2.",
        "",
        "| topic | key | value | written by | read by | partitions | cleanup | kept | largest batch | compression | time |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for topic in TOPICS:
        kept = "for ever" if topic.retention_ms == FOREVER else f"{topic.retention_ms // DAY_MS} days"
        cells = (
            f"`{topic.name}`", topic.key, topic.value, ", ".join(topic.writers), ", ".join(topic.readers),
            "co-partitioned" if topic.co_partitioned else "1", topic.cleanup,
            "newest of each key" if topic.cleanup == "compact" else kept,
            f"{topic.size_max:,} bytes", topic.compression, topic.timestamp_type,
        )  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "What each is for:", ""]
    lines += [f"- `{topic.name}`: {topic.about}" for topic in TOPICS]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(as_markdown(), end="")  # noqa: T201 - printing is what it is for
