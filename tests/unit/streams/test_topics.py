"""The table of topics keeps the promises of the design, and its page is made from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolgate.schemas import records
from toolgate.streams.topics import BY_NAME, FOREVER, TOPICS, as_markdown

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "topics.md"
AGENT_SIDE = ["intents", "contracts", "results", "votes", "ticks", "control"]
OTHERS = ["reviews"]  # written record by record as inputs are, and not read by the gate


def test_the_page_is_made_from_the_table():
    """Run `python -m toolgate.streams.topics > docs/reference/topics.md` when this fails."""
    assert PAGE.read_text(encoding="utf-8") == as_markdown()


def test_names_are_unique():
    """One row for one name."""
    assert len(BY_NAME) == len(TOPICS) == 22


def test_time_is_the_brokers_everywhere():
    """A decision's time may never be the writer's word."""
    assert {topic.timestamp_type for topic in TOPICS} == {"LogAppendTime"}


@pytest.mark.parametrize("name", [*AGENT_SIDE, *OTHERS])
def test_inputs_are_small_and_never_compressed(name):
    """A few kilobytes of gzip must not become hundreds of megabytes in the gate."""
    size = 262_144 if name == "votes" else 131_072  # a vote carries the intent that it is about
    assert (BY_NAME[name].compression, BY_NAME[name].bytes_max) == ("uncompressed", size)


@pytest.mark.parametrize("name", ["audit", "control", "policies", "snapshots", "checkpoints"])
def test_what_recovery_needs_is_kept_for_ever(name):
    """Neither time nor compaction may take from it."""
    assert (BY_NAME[name].retention_ms, BY_NAME[name].cleanup) == (FOREVER, "delete")


@pytest.mark.parametrize(
    "name", ["commands", "outcomes", "denials", "holds", "drafts", "audit", "quarantine", "pulse"]
)
def test_only_the_gate_writes_what_it_decides(name):
    """An approved command that somebody else could write would be no approval."""
    assert BY_NAME[name].writers == ("gate",)


def test_agents_write_intents_and_nothing_else():
    """The agent's only way to the outside is through a decision."""
    assert [topic.name for topic in TOPICS if "agent" in topic.writers] == ["intents"]
    assert "agent" not in BY_NAME["commands"].readers


def test_people_write_reviews_and_the_gate_reads_none():
    """What is found afterwards decides nothing; it lies beside the pulses of its workflow."""
    topic = BY_NAME["reviews"]
    assert (topic.key, topic.co_partitioned) == ("workflow_id", True)
    assert topic.writers == ("approver", "operator")
    assert "gate" not in topic.readers


def test_the_audit_lies_beside_its_inputs():
    """An audit event goes to the partition of its input, so the counts must be equal."""
    assert all(BY_NAME[name].co_partitioned for name in ["audit", *AGENT_SIDE] if name != "control")
    assert not BY_NAME["control"].co_partitioned


def test_every_record_type_has_its_topic():
    """A value that names a record names one whose class says so."""
    values = {topic.value for topic in TOPICS}
    documented = {
        "ToolCallIntent",
        "ApprovedCommand",
        "IntentOutcome",
        "ToolCallResult",
        "ControlRecord",
        "AuditEvent",
    }
    assert documented <= values
    assert records.AuditEvent.__doc__
    assert "toolgate.audit" in records.AuditEvent.__doc__
