"""`toolgate review`: whose findings count, before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolgate.cli.review import _reviewer
from toolgate.streams.errors import ControlRefusedError
from toolgate.streams.gate import keys

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("role", ["operator", "approver"])
def test_people_who_may_operate_or_approve_review(role: str, tmp_path: Path) -> None:
    """Their key signs."""
    ring = tmp_path / "keyring.yaml"
    keys.new_operator(ring, "ann", [role])
    assert _reviewer(ring, "ann").kid == "ann"


@pytest.mark.parametrize("role", ["watch", "publisher", "starter"])
def test_what_would_not_count_is_not_sent(role: str, tmp_path: Path) -> None:
    """No watch would read it, and the list would have it as looked at."""
    ring = tmp_path / "keyring.yaml"
    keys.new_operator(ring, "eye", [role])
    with pytest.raises(ControlRefusedError, match="neither an operator's nor an approver's"):
        _reviewer(ring, "eye")
