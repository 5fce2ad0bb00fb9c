"""`toolgate keys` as people run it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from toolgate.cli import app as module
from toolgate.processors.problems import LoadError
from toolgate.streams.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


def keys(*words: str) -> Result:
    """One command."""
    return CliRunner().invoke(module.app, ["keys", *words])


def test_makes_keys_and_lists_them_without_secrets(tmp_path: Path):
    """Three kinds of key in one file; no output ever has a secret."""
    ring = str(tmp_path / "keyring.yaml")
    made = [
        keys("new", "intent", "a-1", "--workflow", "w", "--keys", ring, "--json"),
        keys(
            "new",
            "executor",
            "e-1",
            "--executor",
            "desk",
            "--tool",
            "read_*",
            "--tool",
            "pay",
            "--keys",
            ring,
        ),
        keys("new", "operator", "o-1", "--role", "operator", "--keys", ring),
    ]
    assert [run.exit_code for run in made] == [0, 0, 0]
    assert json.loads(made[0].stdout)["secret_file"] == str(tmp_path / "a-1.secret")
    assert f"next:  toolgate gate --policies DIR --keys {ring}" in made[1].stderr
    assert made[0].stderr == ""
    rows = json.loads(keys("list", "--keys", ring, "--json").stdout)["keys"]
    assert [(row["kid"], row["kind"], row["may"]) for row in rows] == [
        ("a-1", "intent", ["intents"]),
        ("e-1", "executor", ["read_*", "pay"]),
        ("o-1", "operator", ["operator"]),
    ]
    listed = keys("list", "--keys", ring).stdout
    secrets = [path.read_text().strip() for path in (tmp_path / "a-1.secret", tmp_path / "o-1.private")]
    shown = listed + "".join(run.output for run in made) + json.dumps(rows)
    assert not any(secret in shown for secret in secrets)
    assert "a-1.secret" in listed


@pytest.mark.parametrize(
    ("words", "error", "told"),
    [
        (["new", "intent", "a b", "--workflow", "w"], LoadError, "kid"),
        (["new", "intent", "../up", "--workflow", "w"], LoadError, "kid"),
        (["new", "operator", "o", "--role", "king"], LoadError, "roles must be one of"),
        (
            ["new", "intent", "old", "--workflow", "w"],
            SettingsError,
            "there is a secret of this name already",
        ),
        (["list"], LoadError, "toolgate keys new"),
    ],
)
def test_refuses_and_leaves_nothing(tmp_path: Path, words: list[str], error: type[Exception], told: str):
    """A faulty key is no key: neither keyring nor secret is written."""
    (tmp_path / "old.secret").write_text("x")
    answer = keys(*words, "--keys", str(tmp_path / "keyring.yaml"))
    assert isinstance(answer.exception, error)
    assert told in str(answer.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["old.secret"]
