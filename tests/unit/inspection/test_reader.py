"""The reader of a topic where nobody answers; what it reads is tested on a real broker."""

from __future__ import annotations

import pytest

from toolgate.inspection import reader
from toolgate.inspection.reader import TopicReader
from toolgate.streams.errors import UnreachableError
from toolgate.streams.settings import load


def test_says_which_kafka_does_not_answer(monkeypatch):
    """Within a limit, with the topic and the address."""
    monkeypatch.setattr(reader, "ASK_S", 0.5)
    with pytest.raises(UnreachableError) as caught:
        TopicReader(load(bootstrap_servers="127.0.0.1:1"), "audit")
    assert "toolgate.audit at 127.0.0.1:1" in str(caught.value)
