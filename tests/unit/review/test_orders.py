"""An operator's word, before anything is asked of Kafka."""

from __future__ import annotations

import pytest

from toolgate.review import orders


@pytest.mark.parametrize(
    ("workflow", "tenant", "target"),
    [
        ("refunds", None, ("workflow", "refunds")),
        ("refunds", "acme", ("workflow", "acme/refunds")),
        ("*", "acme", ("tenant", "acme")),
        ("*", None, ("all", "")),
    ],
)
def test_names_what_the_order_is_about(workflow, tenant, target):
    """One workflow of one tenant or of all, a whole tenant, or everything."""
    assert orders.target(workflow, tenant) == target
