"""What `toolgate grant` and `toolgate revoke` make of their words, before anything is sent."""

from __future__ import annotations

import pytest

from toolgate.cli.granting import _rows, target_of
from toolgate.processors.control_state import ControlState
from toolgate.schemas.records import Control
from toolgate.streams.errors import SettingsError

WORD = Control("g", "grant", "run", "r", "fire", ("ann", "ben"), version=1, expires_at=50, tools=("pay",))


def test_a_bare_name_is_everybodys():
    """With a tenant it is that one's."""
    assert target_of("grant", "workflow", "w", None) == ("workflow", "w")
    assert target_of("grant", "run", "r", "acme") == ("run", "acme/r")


@pytest.mark.parametrize(
    ("scope", "name", "what"),
    [
        ("all", None, "'all' is no scope"),
        ("tenant", "acme", "'tenant' is no scope"),
        ("run", None, "which run"),
    ],
)
def test_a_grant_is_for_one_workflow_or_run(scope, name, what):
    """Anything wider, or nothing, is refused."""
    with pytest.raises(SettingsError, match=what):
        target_of("grant", scope, name, None)


def test_what_has_ended_is_not_listed():
    """By its time or by people."""
    state = ControlState().apply(WORD, 0)
    assert [row["value"] for row in _rows(state, 50)] == ["r"]
    assert _rows(state, 51) == []
    ended = Control("e", "grant", "run", "r", "over", ("ann",))
    assert _rows(state.apply(ended, 1), 50) == []
