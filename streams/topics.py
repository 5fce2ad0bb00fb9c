"""The topics: one table that makes the documentation, and creates and checks the real ones.

`python -m toolgate.streams.topics` prints the documentation page.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

DAY_MS = 86_400_000
FOREVER = -1
INPUT_BYTES_MAX = 131_072
OUTPUT_BYTES_MAX = 1_048_576
VOTE_BATCH_BYTES_MAX = 262_144  # a vote carries the intent that it is about


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One row of the table."""

    name: str
    key: str = "run_id"
    value: str
    about: str
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    retention_ms: int  # the least that is kept; FOREVER
    bytes_max: int  # of a batch, as the broker counts it
    co_partitioned: bool = True  # else one partition
    cleanup: str = "delete"
    compression: str = "producer"
    timestamp_type: str = "LogAppendTime"

    def partitions(self, co_partitioned: int) -> int:
        """How many this topic has under a prefix whose co-partitioned topics have so many."""
        return co_partitioned if self.co_partitioned else 1

    def config(self) -> dict[str, str]:
        """Topic-level settings to create it with."""
        return {
            "cleanup.policy": self.cleanup,
            "compression.type": self.compression,
            "max.message.bytes": str(self.bytes_max),
            "message.timestamp.type": self.timestamp_type,
            "retention.bytes": "-1",
            "retention.ms": str(self.retention_ms),
        }


def _input(
    name: str, value: str, about: str, writers: tuple[str, ...], readers: tuple[str, ...] = ("gate",)
) -> Topic:
    """What others write record by record: small, and never compressed, because a small bomb must stay small."""
    return Topic(
        name=name,
        value=value,
        about=about,
        writers=writers,
        readers=readers,
        retention_ms=30 * DAY_MS,
        bytes_max=INPUT_BYTES_MAX,
        compression="uncompressed",
    )


def _output(name: str, value: str, about: str, readers: tuple[str, ...], days: int = 30) -> Topic:
    """What only the gate writes, inside its transactions."""
    return Topic(
        name=name,
        value=value,
        about=about,
        writers=("gate",),
        readers=readers,
        retention_ms=days * DAY_MS,
        bytes_max=OUTPUT_BYTES_MAX,
    )


