"""What some commands need that a plain installation does not have."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from toolgate.cli import extras
from toolgate.streams.errors import SettingsError


@pytest.mark.parametrize(("command", "module"), [("console", "uvicorn"), ("notify", "urllib3")])
def test_what_is_missing_is_named_with_how_to_install_it(monkeypatch, command, module):
    """The same words for each; nothing where all is there."""
    extras.check(command)
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == module else name)
    with pytest.raises(SettingsError, match=f"`toolgate {command}` needs {module}") as caught:
        extras.check(command)
    assert caught.value.remedy == f"pip install 'toolgate[{command}]'"


def test_the_package_has_an_extra_for_each():
    """As many packages as are looked for."""
    project = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]
    offered = project["optional-dependencies"]
    assert {name: len(offered[name]) for name in extras.MODULES} == {
        name: len(modules) for name, modules in extras.MODULES.items()
    }
