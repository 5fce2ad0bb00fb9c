"""Who needs which rights on Kafka: made from the table of topics, so that the two cannot disagree.

Least privilege: whoever is not named has none. The rights of one prefix touch nothing of another. READ and WRITE
include DESCRIBE; a producer that is idempotent only needs WRITE on its topics.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolgate.streams.topics import TOPICS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

DEPLOYER = "deployer"  # whoever runs `toolgate topics apply` and `check`


@dataclass(frozen=True, slots=True)
class Grant:
    """What one role may do with one resource. `pattern` is literal or prefixed, Kafka's two ways to name one."""

    role: str
    resource: str  # topic, group, transactional-id
    name: str
    pattern: str
    operations: tuple[str, ...]  # Read, Write, Describe, DescribeConfigs, Create
    why: str


def plan(prefix: str) -> tuple[Grant, ...]:
    """Every right that the roles of a prefix need, by role."""
    grants = (*_topics(prefix), *_settings(prefix), *_groups(prefix), *_transactions(prefix))
    return tuple(sorted(grants, key=lambda grant: grant.role))


def roles() -> tuple[str, ...]:
    """The roles by name."""
    named = {role for topic in TOPICS for role in (*topic.writers, *topic.readers)}
    return tuple(sorted({*named, DEPLOYER}))


def commands(
    grants: Sequence[Grant], principals: Mapping[str, Sequence[str]], bootstrap_servers: str
) -> Iterator[str]:
    """The `kafka-acls.sh` commands that make these rights, one for each grant and all its principals.

    Args:
        grants: from `plan`.
        principals: role -> its principals, such as "User:billing-agents". A role that is missing gets no command.
        bootstrap_servers: the cluster's.
    """
    for grant in grants:
        allowed = principals.get(grant.role, ())
        if not allowed:
            continue
        words = ["kafka-acls.sh", "--bootstrap-server", bootstrap_servers, "--add"]
        words += [word for principal in allowed for word in ("--allow-principal", principal)]
        words += [word for operation in grant.operations for word in ("--operation", operation)]
        words += [f"--{grant.resource}", grant.name, "--resource-pattern-type", grant.pattern]
        yield shlex.join(words)


def _topics(prefix: str) -> Iterator[Grant]:
    for topic in TOPICS:
        for role in dict.fromkeys((*topic.writers, *topic.readers)):
            named = (("Read", topic.readers), ("Write", topic.writers))
            operations = tuple(operation for operation, who in named if role in who)
            yield Grant(role, "topic", f"{prefix}.{topic.name}", "literal", operations, topic.value)


def _groups(prefix: str) -> Iterator[Grant]:
    """Who reads outside of any group names this one all the same: the client asks who coordinates it."""
    for role in sorted({role for topic in TOPICS for role in topic.readers}):
        yield Grant(role, "group", f"{prefix}-reader", "literal", ("Describe",), "to read without joining")
    yield Grant(
        "gate", "group", f"{prefix}-gate", "literal", ("Read",), "to share partitions and commit offsets"
    )
    executors = f"{prefix}-executor-"
    yield Grant("executor", "group", executors, "prefixed", ("Read",), "one group for each executor id")
    yield Grant(
        "notifier", "group", f"{prefix}-notify-", "prefixed", ("Read",), "one group for each endpoint"
    )
    yield Grant("watch", "group", f"{prefix}-watch", "prefixed", ("Read",), "its consumer group")


def _transactions(prefix: str) -> Iterator[Grant]:
    names = (
        ("gate", f"{prefix}-gate-", "prefixed", "one for each worker"),
        ("gate", f"{prefix}-snapshots", "literal", "the snapshot process"),
        ("executor", f"{prefix}-executor-", "prefixed", "one for each executor process"),
    )
    for role, name, pattern, why in names:
        yield Grant(role, "transactional-id", name, pattern, ("Write",), why)


def _settings(prefix: str) -> Iterator[Grant]:
    whole = f"{prefix}."
    why = "toolgate topics apply and check"
    for role in ("gate", "watch"):  # also topics that it neither reads nor writes: all of them are looked for
        yield Grant(
            role, "topic", whole, "prefixed", ("Describe", "DescribeConfigs"), "checks what topics promise"
        )
    changelogs = ("Create", "Describe", "Read", "Write")
    yield Grant("watch", "topic", f"{prefix}-watch-", "prefixed", changelogs, "the changelogs of its tables")
    yield Grant(DEPLOYER, "topic", whole, "prefixed", ("Create", "Describe", "DescribeConfigs"), why)
