"""`toolgate policy` about people: check lists approvals and promises, explain and diff tell what a held call needs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from toolgate.cli import app as module

SMALL = Path(__file__).parents[3] / "examples" / "small"
READ = {"tool": "read_invoice", "params": {"invoice_id": "INV-1001"}}
DRAFT = {
    "tool": "create_adjustment_draft",
    "params": {"invoice_id": "INV-1001", "amount_cents": 5, "reason": "late"},
}


def policy(*words: object, stdin: str | None = None):
    """One command of the group."""
    return CliRunner().invoke(module.app, ["policy", *map(str, words)], input=stdin)


@pytest.fixture
def asking(tmp_path):
    """The smallest policy that asks two people about whatever writes."""
    folder = tmp_path / "asking"
    shutil.copytree(SMALL, folder)
    path = folder / "policy.yaml"
    path.write_text(path.read_text() + "  approvals: [{approvers: 2, roles: [lead, cfo], expires: 4h}]\n")
    return folder


def test_explains_what_a_held_call_needs(asking):
    """How many people of which roles, and for how long."""
    answer = policy("explain", "-", "--policy", asking, stdin=json.dumps(DRAFT))
    assert answer.stdout.startswith("HOLD  create_adjustment_draft")
    assert "\n  needs 2 approvals by lead or cfo within 4h\n" in answer.stdout
    said = json.loads(policy("explain", "-", "--policy", asking, "--json", stdin=json.dumps(DRAFT)).stdout)
    assert said["needs"] == {
        "approvers": 2,
        "roles": ["lead", "cfo"],
        "wait_ms": 14_400_000,
        "owners": [],
        "answer_ms": 3_600_000,
    }
    said = json.loads(policy("explain", "-", "--policy", asking, "--json", stdin=json.dumps(READ)).stdout)
    assert (said["verdict"], said["needs"]) == ("APPROVE", None)


def test_shows_whom_a_policy_asks(asking):
    """Each entry: what it holds, and what that needs."""
    said = policy("check", asking).stdout
    assert "approvals[0]" in said
    assert "2 approvals by lead or cfo within 4h" in said
    assert "approvals" not in policy("check", SMALL).stdout


def test_a_difference_of_approvals_is_shown_with_both(asking, tmp_path):
    """And is no difference of verdicts."""
    fewer = tmp_path / "fewer"
    shutil.copytree(asking, fewer)
    path = fewer / "policy.yaml"
    path.write_text(path.read_text().replace("approvers: 2", "approvers: 1"))
    answer = policy("diff", asking, fewer, "--log", SMALL / "runs.jsonl")
    assert answer.exit_code == 0
    assert "other approvals" in answer.stdout
    assert "needs 2 approvals by lead or cfo within 4h" in answer.stdout
    assert "needs 1 approval by lead or cfo within 4h" in answer.stdout


def test_shows_what_a_policy_promises(tmp_path):
    """Each entry with its bound, and how much is reviewed."""
    folder = tmp_path / "promising"
    shutil.copytree(SMALL, folder)
    path = folder / "policy.yaml"
    promised = "  on_breach: [{slo: success_rate, min: 0.95, error_budget: 30d, then: demote}]\n  review_share: 0.05\n"
    path.write_text(path.read_text() + promised)
    said = policy("check", folder).stdout
    for words in (
        "success_rate at least 95%",
        "an error budget of 30d",
        "demote",
        "5% of completed commands",
    ):
        assert words in said
    (told,) = json.loads(policy("check", folder, "--json").stdout)["workflows"]
    assert (told["on_breach"][0]["least"], told["review_share_ppm"]) == (950_000, 50_000)
    assert "on_breach" not in policy("check", SMALL).stdout
