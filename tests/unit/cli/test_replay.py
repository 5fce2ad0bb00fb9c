"""`toolgate replay`: what is refused before any broker is asked."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from toolgate.cli import app as module
from toolgate.processors.problems import LoadError
from toolgate.streams.errors import SettingsError

NOWHERE = ["--bootstrap-servers", "127.0.0.1:1"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "bootstrap_servers: not set"),
        (NOWHERE, "name the keyring that the gate has"),
    ],
)
def test_refuses_by_name(words, told, tmp_path, monkeypatch):
    """What, where, what to do."""
    monkeypatch.chdir(tmp_path)
    answer = CliRunner().invoke(module.app, ["replay", *words])
    assert isinstance(answer.exception, SettingsError)
    assert told in str(answer.exception)


@pytest.mark.parametrize("option", ["--policy", "--keys"])
def test_files_that_are_not_there_are_told_first(option, tmp_path):
    """Nothing is read for long before."""
    words = ["replay", *NOWHERE, option, str(tmp_path / "none")]
    answer = CliRunner().invoke(module.app, [*words, *(["--insecure-dev"] if option == "--policy" else [])])
    assert isinstance(answer.exception, LoadError)
