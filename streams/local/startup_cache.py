"""Kafka's classes loaded, linked and profiled beforehand: a broker that finds them is up in half the time.

Java 25 writes what a run of it has learnt into a file (JEP 483, 514, 515), and starts as ever with one that is not its
own: of another build, of jars that were fetched anew, cut short. `python -m toolgate.streams.local` makes it, and makes
it again where Java would not take it.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
from typing import TYPE_CHECKING

from toolgate.streams.local import artefacts

if TYPE_CHECKING:
    from pathlib import Path

_SINCE_JAVA = 25
_TRY_S = 60.0


def place(java: Path, class_path: str) -> Path | None:
    """Where the file of this Java and class path lies, whether or not it is there; None: this Java makes none."""
    release = java.resolve().parent.parent / "release"
    text = release.read_text(encoding="utf-8") if release.exists() else ""
    version = re.search(r'JAVA_VERSION="(\d+)', text)
    if (
        version is None or int(version[1]) < _SINCE_JAVA
    ):  # older ones do not start with options that they do not know
        return None
    digest = hashlib.blake2b(f"{text}\n{class_path}".encode(), digest_size=8)
    return artefacts.cache_folder() / f"kafka-{artefacts.KAFKA_VERSION}-{digest.hexdigest()}.aot"


def used(java: Path, class_path: str) -> tuple[str, ...]:
    """The options of a run that uses the file where it can; none where it has not been made."""
    found = place(java, class_path)
    # What of it cannot be used Java would say at each start, and starts as ever.
    return (f"-XX:AOTCache={found}", "-Xlog:aot*=off") if found and found.exists() else ()


def taught(target: Path) -> tuple[str, ...]:
    """The options of a run that writes it when it ends."""
    return (f"-XX:AOTCacheOutput={target}",)


def taken(java: Path, options: tuple[str, ...], class_path: str, file: Path) -> bool:
    """Whether this Java, run with these options, takes the file."""
    command = [str(java), *options, "-cp", class_path, f"-XX:AOTCache={file}", "-XX:AOTMode=on", "-version"]
    try:
        return subprocess.run(command, capture_output=True, timeout=_TRY_S, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
