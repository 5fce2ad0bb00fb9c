"""The rights that each role needs on Kafka: from the table of topics, and no more than that."""

from __future__ import annotations

import pytest

from toolgate.streams import acl_plan
from toolgate.streams.settings import executor_group_id, executor_producer_config, load, reader_config
from toolgate.streams.topics import TOPICS

SETTINGS = load(bootstrap_servers="k:1", prefix="p")
PLAN = acl_plan.plan("p")


def may(role: str, operation: str, resource: str, name: str) -> bool:
    """Whether the plan gives a role this right."""
    return any(
        (grant.role, grant.resource) == (role, resource)
        and operation in grant.operations
        and (name == grant.name if grant.pattern == "literal" else name.startswith(grant.name))
        for grant in PLAN
    )


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_who_writes_and_reads_a_topic_may_and_nobody_else(topic):
    """The table of topics is the only place where it is said."""
    name = SETTINGS.topic(topic.name)
    for role in acl_plan.roles():
        assert may(role, "Write", "topic", name) == (role in topic.writers)
        assert may(role, "Read", "topic", name) == (role in topic.readers)


def test_agents_can_do_nothing_but_ask_and_listen():
    """The whole point: what an agent holds leads to no command."""
    topics = {
        (grant.name, grant.operations)
        for grant in PLAN
        if grant.role == "agent" and grant.resource == "topic"
    }
    assert topics == {("p.intents", ("Write",)), ("p.results", ("Read",)), ("p.outcomes", ("Read",))}


def test_the_gate_has_its_group_and_its_transactions():
    """Under the names that its settings give them; and it may check what every topic promises."""
    assert may("gate", "Read", "group", SETTINGS.group_id)
    assert may("gate", "Write", "transactional-id", SETTINGS.transactional_id(7))
    assert may("gate", "Write", "transactional-id", "p-snapshots")
    assert all(may("gate", "DescribeConfigs", "topic", SETTINGS.topic(topic.name)) for topic in TOPICS)
    assert {topic.name for topic in TOPICS if "gate" not in (*topic.writers, *topic.readers)} == {"reviews"}


def test_an_executor_has_its_group_and_its_transactions():
    """Under the names that its settings give them, whatever it is called."""
    assert may("executor", "Read", "group", executor_group_id(SETTINGS, "desk"))
    transactional_id = executor_producer_config(SETTINGS, "desk", "nonce")["transactional.id"]
    assert may("executor", "Write", "transactional-id", str(transactional_id))


def test_every_reader_may_ask_for_the_group_it_names():
    """A reader outside of any group names one all the same."""
    readers = {role for topic in TOPICS for role in topic.readers}
    assert all(may(role, "Describe", "group", str(reader_config(SETTINGS)["group.id"])) for role in readers)


def test_a_prefix_reaches_no_other():
    """`p` and `p2` are two trust zones: no right of one holds in the other."""
    assert not any(
        may(grant.role, operation, grant.resource, grant.name)
        for grant in acl_plan.plan("p2")
        for operation in grant.operations
    )


def test_commands_name_every_grant_once():
    """One command a grant, for all principals of its role; roles without principals get none."""
    lines = list(acl_plan.commands(PLAN, {"agent": ["User:a", "User:b"]}, "k:1"))
    assert len(lines) == sum(grant.role == "agent" for grant in PLAN)
    assert lines[0] == (
        "kafka-acls.sh --bootstrap-server k:1 --add --allow-principal User:a --allow-principal User:b "
        "--operation Write --topic p.intents --resource-pattern-type literal"
    )
