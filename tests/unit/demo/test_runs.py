"""Recorded runs: read strictly, every faulty line named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from toolgate.demo import runs
from toolgate.processors.problems import LoadError

CALL = {"call_id": "r/0", "tool": "pay", "params": {"a": 1}, "result": "ok", "error": False}
SMALL = Path(__file__).parents[3] / "examples" / "small" / "runs.jsonl"


def line(*calls: dict, **run: object) -> str:
    """A run as a file has it."""
    return json.dumps({"run_id": "r-1", "calls": list(calls)} | run)


@pytest.fixture
def load(tmp_path):
    """Runs of a file with these lines."""

    def write_and_load(*lines: str):
        path = tmp_path / "runs.jsonl"
        path.write_text("\n".join(lines), encoding="utf-8")
        return runs.load(path)

    return write_and_load


def test_calls_keep_their_order_and_what_was_recorded(load):
    """Keys that belong to the recorder are not looked at; empty lines neither."""
    second = CALL | {"call_id": "r/1", "error": True, "label": "failed", "provider_call_id": "x"}
    [run] = load("", line(CALL, second, reward=0.5), "")
    assert run.run_id == "r-1"
    assert run.calls == (
        runs.Call("r-1.000", "pay", {"a": 1}, "ok", error=False),
        runs.Call("r-1.001", "pay", {"a": 1}, "ok", error=True, label="failed"),
    )


def test_a_run_may_carry_its_trial(load):
    """Most recordings have only one of each task, and say nothing."""
    assert [run.trial for run in load(line(CALL), line(CALL, run_id="r-2", trial=3))] == [None, 3]


def test_a_repeated_call_id_is_the_same_intent(load):
    """A client that sends again uses the id that it used before."""
    other = CALL | {"call_id": "r/1"}
    [run] = load(line(CALL, other, CALL))
    assert [call.intent_id for call in run.calls] == ["r-1.000", "r-1.001", "r-1.000"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "not JSON"),
        ("[]", "the top is an array, not an object"),
        ('{"run_id": "a", "run_id": "b", "calls": []}', "key 'run_id' stands twice"),
        ('{"calls": []}', "the run has no run_id"),
        ('{"run_id": "r-1"}', "the run has no list of calls"),
        (line(7), r"calls\[0\] is no object"),
        (line({k: v for k, v in CALL.items() if k != "call_id"}), r"calls\[0\] has no call_id"),
        (line(CALL | {"tool": ""}), r"calls\[0\] has no tool"),
        (line(CALL | {"params": "{}"}), r"calls\[0\].params is no object"),
        (line(CALL | {"params": {"t": "x" * 99_000}}), r"calls\[0\].params has 99,008 bytes"),
        (line({k: v for k, v in CALL.items() if k != "result"}), r"calls\[0\] has no result"),
        (line(CALL | {"error": None}), r"calls\[0\].error is neither true nor false"),
        (line(CALL | {"label": "good"}), r"calls\[0\].label is 'good'; known are right, wrong, failed"),
        (line(CALL, trial="1"), "the run's trial is no whole number"),
        (line(CALL, trial=True), "the run's trial is no whole number"),
        (line(CALL, trial=-1), "the run's trial is no whole number"),
        (line(CALL, run_id="r 1"), "makes the intent id 'r 1.000', which has ' '"),
        (line(CALL) + "\n\n" + line(CALL), "run r-1 is there twice"),
    ],
)
def test_a_faulty_line_is_named(load, text, fault):
    """What is wrong, in which file and line."""
    with pytest.raises(LoadError, match=fault) as caught:
        load(line(CALL, run_id="r-0"), text)
    [problem] = caught.value.problems
    assert problem.file.endswith("runs.jsonl")
    assert problem.line == 2 + text.count("\n")


def test_every_faulty_line_is_named(load):
    """A file is mended in one go."""
    with pytest.raises(LoadError) as caught:
        load("{", line(CALL), "[]")
    assert [problem.line for problem in caught.value.problems] == [1, 3]


@pytest.mark.parametrize("lines", [(), ("", " ")])
def test_a_file_without_runs_is_refused(load, lines):
    """Playing nothing would pass every check."""
    with pytest.raises(LoadError, match="there is no run in it"):
        load(*lines)


def test_a_missing_file_is_named(tmp_path):
    """With the reason of the operating system."""
    with pytest.raises(LoadError, match="No such file"):
        runs.load(tmp_path / "none.jsonl")


def test_runs_of_another_policy_are_refused_and_an_invented_tool_is_not(load, tmp_path):
    """Not one known tool is a wrong --policy; a single unknown one is for the gate to deny."""
    found = load(line(CALL, CALL | {"call_id": "r/1", "tool": "invented"}))
    runs.check_tools(tmp_path, found, {"pay", "read"})
    with pytest.raises(LoadError, match="no tool that the runs call is in the catalogue: invented, pay"):
        runs.check_tools(tmp_path, found, {"read"})


def test_the_small_example_reads():
    """Twelve runs, 78 calls, every label in use."""
    found = runs.load(SMALL)
    calls = [call for run in found for call in run.calls]
    assert (len(found), len(calls)) == (12, 78)
    assert {call.label for call in calls} == {"", *runs.LABELS}
