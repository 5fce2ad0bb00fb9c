"""A `toolgate watch` as a process for tests: its port, and what it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING, Any

from patience import until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


_TOOLGATE = ("toolgate.cli", "watch", "--json")
_FAUST = ("faust", "-A", "toolgate.streams.watch", "worker")


class WatchProcess:
    """One watch.

    Args:
        environment: TOOLGATE_* variables that name Kafka, prefix and files.
        log: where its log goes.
        words: options besides.
        port: have Faust's own command line run it, which announces nothing, and listen there.
    """

    def __init__(self, environment: Mapping[str, str], log: Path, *words: str, port: int = 0) -> None:
        self.log = log
        self._out = log.with_suffix(".out")
        with log.open("ab") as errors, self._out.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *(_FAUST if port else _TOOLGATE), *words],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                env={**os.environ, **environment, "TOOLGATE_METRICS_PORT": str(port)},
            )
        self._url = f"http://127.0.0.1:{port}" if port else ""

    def said(self) -> str:
        """Everything that it has logged."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    @property
    def url(self) -> str:
        """Where it listens."""
        if not self._url:
            line = until(lambda: self._announced() or self.process.poll() is not None, "an announcement")
            assert isinstance(line, str), self.said()
            self._url = json.loads(line)["url"]
        return self._url

    def page(self, path: str) -> bytes:
        """What a page of its port says; empty when nobody answers."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:  # noqa: S310 - our own process
                return bytes(answer.read())
        except OSError:
            return b""

    def printed(self) -> str:
        """All that it has written to its output."""
        return self._out.read_text(encoding="utf-8")

    def _announced(self) -> str:
        return self.printed().partition("\n")[0]

    def ready(self) -> WatchProcess:
        """Wait until it has its tables."""
        until(lambda: b'"ready": true' in self.page("/ready"), self.said)
        return self

    def workflows(self) -> list[dict[str, Any]]:
        """What /figures says of workflows."""
        found = self.page("/figures")
        return list(json.loads(found)["workflows"]) if found else []

    def sums(self) -> dict[tuple[str, str, str], dict[str, Any]]:
        """All that was ever counted, by tenant, workflow and version."""
        return {
            (one["tenant"], one["workflow_id"], version): found["sums"]
            for one in self.workflows()
            for version, found in one["versions"].items()
        }

    def metrics(self) -> dict[str, float]:
        """Its metrics by name and labels."""
        rows = self.page("/metrics").decode().splitlines()
        return {row.rpartition(" ")[0]: float(row.rpartition(" ")[2]) for row in rows if row[0] != "#"}

    def kill(self) -> None:
        """End it where it stands."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Stop it in order; its exit code."""
        self.process.terminate()
        return self.process.wait(30)
