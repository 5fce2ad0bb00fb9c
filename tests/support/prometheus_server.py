"""A real Prometheus with the rules of ops/, in a hurry, for tests where this machine has one."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from ops_files import PROMETHEUS, read_yaml
from patience import until
from ruamel.yaml import YAML

from toolgate.streams.local.children import leashed
from toolgate.streams.local.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

EVERY = "500ms"


def program(name: str) -> str:
    """The path of `prometheus` or `promtool`; skips the test where there is none."""
    path = shutil.which(name)
    if not path:
        pytest.skip(f"no {name} in the path: install Prometheus, or put its programs there")
    return path


class Server:
    """What a Prometheus that runs can be asked."""

    def __init__(self, url: str) -> None:
        self._url = url

    def ask(self, path: str, **given: str) -> Any:
        """The data of an answer of its API; fails with what it says of a query that is wrong."""
        url = f"{self._url}/api/v1/{path}?{urllib.parse.urlencode(given)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own server
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{given}: {error.read().decode()}") from None

    def query(self, expr: str) -> list[dict[str, Any]]:
        """The samples of an expression now."""
        return list(self.ask("query", query=expr)["result"])

    def firing(self) -> set[str]:
        """The names of the alerts that fire now."""
        alerts = self.ask("alerts")["alerts"]
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}

    def rules(self) -> list[dict[str, Any]]:
        """Every rule with its health."""
        return [rule for group in self.ask("rules")["groups"] for rule in group["rules"]]


@contextmanager
def prometheus(folder: Path, targets: Mapping[str, Sequence[str]]) -> Iterator[Server]:
    """A Prometheus that asks these addresses by job, and nobody else, twice a second.

    Its rules are those of ops/ but for `for`, which is a second: a minute says how patient people want to be.
    """
    path, port = program("prometheus"), free_port()
    _hurried(folder, targets)
    words = [
        path,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    log = folder / "prometheus.log"
    with log.open("wb") as output:
        process = subprocess.Popen(leashed(words), stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        until(lambda: process.poll() is not None or _ready(port), lambda: f"Prometheus: {log.read_text()}")
        assert process.poll() is None, log.read_text()
        yield Server(f"http://127.0.0.1:{port}")
    finally:
        process.kill()
        process.wait()


def _hurried(folder: Path, targets: Mapping[str, Sequence[str]]) -> None:
    config = read_yaml(PROMETHEUS / "prometheus.yml")
    config["global"] = {"scrape_interval": EVERY, "scrape_timeout": EVERY, "evaluation_interval": EVERY}
    for job in config["scrape_configs"]:
        job["static_configs"] = [{"targets": [*targets.get(job["job_name"], ())]}]
    YAML(typ="safe").dump(config, folder / "prometheus.yml")
    for name in config["rule_files"]:
        text = (PROMETHEUS / name).read_text("utf-8")
        (folder / name).write_text(re.sub(r"^( +for:) .*$", r"\1 1s", text, flags=re.MULTILINE), "utf-8")


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
