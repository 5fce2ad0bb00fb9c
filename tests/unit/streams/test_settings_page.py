"""The page about settings: all of them, each with what it takes and means."""

from __future__ import annotations

import tomllib

from toolgate.streams.settings import Settings
from toolgate.streams.settings_page import as_markdown

PAGE = as_markdown()
ROWS = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| `")]


def test_every_setting_is_there_once():
    """In the order of the model, so that what belongs together stands together."""
    assert [row[0].strip("`") for row in ROWS] == list(Settings.model_fields)


def test_every_setting_says_what_it_takes_and_means():
    """No cell is empty."""
    assert [row for row in ROWS if len(row) != 5 or not all(row)] == []


def test_no_default_shows_a_secret():
    """What connects to Kafka has no default to show."""
    assert next(row for row in ROWS if row[0] == "`kafka`")[3] == "none"


def test_the_file_on_the_page_is_one_that_loads():
    """Who copies the TOML example gets settings."""
    text = PAGE.split("```toml\n")[1].split("```")[0]
    settings = Settings(**tomllib.loads(text))
    assert (settings.partitions, settings.kafka["sasl.username"].get_secret_value()) == (64, "gate")
