"""`toolgate demo` without anything: the billing desk's day on real parts, to the figures its script makes certain."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from toolgate.cli.exits import Exit

if TYPE_CHECKING:
    from toolgate.streams.local import Stack

pytestmark = pytest.mark.real
# runs, intents, approved, denied, failed: the same for every seed
CERTAIN = {
    "drifting": (12, 63, 38, 25, 1),
    "wrong params": (12, 36, 26, 10, 2),
    "looping": (4, 132, 48, 84, 0),
    "overspending": (6, 78, 60, 18, 0),
    "injected": (10, 46, 34, 12, 0),
}
CODES = {
    "good": {},
    "drifting": {"BLAST_RADIUS": 12, "TOOL_NOT_ALLOWED": 7, "PARAMS_SCHEMA": 4, "TOOL_DENIED": 2},
    "wrong params": {"PARAMS_SCHEMA": 8, "TOOL_UNKNOWN": 2},
    "looping": {"CALLS_EXCEEDED": 80, "TOO_MANY_DENIALS": 4},
    "overspending": {"BUDGET_EXCEEDED": 18},
    "injected": {"BLAST_RADIUS": 4, "TOOL_NOT_ALLOWED": 4, "TOOL_DENIED": 2, "PARAMS_SCHEMA": 2},
}
SMALLEST_GIFT_USD = 4


def command(stack: Stack, *words: str | Path) -> list[str]:
    """The demo on what runs already."""
    place = ("--bootstrap", stack.bootstrap, "--redis", stack.redis_url)
    return [sys.executable, "-m", "toolgate.cli", "demo", *place, *map(str, words)]


def figures(one: dict[str, Any]) -> tuple[int, ...]:
    """What CERTAIN lists."""
    return tuple(one[name] for name in ("runs", "intents", "approved", "denied", "failed"))


def test_the_desk_comes_out_as_its_script_says(stack, tmp_path):
    """Exact where one agent plays for itself; where ten share a budget, it is filled and never exceeded."""
    words = command(stack, "--json", "--seed", "11", "--dir", tmp_path)
    done = subprocess.run(words, capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    agents = found["by_agents"]

    assert len(found["checks"]) == 9
    assert all(found["checks"].values())
    assert {kind: figures(agents[kind]) for kind in CERTAIN} == CERTAIN
    assert {kind: agents[kind]["codes"] for kind in CODES} == CODES
    assert agents["good"]["approved"] == agents["good"]["intents"] > 400
    assert found["intents"] == sum(one["intents"] for one in agents.values()) + found["duplicates"]
    assert found["audit"] == found["intents"]
    assert found["commands"] + found["denials"] + found["duplicates"] == found["intents"]
    assert (found["ledger_equals_audit"], found["quarantined"]) == (True, 0)
    assert found["decisions_per_second"] > 0

    [pot] = [budget for budget in found["budgets"] if budget["unit"] == "goodwill_usd"]
    assert pot["max"] - SMALLEST_GIFT_USD < pot["used"] <= pot["max"]
    gifts = found["changes"]
    assert 15 * gifts["waive_late_fee"] + 4 * gifts["credit_outage_day"] == pot["used"]
    assert agents["ten on one budget"]["codes"].keys() == {"BUDGET_EXCEEDED"}

    [listed] = tmp_path.glob("*/changes.jsonl")
    changes = [json.loads(line) for line in listed.read_text("utf-8").splitlines()]
    assert len(changes) == sum(gifts.values())
    assert all(change["undo"] and change["seq"] and change["intent_id"] for change in changes)
    assert (listed.parent / "books.sqlite").exists()

    tables = " ".join(done.stderr.split())
    assert tables.count("holds ") == 9
    assert "drifting agent's denials, run by run: 0 0 0 0 0 0 1 1 4 5 7 7" in tables
    nearest = [tables.index(text) for text in ("$0.01 over a run", "$0.02 over a run", "$0.03 over a run")]
    assert nearest == sorted(nearest)

    # the topics stay, and tell of a change what the list of changes does
    explained = subprocess.run(
        [
            sys.executable,
            "-m",
            "toolgate.cli",
            "explain",
            changes[0]["intent_id"],
            "--prefix",
            listed.parent.name,
        ],
        env=os.environ | {"TOOLGATE_BOOTSTRAP_SERVERS": stack.bootstrap},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert explained.returncode == 0, explained.stderr
    assert changes[0]["command_id"] in explained.stdout


def test_ctrl_c_ends_it_and_leaves_nothing_running(stack, tmp_path):
    """In the middle of play: no traceback, and the gate's workers are gone."""
    running = subprocess.Popen(
        command(stack, "--dir", tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    giving_up = threading.Timer(120, running.kill)
    giving_up.start()
    assert running.stderr is not None
    said = ""
    for line in running.stderr:
        said += line
        if " decided, " in line:
            running.send_signal(signal.SIGINT)
            break
    said += running.stderr.read()
    code = running.wait()
    giving_up.cancel()
    assert code in {Exit.STOPPED, Exit.INTERRUPTED}, said
    assert "Traceback" not in said
    assert [path for path in Path("/proc").glob("[0-9]*/environ") if _names(path, tmp_path)] == []


def _names(environ: Path, folder: Path) -> bool:
    """Whether a process was told of this folder."""
    try:
        return str(folder).encode() in environ.read_bytes()
    except OSError:  # gone, or somebody else's
        return False


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--policy", "examples/small"), "--policy and --parallel belong to --runs"),
        (("--parallel", "3"), "--policy and --parallel belong to --runs"),
        (("--runs", "examples/small/runs.jsonl"), "recorded runs need the --policy they are played under"),
        (
            ("--runs", "examples/small/runs.jsonl", "--policy", "examples/small", "--seed", "1"),
            "recorded runs need the --policy they are played under, and no --seed",
        ),
    ],
)
def test_options_of_the_other_kind_are_refused(words, told):
    """Before anything starts, with what to do."""
    done = subprocess.run(
        [sys.executable, "-m", "toolgate.cli", "demo", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == Exit.USAGE
    assert told in " ".join(done.stderr.split())
    assert "  do:" in done.stderr