TOPICS: tuple[Topic, ...] = (
    _input(
        "intents",
        "ToolCallIntent",
        "What agents want: a tool call, an account of model spend, or the end of a run.",
        writers=("agent",),
        readers=("gate", "approver", "console"),
    ),
    _input(
        "contracts",
        "RunContract",
        "What one run may touch, from whoever starts it, never from an agent.",
        writers=("starter",),
    ),
    _input(
        "results",
        "ToolCallResult",
        "What came of a command: STARTED before the effect, then one END.",
        writers=("executor",),
        readers=("gate", "agent", "executor", "watch"),
    ),
    replace(
        _input(
            "votes",
            "ApprovalVote",
            "An approver's word on a hold or a draft, that of whoever started its run that it is no longer wanted, and "
            "what people say of an outcome that nobody knew, or of who sees to what waits.",
            writers=("approver", "console", "operator", "starter"),
            readers=("gate", "approver", "console", "operator"),
        ),
        bytes_max=VOTE_BATCH_BYTES_MAX,
    ),
    _input("ticks", "Tick", "Due work in a partition: expiry of holds and reservations.", writers=("gate",)),
    Topic(
        name="control",
        key="scope and value",
        value="ControlRecord",
        about="Policy activation, kill, mode, grant; the watch may only tighten.",
        writers=("console", "operator", "watch"),
        readers=("gate", "executor", "auditor", "console", "operator", "watch"),
        retention_ms=FOREVER,
        bytes_max=INPUT_BYTES_MAX,
        co_partitioned=False,
        compression="uncompressed",
    ),
    _output(
        "commands",
        "ApprovedCommand",
        "What executors may do; expires within 15 minutes.",
        readers=("approver", "executor", "operator"),
        days=7,
    ),
    _output(
        "outcomes",
        "IntentOutcome",
        "What agents and starters are told: verdict, codes, what to repair; no parameters, no thresholds.",
        readers=("agent", "starter"),
        days=7,
    ),
    _output(
        "denials",
        "Denial",
        "Refusals with reasons and distances to allow: the near-miss stream.",
        readers=("console", "reviewer", "watch"),
    ),
    _output(
        "holds",
        "ReviewHold",
        "Decisions that wait for people; bodies by reference.",
        readers=("gate", "approver", "console", "notifier", "operator", "starter"),
    ),
    _output(
        "drafts",
        "Draft",
        "Writes turned into proposals; bodies by reference.",
        readers=("gate", "approver", "console", "notifier", "operator", "starter"),
    ),
    Topic(
        name="audit",
        value="AuditEvent",
        about="One event for every input record, in its partition: the truth that the ledger is a view of.",
        writers=("gate",),
        readers=("gate", "approver", "auditor", "console", "notifier", "operator"),
        retention_ms=FOREVER,
        bytes_max=OUTPUT_BYTES_MAX,
    ),
    replace(
        _output(
            "quarantine",
            "the original bytes",
            "What could not be read, untouched, with the reason in its headers.",
            readers=("operator",),
        ),
        key="the original key",
    ),
    replace(
        _output(
            "pulse",
            "Pulse",
            "One rollup for one batch, workflow and policy version.",
            readers=("watch",),
        ),
        key="workflow_id",
    ),
    replace(
        _input(
            "reviews",
            "Review",
            "What people find of completed commands when they look at them afterwards; the gate does not read it.",
            writers=("approver", "operator"),
            readers=("approver", "auditor", "operator", "watch"),
        ),
        key="workflow_id",
    ),
    Topic(
        name="policies",
        key="file/<digest> or set/<digest>",
        value="a policy file's bytes, or the manifest of a set",
        about="Policy sets by digest. Never compacted: an activation counts by where its set stood first.",
        writers=("operator",),
        readers=("gate", "auditor", "console", "operator", "watch"),
        retention_ms=FOREVER,
        bytes_max=OUTPUT_BYTES_MAX,
        co_partitioned=False,
    ),
    Topic(
        name="registries",
        key="registry and entry",
        value="reference data",
        about="Contacts, vendors and the like, for policies to ask.",
        writers=("operator",),
        readers=("gate",),
        retention_ms=FOREVER,
        bytes_max=OUTPUT_BYTES_MAX,
        co_partitioned=False,
        cleanup="compact",
    ),
    Topic(
        name="keys",
        key="key id",
        value="public key",
        about="Public keys and key ids with their roles; never a secret.",
        writers=("operator",),
        readers=("gate", "auditor"),
        retention_ms=FOREVER,
        bytes_max=INPUT_BYTES_MAX,
        co_partitioned=False,
        cleanup="compact",
    ),
    Topic(
        name="snapshots",
        key="snapshot and part",
        value="accounts at a stable seq",
        about="Where recovery starts instead of at the beginning.",
        writers=("gate",),
        readers=("gate",),
        retention_ms=FOREVER,
        bytes_max=OUTPUT_BYTES_MAX,
        co_partitioned=False,
    ),
    Topic(
        name="seen",
        key="segment",
        value="ids of first decisions, those new since the last snapshot",
        about="What a recovery would otherwise read from the audit to know each id that was used.",
        writers=("gate",),
        readers=("gate",),
        retention_ms=7 * DAY_MS,  # ids are remembered for 30 hours
        bytes_max=OUTPUT_BYTES_MAX,
        co_partitioned=False,
    ),
    Topic(
        name="checkpoints",
        key="root",
        value="signed root",
        about="Signed roots of the audit log.",
        writers=("gate",),
        readers=("auditor",),
        retention_ms=FOREVER,
        bytes_max=INPUT_BYTES_MAX,
        co_partitioned=False,
    ),
    Topic(
        name="alerts",
        key="alert_id",
        value="Alert",
        about="What people on call should see: a grant, each command that is approved under one, what the watch finds.",
        writers=("gate", "watch"),
        readers=("on-call", "approver", "auditor", "notifier", "operator"),
        retention_ms=30 * DAY_MS,
        bytes_max=OUTPUT_BYTES_MAX,
        co_partitioned=False,
    ),
)
BY_NAME: dict[str, Topic] = {topic.name: topic for topic in TOPICS}

_PAGE = """# Topics

Made from `streams/topics.py` by `python -m toolgate.streams.topics`; do not edit.

The broker's name is `<prefix>.<topic>`, with `toolgate` as the default prefix. All co-partitioned topics of
a prefix have the same number of partitions, fixed for life (`TOOLGATE_PARTITIONS`, 8 unless set); the others
have one. `toolgate topics apply` creates what is missing and refuses, by name, what would break a promise.
Finite retention is the least: longer is accepted. `retention.bytes` is -1 everywhere, unclean leader election
is off, and a topic with three or more replicas needs `min.insync.replicas` of at least 2.

| topic | key | value | written by | read by | partitions | kept | largest batch | compression | time |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""


def as_markdown() -> str:
    """The page docs/reference/topics.md."""
    rows = []
    for topic in TOPICS:
        kept = "for ever" if topic.retention_ms == FOREVER else f"{topic.retention_ms // DAY_MS} days"
        cells = (
            f"`{topic.name}`",
            topic.key,
            topic.value,
            ", ".join(topic.writers),
            ", ".join(topic.readers),
            "co-partitioned" if topic.co_partitioned else "1",
            "newest of each key (compact)" if topic.cleanup == "compact" else kept,
            f"{topic.bytes_max:,} bytes",
            topic.compression,
            topic.timestamp_type,
        )
        rows.append("| " + " | ".join(cells) + " |\n")
    purposes = [f"- `{topic.name}`: {topic.about}\n" for topic in TOPICS]
    return _PAGE + "".join(rows) + "\nWhat each is for:\n\n" + "".join(purposes)


if __name__ == "__main__":
    print(as_markdown(), end="")  # noqa: T201 - printing is what it is for
