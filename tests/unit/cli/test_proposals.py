"""`toolgate near-miss proposals`: what folders say was proposed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from toolgate.cli import app
from toolgate.processors import loader
from toolgate.streams.errors import SettingsError

EXAMPLE = Path(__file__).parents[3] / "examples" / "small"
MOVED = {"decisions": 3, "cost_micros": 1_500_000}


@pytest.fixture
def proposed(tmp_path: Path) -> Path:
    """A folder with two proposals and something else."""
    for name in ("a", "b"):
        folder = tmp_path / name
        shutil.copytree(EXAMPLE, folder)
        noted = {
            "made": "2026-11-28T10:00:00+00:00",
            "cluster": f"9e1f04c7a2b{name}",
            "change": {"text": "raise limits.max_tool_calls to 12", "keys": []},
            "before": {"digest": "0" * 32, "verdicts": {}},
            "after": {"digest": loader.load(folder).digest, "verdicts": {}},
            "intents": 40,
            **dict.fromkeys(("become_approvals", "become_held_or_drafted", "become_denials"), MOVED),
            "decisions": [],
        }
        (folder / "proposal.json").write_text(json.dumps(noted), "utf-8")
    (tmp_path / "else").mkdir()
    return tmp_path


def listed(*words: object) -> str:
    """What the command says."""
    answer = CliRunner().invoke(app.app, ["near-miss", "proposals", *map(str, words)], catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    return answer.output


def test_lists_what_each_would_have_done(proposed: Path) -> None:
    """Of a folder those right below it; or one that is one itself."""
    said = listed(proposed)
    assert all(
        word in said
        for word in ("9e1f04c7a2ba", "raise limits.max_tool_calls to 12", "3 $1.50", "2 proposals")
    )
    [one] = json.loads(listed(proposed / "b", "--json"))["proposals"]
    assert (one["folder"], one["change"], one["policies"]) == (
        str(proposed / "b"), "raise limits.max_tool_calls to 12", "as proposed",
    )  # fmt: skip
    assert one["become_denials"] == MOVED
    assert "Nothing was proposed." in listed(proposed / "else")


def test_says_which_are_not_what_was_proposed_any_more(proposed: Path) -> None:
    """The figures are of the policies as they were written."""
    policy = next((proposed / "a").glob("*.yaml"))
    policy.write_text(policy.read_text("utf-8") + "\n# edited\n", "utf-8")
    for path in (proposed / "b").glob("*.yaml"):
        path.write_text("no: policy", "utf-8")
    found = json.loads(listed(proposed, "--json"))["proposals"]
    assert [one["policies"] for one in found] == ["edited since", "cannot be loaded"]


@pytest.mark.parametrize("text", ["", "[]", '{"made": "x"}', "\xff"])
def test_what_is_no_proposal_is_refused_with_its_place(proposed: Path, text: str) -> None:
    """It says which file, and what to do."""
    path = proposed / "b" / "proposal.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingsError, match="this is no proposal") as refused:
        listed(proposed)
    assert refused.value.where == str(path)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """By name."""
    with pytest.raises(SettingsError, match="there is no such folder"):
        listed(tmp_path / "none")
