"""`toolgate contract`: what its words mean, before anything is sent."""

from __future__ import annotations

import pytest

from toolgate.cli import contract
from toolgate.streams.errors import SettingsError


def test_values_are_gathered_by_name():
    """A name alone says that there are none; text may have an equals sign."""
    words = ["payees=bob", "payees=a=b", "orders="]
    assert contract._values(words) == {"payees": ["bob", "a=b"], "orders": []}


@pytest.mark.parametrize("word", ["payees", "=bob", ""])
def test_a_value_has_a_name(word: str):
    """Else nobody could look at it."""
    with pytest.raises(SettingsError, match="has no name"):
        contract._values([word])
