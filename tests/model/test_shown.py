"""Each rule that only histories can show to be missing, taken away: one of them must show it.

The bugs and what else catches some of them stand in tests/zoo; `make zoo` runs those that unit tests notice as well.
"""

from __future__ import annotations

import pytest
from bug import Bug, InHistories
from bugs import BUGS
from showing import shown

SHOWN = [bug for bug in BUGS.values() if isinstance(bug.caught_by, InHistories)]


@pytest.mark.parametrize("bug", SHOWN, ids=lambda bug: bug.name)
def test_a_history_shows_that_the_rule_is_missing(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the rule, one of the seeds ends in a violation or in no rest; another error is the bug's own."""
    assert isinstance(bug.caught_by, InHistories)
    bug.patch(monkeypatch)
    assert shown(bug.caught_by), f"no history shows it: {bug.what}"
