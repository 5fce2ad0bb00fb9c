"""A pytest plugin that puts a bug in place for a whole run: `-p zoo_plugin`, the bug's name in ZOO_BUG.

It comes before anything is collected, so tests that import a function by name get the one with the bug.
"""

from __future__ import annotations

import os

import pytest
from bugs import BUGS

_PATCH = pytest.MonkeyPatch()


def pytest_configure() -> None:
    """Put it in place."""
    BUGS[os.environ["ZOO_BUG"]].patch(_PATCH)


def pytest_unconfigure() -> None:
    """Take it away."""
    _PATCH.undo()
