"""A log in memory for whoever prints it."""

from __future__ import annotations

import pytest
from written import Written


@pytest.fixture
def written() -> Written:
    """An empty log."""
    return Written()
