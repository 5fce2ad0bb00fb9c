"""What Prometheus itself says of its configuration and rules, where this machine has its tool."""

from __future__ import annotations

import subprocess

import pytest
from ops_files import PROMETHEUS
from prometheus_server import program


def _promtool(*words: str) -> None:
    told = subprocess.run(
        [program("promtool"), *words], cwd=PROMETHEUS / "tests", capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout + told.stderr


def test_the_configuration_and_its_rules_are_taken():
    """Nothing is misspelt in what Prometheus alone reads."""
    _promtool("check", "config", "--lint-fatal", "../prometheus.yml")


@pytest.mark.parametrize("name", sorted(path.name for path in (PROMETHEUS / "tests").glob("*.yml")))
def test_alerts_fire_when_they_must_and_not_when_they_must_not(name: str):
    """The tests of the rules hold."""
    _promtool("test", "rules", name)
