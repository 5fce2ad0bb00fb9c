"""A policy test made of a denial: what was asked, what was approved in the same run before, and what came of it."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from toolgate.processors.amounts import MICROS_PER_USD, USD_MICROS
from toolgate.processors.problems import LoadError
from toolgate.schemas.enums import Kind
from toolgate.whatif import cases

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolgate.processors.policy import PolicySet
    from toolgate.schemas.records import Denial, Intent, Reason

BEFORE_MAX = 60
_WHERE = "Made of a denial. Put it into cases/ beside the policy; `toolgate policy test DIR` runs it."
_UNTRIED = "It was not tried: the policy set that denied it is not published, or does not load here."
_AS_WRITTEN = "Tried under the policy set that denied it: it comes out as it is written here."
_OTHERWISE = (
    "A case begins with empty accounts, and this one comes out otherwise: some of what filled them is missing. Add it",
    "under `before`, or expect what you want of the policy. Tried under the set that denied it:",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """An intent as it lay on its topic, and when."""

    intent: Intent
    at_ms: int


def cases_file(denial: Denial, asked: Asked, before: Sequence[Asked], policies: PolicySet | None) -> str:
    """A cases file, in YAML, of one case: the denial is expected again.

    A case begins with empty accounts. So it is tried: alone, then with what was approved in its run before, then in its
    workflow; the first that comes out as it was decided is taken. What comes of it stands above it, as comments.

    Args:
        denial: what the gate said.
        asked: the intent that it said it of.
        before: what was approved in the workflow before, in order.
        policies: the set that the denial was decided under; None where it cannot be had.
    """
    *before, asked = _in_time([*before, asked])
    of_run = [one for one in before if one.intent.run_id == asked.intent.run_id]
    text, remarks = "", [_UNTRIED]
    for earlier in ([], of_run, before):
        text = "".join(f"{line}\n" for line in _lines(denial, asked, earlier))
        if policies is None:
            break
        remarks = _tried(text, policies)
        if remarks == [_AS_WRITTEN]:
            break
    return "".join(f"# {line}\n" for line in (_WHERE, *remarks)) + text


def _in_time(steps: Sequence[Asked]) -> list[Asked]:
    """Steps in the order of their decisions, at times that never run back: those of two partitions may."""
    times = accumulate((step.at_ms for step in steps), max)
    return [Asked(step.intent, at_ms) for step, at_ms in zip(steps, times, strict=True)]


def _tried(text: str, policies: PolicySet) -> list[str]:
    """What comes of a case."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cases" / "denial.yaml"
        path.parent.mkdir()
        path.write_text(text, encoding="utf-8")
        try:
            [case] = cases.find(Path(folder), policies)
            faults = cases.run(case, policies).faults
        except LoadError as error:
            return ["It does not load:", *(f"  {_escaped(problem.what)}" for problem in error.problems)]
    if not faults:
        return [_AS_WRITTEN]
    told = (f"  {fault.what}: {_escaped(fault.found)}, here {_escaped(fault.expected)}" for fault in faults)
    return [*_OTHERWISE, *told]


def _lines(denial: Denial, asked: Asked, before: Sequence[Asked]) -> Iterator[str]:
    begin_ms = min((asked, *before), key=lambda one: one.at_ms).at_ms
    intent = asked.intent
    yield "cases:"
    yield f"  - name: {_text(f'{denial.intent_id}: {denial.tool or intent.kind} is denied')}"
    yield f"    workflow: {_text(denial.workflow_id)}"
    yield f"    tenant: {_text(denial.tenant)}"
    yield f"    begin: {datetime.fromtimestamp(begin_ms / 1000, UTC).isoformat(timespec='milliseconds')}"
    if before:
        yield "    before:"
        for one in before:
            rows = _step(one.intent, one.at_ms - begin_ms)
            yield f"      - {next(rows)}"
            yield from (f"        {row}" for row in rows)
    yield from (f"    {row}" for row in _step(intent, asked.at_ms - begin_ms))
    yield "    expect: deny"
    yield f"    codes: [{', '.join(sorted({reason.code for reason in denial.reasons}))}]"
    distances = [reason for reason in denial.reasons if reason.distance is not None and reason.rule]
    if distances:
        yield "    distances:"
        yield from (f"      {_text(reason.rule)}: {_distance(reason)}" for reason in distances)


def _step(intent: Intent, after_ms: int) -> Iterator[str]:
    """The keys of a step, the one that says what it asks first."""
    if intent.kind == Kind.CALL:
        yield f"call: {_text(intent.tool)}"
        yield f"params: {_escaped(intent.params)}"
    elif intent.kind == Kind.FINISH:
        yield f"finish: {_text(intent.run_outcome or '')}"
    else:
        yield f"spend_usd: {_usd(intent.declared_cost_micros or 0)}"
    if after_ms > 0:
        yield f"at: +{after_ms}ms"
    yield f"run: {_text(intent.run_id)}"
    yield f"agent: {_text(intent.agent_id)}"
    if intent.tool_version is not None:
        yield f"version: {_text(intent.tool_version)}"
    if intent.kind == Kind.CALL and intent.declared_cost_micros is not None:
        yield f"cost_usd: {_usd(intent.declared_cost_micros)}"
    if intent.declared_records:
        yield f"records: [{', '.join(map(_text, intent.declared_records))}]"
    if intent.ttl_ms is not None:
        yield f"ttl: {intent.ttl_ms}ms"
    if intent.dry_run:
        yield "dry_run: true"


def _distance(reason: Reason) -> str:
    found = reason.distance or 0
    return f'"{_usd(found)}"' if reason.unit == USD_MICROS else str(found)


def _usd(micros: int) -> str:
    whole, rest = divmod(micros, MICROS_PER_USD)
    return f"{whole}.{rest:06d}"


def _text(text: str) -> str:
    """A quoted scalar; JSON's is YAML's."""
    return _escaped(json.dumps(text, ensure_ascii=False))


def _escaped(text: str) -> str:
    """What does not print as YAML's escapes: the file must show what stands in it."""
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in text)
