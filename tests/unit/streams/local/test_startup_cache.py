"""Which startup cache belongs to which Java and class path."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolgate.streams.local import startup_cache

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def java(tmp_path: Path, monkeypatch) -> Path:
    """A Java that says what version it is."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    home = tmp_path / "java"
    (home / "bin").mkdir(parents=True)
    (home / "release").write_text('JAVA_VERSION="25.0.2"')
    return home / "bin" / "java"


def test_is_used_once_it_is_there(java: Path):
    """Half a one never is: it is put there when it is whole."""
    assert startup_cache.used(java, "a.jar") == ()
    place = startup_cache.place(java, "a.jar")
    place.write_bytes(b"learnt")
    assert f"-XX:AOTCache={place}" in startup_cache.used(java, "a.jar")


def test_is_that_of_a_java_version_and_a_class_path(java: Path, tmp_path: Path):
    """Wherever that Java is installed."""
    first = startup_cache.place(java, "a.jar")
    assert startup_cache.place(java, "b.jar") != first
    java.parent.parent.rename(tmp_path / "elsewhere")
    moved = tmp_path / "elsewhere" / "bin" / "java"
    assert startup_cache.place(moved, "a.jar") == first
    (tmp_path / "elsewhere" / "release").write_text('JAVA_VERSION="26"')
    assert startup_cache.place(moved, "a.jar") != first


@pytest.mark.parametrize("release", [None, 'JAVA_VERSION="17.0.9"', "MODULES"])
def test_a_java_that_is_older_or_says_no_version_has_none(java: Path, release):
    """It would not start with options that it does not know."""
    file = java.parent.parent / "release"
    file.unlink() if release is None else file.write_text(release)
    assert startup_cache.place(java, "a.jar") is None
    assert startup_cache.used(java, "a.jar") == ()


def test_what_java_does_not_take_is_not_taken(java: Path, tmp_path: Path):
    """Also where there is no such Java."""
    assert not startup_cache.taken(java, (), "a.jar", tmp_path / "learnt.aot")
    java.write_text("#!/bin/sh\nexit 1\n")
    java.chmod(0o755)
    assert not startup_cache.taken(java, (), "a.jar", tmp_path / "learnt.aot")
    java.write_text("#!/bin/sh\nexit 0\n")
    assert startup_cache.taken(java, (), "a.jar", tmp_path / "learnt.aot")
