"""`toolgate submit`: an intent from options and files, and what is refused before anything is sent."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from toolgate.cli import app as module
from toolgate.cli.intent_file import FIELDS, arguments, micros
from toolgate.processors.problems import LoadError
from toolgate.sdk import Client
from toolgate.streams.errors import SettingsError
from toolgate.streams.gate import keys

WHOLE = {
    "run_id": "r",
    "tool": "t",
    "params": {"a": [1, {"b": None}]},
    "intent_id": "i",
    "tool_version": "2",
    "declared_cost_micros": 5,
    "declared_records": ["x"],
    "reason": "because",
    "ttl_ms": 1000,
    "dry_run": True,
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to stand in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def submit(*words: str, stdin: str | None = None):
    """One command, without any broker."""
    return CliRunner().invoke(module.app, ["submit", *words], input=stdin)


def test_a_file_may_say_everything(here):
    """All that the SDK takes, under its names."""
    (here / "intent.json").write_text(json.dumps(WHOLE))
    assert arguments("intent.json") == WHOLE | {"declared_records": ("x",)}
    assert set(WHOLE) == set(FIELDS)
    taken = Client.intent.__kwdefaults__.keys() | set(Client.intent.__annotations__)
    assert set(FIELDS) <= taken


def test_options_win_over_the_file(here):
    """So one file serves for many intents."""
    (here / "intent.json").write_text(json.dumps(WHOLE))
    found = arguments("intent.json", run_id="r2", tool=None, params={"c": 1})
    assert (found["run_id"], found["tool"], found["params"]) == ("r2", "t", {"c": 1})


def test_run_and_tool_are_enough():
    """Nothing else has to be said."""
    assert arguments(None, run_id="r", tool="t") == {
        "run_id": "r",
        "tool": "t",
        "params": {},
        "declared_records": (),
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not JSON"),
        ("[]", "is an array, not an object"),
        ('{"run_id": "a", "run_id": "b"}', "run_id"),
        ('{"runid": "a"}', "did you mean run_id?"),
        ('{"run_id": 1}', "run_id is not text"),
        ('{"params": []}', "params is not an object"),
        ('{"dry_run": 1}', "dry_run is not true or false"),
        ('{"ttl_ms": true}', "ttl_ms is not a whole number"),
        ('{"declared_records": [1]}', "declared_records has something that is no text"),
        ('{"tool": "t"}', "the intent lacks --run"),
        ('{"params": {"a": NaN}}', "not JSON"),
    ],
)
def test_refuses_a_file_that_says_something_else(here, text, told):
    """With the file's name; nothing is guessed."""
    (here / "intent.json").write_text(text)
    with pytest.raises(SettingsError) as caught:
        arguments("intent.json")
    assert told in str(caught.value)
    assert "intent.json" in str(caught.value)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "the intent lacks --run and --tool"),
        (["nowhere.json"], "cannot read the intent"),
        (["--run", "r", "--tool", "t", "--params", "{"], "--params"),
        (["--run", "r", "--tool", "t", "--cost", "$1"], "--cost: money is a plain decimal"),
        (["--run", "r", "--tool", "t"], "bootstrap_servers: not set"),
    ],
)
def test_refuses_by_name(here, words, told):
    """Before any broker is asked."""
    answer = submit(*words)
    assert isinstance(answer.exception, SettingsError)
    assert told in str(answer.exception)


def test_reads_stdin():
    """`-` is stdin, and said so in errors."""
    answer = submit("-", stdin='{"tool": 5}')
    assert isinstance(answer.exception, SettingsError)
    assert "tool is not text" in str(answer.exception)


def test_costs_are_dollars():
    """As in policies."""
    assert micros("0.35") == 350_000


def test_signs_with_the_only_key_that_is_meant(here):
    """Only its own secret has to be at hand; where several keys are meant, they are named."""
    ring = here / "keyring.yaml"
    keys.new_intent(ring, "a-1", "alpha")
    keys.new_intent(ring, "b-1", "beta").unlink()
    keys.new_executor(ring, "e-1", "desk", ["*"]).unlink()
    assert keys.load_intent(ring, workflow_id="alpha").kid == "a-1"
    assert keys.load_intent(ring, kid="a-1").workflow_id == "alpha"


@pytest.mark.parametrize(
    ("kid", "workflow", "told"),
    [
        (None, None, "several keys for intents; name one: a-1 (workflow alpha), b-1 (workflow beta)"),
        ("c-1", None, "no key c-1 for intents; name one"),
        ("a-1", "beta", "no key a-1 of workflow beta for intents"),
        (None, "beta", "key b-1: secret file"),
    ],
)
def test_says_which_keys_there_are(here, kid, workflow, told):
    """Or what is wrong with the one that is meant."""
    ring = here / "keyring.yaml"
    keys.new_intent(ring, "a-1", "alpha")
    keys.new_intent(ring, "b-1", "beta").unlink()
    with pytest.raises(LoadError) as caught:
        keys.load_intent(ring, kid, workflow)
    assert told in str(caught.value)


def test_an_empty_keyring_says_how_to_make_a_key(here):
    """The command to type."""
    ring = here / "keyring.yaml"
    keys.new_executor(ring, "e-1", "desk", ["*"])
    with pytest.raises(LoadError, match="toolgate keys new intent"):
        keys.load_intent(ring)
