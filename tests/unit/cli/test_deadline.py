"""A deadline as people write it."""

from __future__ import annotations

import time

import pytest

from toolgate.cli.deadline import deadline
from toolgate.streams.errors import SettingsError


def test_a_deadline_counts_from_now():
    """In epoch milliseconds."""
    before = time.time_ns() // 1_000_000
    assert before + 1_800_000 <= deadline("30m", "--for") <= time.time_ns() // 1_000_000 + 1_800_000


@pytest.mark.parametrize("text", ["", "30", "-1m", "1w"])
def test_a_deadline_is_a_duration(text: str):
    """And nothing else; the option is named."""
    with pytest.raises(SettingsError, match="--within"):
        deadline(text, "--within")
