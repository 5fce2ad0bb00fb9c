"""Recorded runs: what agents once called, one run a line of JSON, read strictly.

    {"run_id": "...", "trial": 0, "calls": [{"call_id": "...", "tool": "...", "params": {...},
                                             "result": ..., "error": false, "label": "right"}]}

`trial` and `label` may be left out; they are only for counting, and nothing that decides sees them. Other keys of a run
or call belong to whoever recorded it and are not looked at. A `call_id` that stands twice in a run is a client that
sends one intent again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolgate.processors.contract import PARAMS_BYTES_MAX, PARAMS_DEPTH_MAX
from toolgate.processors.names import id_fault
from toolgate.processors.problems import LoadError, Problem
from toolgate.schemas.strict_json import JsonError, dumps_canonical, loads_strict

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

LABELS = ("right", "wrong", "failed")
LINE_BYTES_MAX = 16 * 1024 * 1024
_LINE_DEPTH_MAX = PARAMS_DEPTH_MAX + 3  # run, list of calls, call


@dataclass(frozen=True, slots=True)
class Call:
    """One recorded call. `intent_id` is made from the run and the place of the call's first mention."""

    intent_id: str
    tool: str
    params: dict[str, Any]
    result: Any
    error: bool
    label: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """One recorded run with its calls in their order."""

    run_id: str
    calls: tuple[Call, ...]
    trial: int | None = None  # the how-manieth recording of the same task


class _LineError(Exception):
    """What is wrong with a line."""


def load(path: Path) -> tuple[Run, ...]:
    """The runs of a file.

    Raises:
        LoadError: the file cannot be read, or every line that is wrong, with its number.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        hint = "name a file with one recorded run a line"
        raise LoadError([Problem(str(path), 0, 0, f"cannot be read: {error.strerror}", hint)]) from None
    runs: dict[str, Run] = {}
    problems: list[Problem] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            run = _run(line)
        except (JsonError, _LineError) as error:
            problems.append(Problem(str(path), number, 1, str(error)))
            continue
        if run.run_id in runs:
            problems.append(Problem(str(path), number, 1, f"run {run.run_id} is there twice"))
        runs[run.run_id] = run
    if not runs and not problems:
        problems.append(Problem(str(path), 0, 0, "there is no run in it", "write one run a line"))
    if problems:
        raise LoadError(problems)
    return tuple(runs.values())


def check_tools(path: Path, runs: tuple[Run, ...], known: Collection[str]) -> None:
    """Refuse runs of which no call is of any tool in the catalogue: they belong to another policy.

    A single unknown tool is nothing to refuse here: agents invent tools, and the gate is there to deny them.

    Raises:
        LoadError: names the tools that were called.
    """
    called = sorted({call.tool for run in runs for call in run.calls})
    if called and not set(called) & set(known):
        what = f"no tool that the runs call is in the catalogue: {', '.join(called[:10])}"
        raise LoadError([Problem(str(path), 1, 1, what, "give the --policy that these runs were made for")])


def _run(line: bytes) -> Run:
    row = loads_strict(line, max_bytes=LINE_BYTES_MAX, max_depth=_LINE_DEPTH_MAX)
    run_id = _text(row, "run_id", "the run")
    calls = row.get("calls")
    if not isinstance(calls, list):
        raise _LineError("the run has no list of calls")
    first: dict[str, str] = {}
    made = []
    for place, call in enumerate(calls):
        here = f"calls[{place}]"
        if not isinstance(call, dict):
            raise _LineError(f"{here} is no object")
        call_id = _text(call, "call_id", here)
        intent_id = first.setdefault(call_id, f"{run_id}.{place:03d}")
        if fault := id_fault(intent_id):
            raise _LineError(f"run_id {run_id!r} makes the intent id {intent_id!r}, which {fault}")
        made.append(_call(call, intent_id, here))
    trial = row.get("trial")
    if trial is not None and (type(trial) is not int or trial < 0):
        raise _LineError("the run's trial is no whole number from 0 on")
    return Run(run_id, tuple(made), trial)


def _call(row: dict[str, Any], intent_id: str, here: str) -> Call:
    params = row.get("params")
    if not isinstance(params, dict):
        raise _LineError(f"{here}.params is no object")
    try:
        size = len(dumps_canonical(params, max_depth=PARAMS_DEPTH_MAX).encode())
    except JsonError as error:
        raise _LineError(f"{here}.params: {error.detail}") from None
    if size > PARAMS_BYTES_MAX:
        raise _LineError(f"{here}.params has {size:,} bytes, at most {PARAMS_BYTES_MAX:,} can be sent")
    if "result" not in row:
        raise _LineError(f"{here} has no result")
    failed = row.get("error")
    if not isinstance(failed, bool):
        raise _LineError(f"{here}.error is neither true nor false")
    label = row.get("label") or ""
    if label not in {"", *LABELS}:
        raise _LineError(f"{here}.label is {label!r}; known are {', '.join(LABELS)}")
    return Call(intent_id, _text(row, "tool", here), params, row["result"], failed, label)


def _text(row: dict[str, Any], name: str, here: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value:
        raise _LineError(f"{here} has no {name}")
    return value
