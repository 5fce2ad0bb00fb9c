"""The quickstart and what goes on from there, followed to the letter: a new user's first minutes end as they say."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from walkthrough import Reader, blocks

ROOT = Path(__file__).parents[2]
PAGES = (
    "quickstart.md",
    "guides/stopping.md",
    "guides/changing-policies.md",
)  # each begins where the one before ends


@pytest.mark.real
@pytest.mark.timeout(400)
def test_the_pages_do_what_they_say(tmp_path: Path):
    """Every file is saved, every command typed, and every line of output that the page shows is there."""
    (tmp_path / "toolgate").symlink_to(ROOT)  # the folder that holds the clone
    environment = {
        "HOME": os.environ["HOME"],
        "PATH": os.environ["PATH"],
        "TOOLGATE_METRICS_PORT": "0",  # other gates run on this machine
        "COLUMNS": "160",
    }
    with Reader(tmp_path, environment) as reader:
        for page in PAGES:
            for block in blocks((ROOT / "docs" / page).read_text("utf-8")):
                reader.follow(block)
