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
    startup_cache.place(java, "a.jar").write_bytes(b"learnt")
    assert f"-XX:AOTCache={startup_cache.place(java, 'a.jar')}" in startup_cache.used(java, "a.jar")


def test_is_that_of_a_java_version_and_a_class_path(java: Path, tmp_path: Path):
    """Wherever that Java is installed."""
    first = startup_cache.place(java, "a.jar")
    assert startup_cache.place(java, "b.jar") != first
    java.parent.parent.rename(tmp_path / "elsewhere")
    moved = tmp_path / "elsewhere" / "bin" / "java"
    assert startup_cache.place(moved, "a.jar") == first
    (tmp_path / "elsewhere" / "release").write_text('JAVA_VERSION="26"')
    assert startup_cache.place(moved, "a.jar") != first


def test_a_java_that_says_no_version_is_its_path(java: Path):
    """Then no other one is taken for it."""
    (java.parent.parent / "release").unlink()
    assert startup_cache.place(java, "a.jar") != startup_cache.place(java.with_name("other"), "a.jar")
