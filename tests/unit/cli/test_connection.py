"""Which Kafka a command talks to: what it was told, or the local stack that runs in its folder."""

from __future__ import annotations

import json
import os

import pytest

from toolgate.cli import connection
from toolgate.streams.errors import SettingsError
from toolgate.streams.settings import load

NOTED = {
    "bootstrap_servers": "127.0.0.1:1",
    "redis_url": "redis://127.0.0.1:2/0",
    "prefix": "mine",
    "partitions": 3,
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder in which a local stack runs, and we are two folders below it."""
    dev = tmp_path / connection.DEV
    dev.mkdir(parents=True)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    with connection.announced(dev, load(**NOTED)):
        yield tmp_path


def test_finds_the_local_stack_of_a_folder_above(folder, capsys):
    """Nobody has to export anything; which Kafka it is, is said on stderr."""
    found = connection.load()
    assert {name: getattr(found, name) for name in NOTED} == NOTED
    told = capsys.readouterr()
    assert told.out == ""
    assert str(folder / connection.DEV) in told.err


def test_options_win_over_the_local_stack(folder):
    """Another prefix on the same stack is a sensible thing to ask for."""
    found = connection.load(prefix="other", redis_url=None)
    assert (found.prefix, found.partitions, found.redis_url) == ("other", 3, NOTED["redis_url"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOOLGATE_BOOTSTRAP_SERVERS", "kafka:9092"),
        ("TOOLGATE_REDIS_URL", "redis://r:1"),
        ("TOOLGATE_KAFKA", '{"security.protocol": "SSL"}'),
    ],
)
def test_who_speaks_of_another_kafka_is_never_given_the_local_one(folder, monkeypatch, name, value):
    """A ledger of one cluster and the log of another would be a disaster."""
    monkeypatch.setenv(name, value)
    if name == "TOOLGATE_BOOTSTRAP_SERVERS":
        assert connection.load().redis_url is None
    else:
        with pytest.raises(SettingsError, match="bootstrap_servers: not set"):
            connection.load()


def test_a_variable_wins_over_the_note(folder, monkeypatch):
    """Only what is unsaid is taken from the local stack."""
    monkeypatch.setenv("TOOLGATE_PREFIX", "said")
    assert connection.load().prefix == "said"


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"pid": 1}', json.dumps({"pid": 2**22 + 1, **NOTED}), json.dumps({"pid": "x", **NOTED})],
)
def test_a_note_that_nobody_stands_behind_is_none(folder, text):
    """A stack that was killed leaves its note; its addresses lead nowhere."""
    (folder / connection.DEV / connection.NOTE).write_text(text)
    assert connection.running() is None
    with pytest.raises(SettingsError, match="bootstrap_servers: not set"):
        connection.load()


def test_the_note_goes_with_the_stack(tmp_path, monkeypatch):
    """It stands as long as the stack runs, and says who runs it."""
    dev = tmp_path / connection.DEV
    dev.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with connection.announced(dev, load(**NOTED)):
        assert json.loads((dev / connection.NOTE).read_text())["pid"] == os.getpid()
        assert connection.running() == (dev, NOTED)
    assert list(dev.iterdir()) == []
