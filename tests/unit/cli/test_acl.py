"""`toolgate acl plan` as people run it."""

from __future__ import annotations

import json
import shlex

import pytest
from typer.testing import CliRunner

from toolgate.cli import app as module
from toolgate.streams import acl_plan
from toolgate.streams.errors import SettingsError


def plan(*words: str):
    """One plan."""
    return CliRunner().invoke(module.app, ["acl", "plan", *words])


def test_needs_no_broker_and_shows_every_role():
    """For people a table; what to type next goes to stderr."""
    answer = plan()
    assert answer.exit_code == 0
    assert all(f"\n{role} " in answer.stdout for role in acl_plan.roles())
    assert "toolgate-gate-*" in answer.stdout
    assert "next:" in answer.stderr


def test_tells_machines_principals_too():
    """Roles that are not named have no part in it."""
    answer = plan("--json", "--prefix", "p", "--principal", "agent=User:a", "--principal", "agent=User:b")
    said = json.loads(answer.stdout)
    assert said["prefix"] == "p"
    assert {row["role"] for row in said["grants"]} == {"agent"}
    assert all(row["principals"] == ["User:a", "User:b"] for row in said["grants"])
    assert answer.stderr == ""


def test_prints_commands_that_a_shell_takes_apart_again():
    """Names with spaces, as in certificates, stay one word."""
    answer = plan(
        "--format", "kafka-acls", "--principal", "watch=User:CN=watch, O=us", "--bootstrap-servers", "k:1"
    )
    lines = [shlex.split(line) for line in answer.stdout.splitlines()]
    assert lines
    assert all(line[:4] == ["kafka-acls.sh", "--bootstrap-server", "k:1", "--add"] for line in lines)
    assert all("User:CN=watch, O=us" in line for line in lines)


@pytest.mark.parametrize(
    ("pair", "told"),
    [
        ("agnt=User:a", "did you mean agent?"),
        ("agent", "write the type before the name: agent=User:NAME"),
        ("agent=a", "write the type before the name: agent=User:a"),
    ],
)
def test_refuses_a_pair_that_is_none(pair, told):
    """A role that does not exist must not silently have no rights."""
    answer = plan("--principal", pair)
    assert isinstance(answer.exception, SettingsError)
    assert told in str(answer.exception)
