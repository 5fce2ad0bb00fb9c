"""`toolgate mode`: what its words mean, before anything is asked of Kafka."""

from __future__ import annotations

import pytest

from toolgate.cli import mode
from toolgate.streams.errors import SettingsError


@pytest.mark.parametrize(
    ("to", "signers", "says"),
    [
        (None, ["ann"], "no mode is named"),
        ("read-only", ["ann"], "did you mean read_only?"),
        ("read_only", [], "nobody signs"),
    ],
)
def test_says_what_is_missing(to, signers, says):
    """With what to type instead."""
    with pytest.raises(SettingsError, match="arguments") as caught:
        mode._check(to, signers)
    assert says in str(caught.value)
