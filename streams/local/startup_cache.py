"""Kafka's classes loaded, linked and profiled beforehand: a broker that finds them is up in half the time.

Java 25 writes what a run of it has learnt into a file (JEP 483, 514, 515). One that another Java or class path has made
would be ignored with a warning; the name keeps them apart. `python -m toolgate.streams.local` makes it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from toolgate.streams.local import artefacts

if TYPE_CHECKING:
    from pathlib import Path


def place(java: Path, class_path: str) -> Path:
    """Where the file of this Java and class path lies, whether or not it is there."""
    release = java.resolve().parent.parent / "release"
    version = release.read_text(encoding="utf-8") if release.exists() else str(java)
    digest = hashlib.blake2b(f"{version}\n{class_path}".encode(), digest_size=8)
    return artefacts.cache_folder() / f"kafka-{artefacts.KAFKA_VERSION}-{digest.hexdigest()}.aot"


def used(java: Path, class_path: str) -> tuple[str, ...]:
    """The options of a run that uses the file; none where it has not been made."""
    found = place(java, class_path)
    # What it cannot link of its own it says for each start, and links as ever.
    return (f"-XX:AOTCache={found}", "-Xlog:aot*=error") if found.exists() else ()


def taught(target: Path) -> tuple[str, ...]:
    """The options of a run that writes it when it ends; a Java that cannot do that runs as ever."""
    return ("-XX:+IgnoreUnrecognizedVMOptions", f"-XX:AOTCacheOutput={target}")
