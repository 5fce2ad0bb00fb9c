"""What the log on Kafka commits a batch under."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from toolgate.streams.log.kafka import KafkaLog
from toolgate.streams.ports import INPUTS, Assignment
from toolgate.streams.settings import load


def test_a_batch_commits_as_it_was_assigned():
    """Never under the group's metadata of now: a partition may have gone to another member since, and come back."""
    log: Any = KafkaLog(load(bootstrap_servers="nowhere:9092"), lambda _: None, INPUTS)
    log._consumer = SimpleNamespace(consumer_group_metadata=lambda: "of now")
    log._producer = SimpleNamespace(commit=lambda _offsets, metadata: iter([metadata]))
    assert list(log.commit({}, Assignment(1, frozenset(), "as assigned"))) == ["as assigned"]
