"""Recorded logs: intents, results and contracts in the order in which a gate decides them, read strictly.

Two forms, one JSON object a line:

- what `toolgate export` writes, compressed or not; or what `toolgate tail intents --json`, `toolgate tail results
  --json` and, where runs have contracts, `toolgate tail contracts --json` print, in one file. Where it also has what
  `toolgate tail audit --json` prints, the order is that of the decisions (`seq`); else that of the broker's times.
- recorded runs, as `toolgate demo --runs` plays them. They have no times: one call a second, one run after another.
"""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from toolgate.demo import runs as demo_runs
from toolgate.demo.runs import LINE_BYTES_MAX
from toolgate.processors.problems import LoadError, Problem
from toolgate.schemas.enums import Kind, ResultStatus
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Intent, Result, RunContract
from toolgate.schemas.strict_json import JsonError, dumps_canonical, loads_strict

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from toolgate.demo.runs import Call, Run

BEGIN_MS = 1_772_442_000_000  # 2026-03-02T09:00:00Z, where recorded runs begin
CALL_MS = 1_000
_LINE_DEPTH_MAX = 40
Record = Intent | Result | RunContract
_RECORDS = {"intents": Intent, "results": Result, "contracts": RunContract}
_AGENT, _EXECUTOR = "recorded-agent", "recorded"


@dataclass(frozen=True, slots=True)
class Happening:
    """A record as the broker took it at `at_ms`; `tenant` is whose it is."""

    at_ms: int
    record: Record
    tenant: str


def read(path: Path, workflow: tuple[str, str] | None) -> list[Happening]:
    """The happenings of a log, in order.

    Args:
        path: a file of one of the two forms.
        workflow: tenant and workflow id of recorded runs, which name none; None: refuse recorded runs.

    Raises:
        LoadError: the file cannot be read, or what is wrong with which line.
    """
    try:
        lines = [(number, line) for number, line in enumerate(_bytes(path).splitlines(), 1) if line.strip()]
    except (OSError, EOFError, zlib.error) as error:
        text = getattr(error, "strerror", None) or str(error)
        raise LoadError([_problem(path, 0, f"cannot be read: {text}", "name a recorded log")]) from None
    if not lines:
        raise LoadError(
            [_problem(path, 0, "there is nothing in it", "record a log with `toolgate tail --json`")]
        )
    if b'"calls"' in lines[0][1] and b'"topic"' not in lines[0][1]:
        if workflow is None:
            what = "recorded runs name no workflow, and the policies have several in common, or none"
            raise LoadError([_problem(path, 1, what, "give --workflow")])
        return _of_runs(demo_runs.load(path), workflow)
    return _of_entries(path, lines)


def _bytes(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def _of_runs(runs: Iterable[Run], workflow: tuple[str, str]) -> list[Happening]:
    tenant, workflow_id = workflow
    found: list[Happening] = []
    now_ms = BEGIN_MS
    for run in runs:
        for call in run.calls:
            intent = Intent(
                intent_id=call.intent_id,
                kind=Kind.CALL,
                tenant=tenant,
                workflow_id=workflow_id,
                run_id=run.run_id,
                agent_id=_AGENT,
                tool=call.tool,
                params=dumps_canonical(call.params),
            )
            found += (Happening(now_ms, intent, tenant), Happening(now_ms, _result(run, call), tenant))
            now_ms += CALL_MS
    return found


def _result(run: Run, call: Call) -> Result:
    """What the call came to; recordings hold JSON as text, other text stays text."""
    text = call.result if isinstance(call.result, str) else json.dumps(call.result)
    try:
        json.loads(text)
        body = text
    except ValueError:
        body = json.dumps(text)
    return Result(
        command_id="",
        intent_id=call.intent_id,
        run_id=run.run_id,
        tool=call.tool,
        digest="",
        status=ResultStatus.ERROR if call.error else ResultStatus.OK,
        executor_id=_EXECUTOR,
        body="" if call.error else body,
        error=text if call.error else "",
    )


def _of_entries(path: Path, lines: list[tuple[int, bytes]]) -> list[Happening]:
    found: list[tuple[tuple[str, int, int], int, Record]] = []
    seqs: dict[tuple[str, int, int], int] = {}
    problems: list[Problem] = []
    for number, line in lines:
        try:
            entry = loads_strict(line, max_bytes=LINE_BYTES_MAX, max_depth=_LINE_DEPTH_MAX)
            if entry.get("topic") == "audit":
                value = entry["value"]
                seqs[value["topic"], value["partition"], value["offset"]] = value["seq"]
            elif entry.get("topic") in _RECORDS and "value" in entry:
                place = (entry["topic"], entry["partition"], entry["offset"])
                found.append((place, entry["time_ms"], _record(entry)))
            elif "topic" not in entry:
                problems.append(_problem(path, number, "this is no record of a topic"))
        except (JsonError, msgspec.ValidationError, KeyError, TypeError) as error:
            what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            problems.append(_problem(path, number, what, "record it with `toolgate tail --json`"))
    if not problems and not any(isinstance(record, Intent) for _, _, record in found):
        problems.append(
            _problem(path, 0, "there is no intent in it", "record `toolgate tail intents --json` too")
        )
    if problems:
        raise LoadError(problems)
    return _in_order(found, seqs)


def _record(entry: dict[str, Any]) -> Record:
    record: Record = msgspec.convert(entry["value"], _RECORDS[entry["topic"]])
    # What it had seen were places of its own log: here every result before it has been seen.
    return changed(record, results_seen_to=None) if isinstance(record, Intent) else record


def _in_order(
    found: list[tuple[tuple[str, int, int], int, Record]], seqs: dict[tuple[str, int, int], int]
) -> list[Happening]:
    """By decision where the audit tells it of all, else by the broker's time; those of one time as they stand."""
    if all(place in seqs for place, _, _ in found):
        found.sort(key=lambda one: seqs[one[0]])
    else:
        found.sort(key=lambda one: one[1])
    tenants = {
        (record.run_id, record.intent_id): record.tenant
        for _, _, record in found
        if isinstance(record, Intent)
    }
    return [
        Happening(
            at_ms,
            record,
            tenants.get((record.run_id, record.intent_id), "")
            if isinstance(record, Result)
            else record.tenant,
        )
        for _, at_ms, record in found
    ]


def _problem(path: Path, line: int, what: str, hint: str = "") -> Problem:
    return Problem(str(path), line, 1 if line else 0, what, hint)
