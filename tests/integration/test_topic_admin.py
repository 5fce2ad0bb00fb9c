"""`topic_admin` against the real broker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolgate.streams import topic_admin, topics

if TYPE_CHECKING:
    from toolgate.streams.settings import Settings

pytestmark = pytest.mark.real


def test_a_fresh_prefix_passes_the_check(settings: Settings) -> None:
    """What apply has created keeps every promise, and a second apply has nothing to do."""
    admin = topic_admin.connect(settings)
    topic_admin.check(admin, settings)
    assert topic_admin.apply(admin, settings) == ()
    assert set(topic_admin.existing(admin, settings)) == set(topics.BY_NAME)
