"""The zoo is whole: every bug changes something that is there, and what is to catch it exists."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from bug import Bug, InHistories, InTests
from bugs import BUGS, THEMES
from worlds import WORLDS

ROOT = Path(__file__).parents[3]


class Noting(pytest.MonkeyPatch):
    """Notes what is set, and what stood there before."""

    def __init__(self) -> None:
        super().__init__()
        self.set: list[tuple[Any, str, Any]] = []

    def setattr(self, target: Any, name: Any, value: Any = None) -> None:  # type: ignore[override]
        """As pytest has it, for an object and a name."""
        self.set.append((target, name, getattr(target, name)))
        super().setattr(target, name, value)


@pytest.mark.parametrize("bug", BUGS.values(), ids=lambda bug: bug.name)
def test_a_bug_changes_what_is_there(bug: Bug) -> None:
    """Its targets exist, and are something else once it is in place."""
    patch = Noting()
    try:
        bug.patch(patch)
        assert patch.set
        assert [name for target, name, before in patch.set if getattr(target, name) is before] == []
    finally:
        patch.undo()


@pytest.mark.parametrize("bug", BUGS.values(), ids=lambda bug: bug.name)
def test_what_is_to_catch_it_exists(bug: Bug) -> None:
    """Tests by file and function, histories by their world."""
    assert bug.what.endswith(".")
    match bug.caught_by:
        case InTests(nodes):
            assert nodes
            for node in nodes:
                file, _, function = node.partition("[")[0].partition("::")
                assert re.search(rf"^def {function}\(", (ROOT / file).read_text("utf-8"), re.MULTILINE), node
        case InHistories(rates, world):
            assert world in WORLDS
            assert sum(rates.values()) < 1


def test_no_two_bugs_have_one_name() -> None:
    """Or one of them would be run under the name of the other."""
    assert len(BUGS) == sum(map(len, THEMES.values()))
