"""Recordings that the repository does not hold: named by a variable, or found beside the checkout."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Read when this file is: variables of ours are taken away before each test.
_NAMED = os.environ.get("TOOLGATE_AIRLINE_RUNS")
_BESIDE = Path(__file__).parents[3] / "shared" / "data" / "airline_runs.jsonl"


@pytest.fixture
def airline_runs() -> Path:
    """The recorded runs of an airline's service desk; the test is skipped where they are not at hand."""
    path = Path(_NAMED) if _NAMED else _BESIDE
    if not path.exists():
        pytest.skip(f"the airline recording is not at {path}: name it by TOOLGATE_AIRLINE_RUNS")
    return path
