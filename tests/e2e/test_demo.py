"""`toolgate demo` as people run it: real Kafka, real Redis, real workers, and every count as it must be."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SMALL = ("--runs", EXAMPLES / "small" / "runs.jsonl", "--policy", EXAMPLES / "small")
CALL = '{"call_id": "r/0", "tool": "%s", "params": {}, "result": "", "error": false}'


def demo(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """The command, to its end."""
    command = [sys.executable, "-m", "toolgate.cli", "demo", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=170, check=False)


def summary(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The object on the last line; the run must have gone well."""
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def labels(**rows: tuple[int, int]) -> dict[str, dict[str, int]]:
    """`by_label` of (approved, denied)."""
    return {
        label: {"approved": approved, "denied": denied, "read_first": 0, "held": 0}
        for label, (approved, denied) in rows.items()
    }


@pytest.mark.real
def test_the_small_example_comes_out_as_it_must():
    """78 intents: 65 commands, 12 denials and one duplicate; the near misses are told, nearest first."""
    done = demo(*SMALL, "--json")
    found = summary(done)
    assert found.pop("seconds") > 0
    by_rule, by_trials = found.pop("by_rule"), found.pop("by_trials")
    assert {"code": "BUDGET_EXCEEDED", "rule": "limits.max_cost_usd", "wrong": 2} in by_rule
    assert by_trials
    assert found == {
        "intents": 78,
        "commands": 65,
        "denials": 12,
        "held": 0,
        "drafts": 0,
        "quarantined": 0,
        "audit": 78,
        "ledger_equals_audit": True,
        "by_label": labels(right=(17, 0), wrong=(7, 7), failed=(1, 0)),
    }
    tables = " ".join(done.stderr.split())
    for code in (
        "TOOL_UNKNOWN",
        "TOOL_NOT_ALLOWED",
        "TOOL_DENIED",
        "PARAMS_SCHEMA",
        "ID_CONFLICT",
        "DUPLICATE",
    ):
        assert code in tables
    nearest = [tables.index(text) for text in ("$0.01 over", "1 call over", "$0.03 over", "$0.05 over")]
    assert nearest == sorted(nearest)
    assert tables.count("holds ") == 4


@pytest.mark.real
@pytest.mark.nightly
@pytest.mark.parametrize(
    ("folder", "wrong_pct", "failed_pct", "right_pct"),
    [("airline", 50, 90, 80), ("airline/holds", 75, 90, 75)],
)
def test_the_airline_recording_is_decided_as_its_readme_says(
    airline_runs, folder, wrong_pct, failed_pct, right_pct
):
    """1,164 recorded calls, each audited once; so many wrong and failed writes do not pass, so many right ones do."""
    found = summary(demo("--runs", airline_runs, "--policy", EXAMPLES / folder, "--json"))
    assert (found["intents"], found["audit"], found["ledger_equals_audit"]) == (1164, 1164, True)
    assert found["commands"] + found["denials"] + found["held"] == 1164
    rows = found["by_label"]
    totals = {label: sum(row.values()) for label, row in rows.items()}
    assert totals == {"right": 88, "wrong": 89, "failed": 73}
    assert set(found["by_trials"]) == {"trials 0, 1", "trials 2, 3"}
    passed_pct = {label: 100 * row["approved"] / totals[label] for label, row in rows.items()}
    assert passed_pct["wrong"] <= 100 - wrong_pct
    assert passed_pct["failed"] <= 100 - failed_pct
    assert passed_pct["right"] >= right_pct


@pytest.mark.real
def test_another_kafka_and_redis_may_be_used(stack, tmp_path):
    """A fresh prefix on what runs already; the topics stay, and one worker does as well as two."""
    done = demo(
        *SMALL, "--bootstrap", stack.bootstrap, "--redis", stack.redis_url, "--workers", "1", "--parallel", "3",
        "--dir", tmp_path / "state",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "the topics stay under demo-" in done.stdout
    assert "Redis = fold(audit)" in done.stdout
    assert not (tmp_path / "state" / "stack").exists()


@pytest.mark.parametrize(
    ("files", "words", "code", "told"),
    [
        ({}, (), 7, "runs.jsonl: cannot be read"),
        ({"runs.jsonl": '{"run_id": "r", "calls": []}\n{"run_id"'}, (), 7, "runs.jsonl:2:1: not JSON"),
        (
            {"runs.jsonl": '{"run_id": "r", "calls": [%s]}' % (CALL % "fly")},
            (),
            7,
            "no tool that the runs call is in the catalogue: fly",
        ),
        ({"policy.yaml": "policy:\n  workflow: x\n"}, (), 7, "policy.yaml:2:3"),
        ({}, ("--redis", "redis://127.0.0.1:1"), 2, "--bootstrap and --redis belong together"),
        ({}, ("--workers", "0"), 2, "--workers"),
    ],
)
def test_bad_input_is_told_before_anything_starts(tmp_path, files, words, code, told):
    """What, where and what to do, with the documented exit code and without a traceback."""
    policy = tmp_path / "policy"
    policy.mkdir()
    for name in ("tools.yaml", "policy.yaml"):
        (policy / name).write_bytes((EXAMPLES / "small" / name).read_bytes())
    for name, text in files.items():
        (tmp_path if name == "runs.jsonl" else policy).joinpath(name).write_text(text, encoding="utf-8")
    done = demo("--runs", tmp_path / "runs.jsonl", "--policy", policy, *words)
    assert done.returncode == code
    assert told in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
