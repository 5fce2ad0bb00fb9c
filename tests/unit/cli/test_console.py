"""`toolgate console` as people run it, before anything is asked of Kafka."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from toolgate.cli import app as module
from toolgate.cli import extras
from toolgate.console import users
from toolgate.processors.problems import LoadError
from toolgate.streams.errors import SettingsError
from toolgate.streams.gate import keys

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

PASSWORD = "correct horse battery"


@pytest.fixture
def user(tmp_path: Path):
    """`toolgate console user`, with a keyring that has bob."""
    keys.new_operator(tmp_path / "keyring.yaml", "bob", ["approver"])

    def run(*words: str, typed: str = f"{PASSWORD}\n") -> Result:
        files = ["--users", str(tmp_path / "users.json")]
        files += ["--keys", str(tmp_path / "keyring.yaml")] if words[0] == "add" else []
        return CliRunner().invoke(module.app, ["console", "user", *words, *files], input=typed)

    return run


def test_adds_lists_and_removes(user, tmp_path):
    """With a key or without; no output ever has a secret."""
    added = user("add", "bob", "--key", "bob", "--password-stdin", "--json")
    assert json.loads(added.stdout) == {
        "name": "bob",
        "kid": "bob",
        "users_file": str(tmp_path / "users.json"),
    }
    typed = user("add", "guest", typed=f"{PASSWORD}\n{PASSWORD}\n")
    assert "guest can sign in and reads only" in typed.stdout
    assert PASSWORD not in added.output + typed.output
    (bob, guest) = users.read(tmp_path / "users.json")
    assert users.opened(bob, PASSWORD) is not None
    assert guest.kid == ""
    assert json.loads(user("list", "--json").stdout) == {
        "users": [{"name": "bob", "kid": "bob"}, {"name": "guest", "kid": ""}]
    }
    assert "reads only" in user("list").stdout
    assert "cannot sign in any longer" in user("remove", "guest").stdout
    assert [one.name for one in users.read(tmp_path / "users.json")] == ["bob"]


@pytest.mark.parametrize(
    ("words", "typed", "says"),
    [
        (("add", "bob", "--password-stdin"), "short\n", "the password has 5 characters"),
        (("add", "no good", "--password-stdin"), PASSWORD, "user name"),
        (("add", "eve", "--key", "eve", "--password-stdin"), PASSWORD, "no operator has key eve"),
        (("remove", "eve"), "", "there is no user eve"),
    ],
)
def test_says_what_is_wrong(user, tmp_path, words, typed, says):
    """And changes nothing."""
    done = user(*words, typed=typed)
    assert isinstance(done.exception, SettingsError | LoadError)
    assert says in str(done.exception)
    assert not (tmp_path / "users.json").exists()


def test_a_user_is_replaced_only_when_that_is_said(user, tmp_path):
    """As after a forgotten password."""
    user("add", "guest", "--password-stdin")
    assert "there is a user guest already" in str(user("add", "guest", "--password-stdin").exception)
    assert (
        user("add", "guest", "--password-stdin", "--replace", typed="another one entirely\n").exit_code == 0
    )
    assert len(users.read(tmp_path / "users.json")) == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--idle", "never"], "--idle never"),
        (["--recent", "1y"], "--recent 1y"),
        (["--host", "192.0.2.1", "--port", "0"], "cannot listen"),
    ],
)
def test_says_what_it_cannot_serve(tmp_path, words, says):
    """Before it has begun."""
    keys.new_operator(tmp_path / "keyring.yaml", "bob", ["approver"])
    files = ["--keys", str(tmp_path / "keyring.yaml"), "--users", str(tmp_path / "users.json")]
    done = CliRunner().invoke(
        module.app, ["console", "--bootstrap-servers", "127.0.0.1:9", *files, *words], catch_exceptions=True
    )
    assert isinstance(done.exception, SettingsError)
    assert says in str(done.exception)


@pytest.mark.parametrize(
    "words", [["console"], ["notify", "--webhooks", "{file}", "--bootstrap-servers", "127.0.0.1:9"]]
)
def test_says_which_packages_are_missing(tmp_path, monkeypatch, words):
    """Before anything is begun, whichever command it is."""
    file = tmp_path / "webhooks.yaml"
    file.write_text("endpoints: [{name: a, url: https://h.example/x, secret_env: S}]", encoding="utf-8")
    monkeypatch.setenv("S", "c" * 32)
    monkeypatch.setattr(extras, "find_spec", lambda _: None)
    done = CliRunner().invoke(module.app, [word.format(file=file) for word in words])
    assert f"`toolgate {words[0]}` needs " in str(done.exception)
