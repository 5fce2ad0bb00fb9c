"""`toolgate tail`: what is refused before any broker is asked."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from toolgate.cli import app as module
from toolgate.streams.errors import SettingsError


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["denial"], "did you mean denials?"),
        (["outcomes", "--workflow", "w"], "--workflow finds nothing in outcomes"),
        (["audit", "--from", "end", "--last", "3"], "--from and --last exclude each other"),
        (["audit"], "bootstrap_servers: not set"),
    ],
)
def test_refuses_by_name(words, told, tmp_path, monkeypatch):
    """What, where, what to do."""
    monkeypatch.chdir(tmp_path)
    answer = CliRunner().invoke(module.app, ["tail", *words])
    assert isinstance(answer.exception, SettingsError)
    assert told in str(answer.exception)


@pytest.mark.parametrize(
    "words", [["audit", "--last", "-1"], ["audit", "--limit", "0"], [], ["audit", "--x"]]
)
def test_wrong_words_are_usage(words):
    """Exit code 2 with the usage, as everywhere."""
    assert CliRunner().invoke(module.app, ["tail", *words]).exit_code == 2
