"""What `toolgate dev` says to do next."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from toolgate.cli import app as module
from toolgate.cli.dev import NEXT
from toolgate.streams.gate import keys

if TYPE_CHECKING:
    from click.testing import Result

COMMANDS = [
    shlex.split(line[line.index("toolgate ") :], comments=True)[1:]
    for line in NEXT.splitlines()
    if "toolgate " in line
]


def said(command: list[str]) -> Result:
    """A command as it is printed, with a name of one's own for the one in capitals."""
    return CliRunner().invoke(module.app, [word.replace("WORKFLOW_ID", "billing_v1") for word in command])


def test_the_next_commands_make_the_keys_that_the_gate_is_given(tmp_path, monkeypatch):
    """Whoever pastes them in their order has a keyring where the gate looks for it."""
    monkeypatch.chdir(tmp_path)
    intent, executor, gate, *_ = COMMANDS
    assert (said(intent).exit_code, said(executor).exit_code) == (0, 0)
    ring = keys.load(tmp_path / gate[gate.index("--keys") + 1])
    assert (set(ring.intents), set(ring.executors)) == ({"agent-1"}, {"tools-1"})


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_option_that_is_named_exists(command):
    """A renamed option would make the hint a trap."""
    words = [word for word in command if not word.startswith("-")][:3]
    group = words if command[0] == "keys" else words[:1]
    shown = said([*group, "--help"]).stdout
    assert all(word in shown for word in command if word.startswith("--"))
