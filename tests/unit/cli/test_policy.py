"""`toolgate policy check` as people run it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from toolgate.cli import app as module
from toolgate.cli.exits import Exit
from toolgate.processors.problems import LoadError

EXAMPLES = Path(__file__).parents[3] / "examples"


def check(*words: object):
    """One check."""
    return CliRunner().invoke(module.app, ["policy", "check", *map(str, words)])


def test_shows_what_a_folder_allows():
    """Workflows with their limits, budgets and the like, and for each tool who may use it."""
    answer = check(EXAMPLES / "airline")
    assert answer.exit_code == 0
    for said in (
        "airline_service_v1",
        "$400.50",
        "30 search_credits",
        "1,200 calls",
        "10 records (reservation_id)",
    ):
        assert said in answer.stdout
    assert "$50.00 to $500.00 by amount" in answer.stdout
    assert "next:  toolgate gate --policies" in answer.stderr


def test_tells_machines_everything_in_exact_units():
    """Amounts are whole micro-dollars; tools that nobody may use are there, too."""
    answer = check(EXAMPLES / "small", "--json")
    said = json.loads(answer.stdout)
    assert (answer.exit_code, answer.stderr, said["ok"]) == (0, "", True)
    [workflow] = said["workflows"]
    assert workflow["limits"] == {"max_tool_calls": 12, "max_cost_micros": 350_000, "max_denials": 20}
    assert "execute_refund" not in workflow["tools"]
    assert "execute_refund" in [tool["name"] for tool in said["tools"]]


@pytest.fixture
def typo(tmp_path):
    """A folder whose policy names a tool that is nearly one."""
    folder = tmp_path / "mine"
    shutil.copytree(EXAMPLES / "small", folder)
    policy = folder / "policy.yaml"
    policy.write_text(policy.read_text().replace('"read_invoice"', '"read_invoce"', 1))
    return folder


def test_a_typo_is_told_with_its_place_and_the_nearest_name(typo):
    """The path leads there from where the command was typed."""
    answer = check(typo)
    assert isinstance(answer.exception, LoadError)
    told = str(answer.exception)
    assert told.startswith(f"{typo}/policy.yaml:")
    assert "did you mean read_invoice?" in told


def test_a_typo_is_told_to_machines(typo):
    """Exit code 7 and each problem as an object on stdout."""
    answer = check(typo, "--json")
    assert answer.exit_code == Exit.FILES
    [problem] = json.loads(answer.stdout)["problems"]
    assert problem["file"] == f"{typo}/policy.yaml"
    assert problem["line"] > 0
    assert problem["hint"] == "did you mean read_invoice?"


def test_a_folder_that_is_not_there(tmp_path):
    """Says so, and not that a file is missing in it."""
    answer = check(tmp_path / "nowhere")
    assert isinstance(answer.exception, LoadError)
    assert str(answer.exception).startswith(f"{tmp_path}/nowhere: there is no such folder")
