"""The stage tells its workers everything they need to know, and nothing else."""

from __future__ import annotations

from pathlib import Path

from toolgate.demo.stage import variables
from toolgate.streams.settings import load


def test_settings_survive_the_environment(monkeypatch):
    """A worker that reads these variables has the same settings, secrets included; what is not set stays unset."""
    settings = load(
        bootstrap_servers="127.0.0.1:9092",
        redis_url="redis://user:secret@127.0.0.1/0",
        prefix="demo-1",
        partitions=4,
        policies_dir=Path("policies"),
        insecure_dev=False,
        kafka={"sasl.password": "secret"},
    )
    given = dict(variables(settings))
    assert "TOOLGATE_SCHEMA_REGISTRY_URL" not in given
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert load() == settings
