"""Cases: what a policy is expected to say, run through the real gate over a ledger in memory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolgate.processors.amounts import USD_MICROS, amount, duration, parse_usd
from toolgate.processors.cases_file import CasesFile, check_cases, workflow_of
from toolgate.processors.param_schema import json_plain
from toolgate.processors.problems import LoadError, Problem
from toolgate.processors.written_file import read_file
from toolgate.schemas.enums import Kind, Verdict
from toolgate.schemas.records import AuditEvent, Intent, Reason, Result, RunContract
from toolgate.schemas.strict_json import JsonError, dumps_canonical
from toolgate.streams.gate.contracted import ACCEPTED
from toolgate.streams.gate.rehearsal import Rehearsal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from toolgate.processors.approval_terms import ApprovalTerms
    from toolgate.processors.cases_file import CaseContract, CaseEntry, Step
    from toolgate.processors.policy import PolicySet
    from toolgate.processors.strict_yaml import Document
    from toolgate.streams.gate.rehearsal import Decided

PATTERNS = ("cases/*.yaml", "*.cases.yaml")
_EXECUTOR = "case"


@dataclass(frozen=True, slots=True)
class Case:
    """One case and where it stands. Lines count from 1."""

    file: str  # as it is reached from where the command was typed
    line: int
    entry: CaseEntry
    document: Document
    place: int  # in its file


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that came out otherwise: at which line, what was expected, and what was found."""

    line: int
    what: str  # verdict, codes, rules, "distance of <rule>"; of an earlier step with its place before it
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a case; it has passed when there are no faults. `event`: the decision about its own intent."""

    case: Case
    event: AuditEvent
    faults: tuple[Fault, ...]


def find(directory: Path, policies: PolicySet) -> list[Case]:
    """The cases beside the policies of a directory, by file and place.

    Raises:
        LoadError: every mistake in them.
    """
    cases: list[Case] = []
    problems: list[Problem] = []
    for path in sorted({path for pattern in PATTERNS for path in directory.glob(pattern)}):
        found, wrong = _read(path, policies)
        cases += found
        problems += wrong
    if problems:
        raise LoadError(problems)
    return cases


def run(case: Case, policies: PolicySet) -> Outcome:
    """Run a case on empty accounts."""
    gate = Rehearsal(policies)
    entry, now_ms = case.entry, case.entry.begin_ms
    faults: list[Fault] = []
    decided: Decided | None = None
    if entry.contract is not None:
        faults += _contract_fault(case, gate.contract(_contract(entry, entry.contract, policies), now_ms))
    for at, step in entry.steps():
        now_ms = max(now_ms, entry.begin_ms + (step.at_ms or 0))
        for number in range(step.times):
            decided = _send(gate, entry, step, _intent(entry, at, step, number, policies), now_ms)
            if verdict_of(decided.event) != step.expect:
                faults.append(_verdict_fault(case, at, step, number, decided.event))
                break
    if decided is None:
        raise AssertionError("a case has its own step at least")
    event = decided.event
    return Outcome(case, event, (*faults, *_told(case, event.reasons), *_needed(case, decided.needs)))


def verdict_of(event: AuditEvent) -> str:
    """The verdict as cases have it: model spend and the end of a run, which are only recorded, are approved."""
    return "approve" if event.verdict == Verdict.RECORDED else event.verdict.lower()


def worded(reason: Reason) -> str:
    """A reason as one line: code, rule, and why."""
    return " ".join(filter(None, (reason.code, reason.rule))) + (
        f": {reason.because}" if reason.because else ""
    )


def _read(path: Path, policies: PolicySet) -> tuple[list[Case], list[Problem]]:
    name = str(path)
    try:
        text = path.read_bytes()
    except OSError as error:
        return [], [Problem(name, 0, 0, f"cannot be read: {error.strerror}")]
    document, model, problems = read_file(name, text, CasesFile)
    if document is None or model is None:
        return [], problems
    problems += check_cases(document, model, policies)
    for place, entry in enumerate(model.cases):
        problems += _unsendable(document, place, entry)
    lines = [document.values["cases", place][0] for place in range(len(model.cases))]
    return [
        Case(name, line, entry, document, place)
        for place, (line, entry) in enumerate(zip(lines, model.cases, strict=True))
    ], problems


def _unsendable(document: Document, place: int, entry: CaseEntry) -> Iterator[Problem]:
    for at, step in entry.steps():
        for key, value in (("params", step.params), ("result", getattr(step.result, "body", None))):
            try:
                _as_json(value)
            except JsonError as error:
                yield document.problem(("cases", place, *at, key), f"this cannot be sent: {error.detail}")


def _as_json(value: Any) -> str:
    return dumps_canonical(json.loads(json.dumps(value, default=json_plain)))


def _intent(
    entry: CaseEntry, at: tuple[str | int, ...], step: Step, number: int, policies: PolicySet
) -> Intent:
    kind = Kind.CALL if step.call else Kind.FINISH if step.finish else Kind.USAGE
    place = f"{at[-1]}" if at else "last"
    return Intent(
        intent_id=f"case-{place}-{number}",
        kind=kind,
        tenant=entry.tenant,
        workflow_id=workflow_of(entry, step, policies) or "",
        run_id=step.run,
        agent_id=step.agent,
        tool=step.call or "",
        tool_version=step.version,
        params=_as_json(step.params),
        declared_cost_micros=step.cost_micros if step.spend_micros is None else step.spend_micros,
        declared_records=tuple(step.records),
        reason=step.reason,
        ttl_ms=step.ttl_ms,
        dry_run=step.dry_run,
        run_outcome=step.finish,
    )


def _contract(entry: CaseEntry, asked: CaseContract, policies: PolicySet) -> RunContract:
    return RunContract(
        contract_id="case-contract",
        tenant=entry.tenant,
        workflow_id=workflow_of(entry, entry, policies) or "",
        run_id=entry.run,
        owner=asked.owner,
        tools=tuple(asked.tools),
        values={name: tuple(values) for name, values in asked.values.items()},
        max_cost_micros=asked.max_cost_micros,
        max_calls=asked.max_calls,
        deadline=None if asked.deadline_ms is None else entry.begin_ms + asked.deadline_ms,
    )


def _contract_fault(case: Case, event: AuditEvent) -> list[Fault]:
    why = "; ".join(map(worded, event.reasons))
    return [Fault(_line(case, "contract"), "contract", ACCEPTED, f"{event.note} ({why})")] if why else []


def _send(gate: Rehearsal, entry: CaseEntry, step: Step, intent: Intent, now_ms: int) -> Decided:
    """Let the gate decide a step, and settle what came back."""
    decided = gate.intent(intent, now_ms)
    came = step.result
    if decided.command is not None and not isinstance(came, str):
        result = Result(
            command_id="",
            intent_id=intent.intent_id,
            run_id=intent.run_id,
            tool=intent.tool,
            digest="",
            status=came.status,
            executor_id=_EXECUTOR,
            body="" if came.body is None else _as_json(came.body),
            actual_cost_micros=came.cost_micros,
            actual_records=None if came.records is None else tuple(came.records),
        )
        gate.result(entry.tenant, result, now_ms)
    return decided


def _verdict_fault(
    case: Case, at: tuple[str | int, ...], step: Step, number: int, event: AuditEvent
) -> Fault:
    found = verdict_of(event)
    why = "; ".join(map(worded, event.reasons))
    of_step = f"before[{at[-1]}]: " if at else ""
    of_time = f" of no. {number + 1} of {step.times}" if step.times > 1 else ""
    line = case.document.values["cases", case.place, *at][0]
    return Fault(line, f"{of_step}verdict{of_time}", step.expect, f"{found} ({why})" if why else found)


def _told(case: Case, reasons: tuple[Reason, ...]) -> Iterator[Fault]:
    """What the reasons of the case's own intent are, other than was expected."""
    entry = case.entry
    for key, expected, told in (
        ("codes", entry.codes, sorted({reason.code for reason in reasons})),
        ("rules", entry.rules, sorted({reason.rule for reason in reasons})),
    ):
        if expected is not None and sorted(set(expected)) != told:
            yield Fault(
                _line(case, key), key, ", ".join(sorted(set(expected))) or "none", ", ".join(told) or "none"
            )
    for rule, distance in (entry.distances or {}).items():
        ours = [reason for reason in reasons if reason.rule == rule]
        found = ", ".join("none" if one.distance is None else amount(one.distance, one.unit) for one in ours)
        if not any(one.distance is not None and _is(distance, one) for one in ours):
            yield Fault(
                _line(case, "distances"), f"distance of {rule}", str(distance), found or "it did not speak"
            )


def _needed(case: Case, found: ApprovalTerms | None) -> Iterator[Fault]:
    """What people must do about the case's own intent, other than was expected; its verdict is told elsewhere."""
    expected = case.entry.needs
    if expected is None or found is None:
        return
    for key, wanted, told in (
        ("approvers", expected.approvers and str(expected.approvers), str(found.approvers)),
        ("roles", expected.roles and ", ".join(sorted(set(expected.roles))), ", ".join(sorted(found.roles))),
        ("expires", expected.expires_ms and duration(expected.expires_ms), duration(found.wait_ms)),
    ):
        if wanted and wanted != told:
            yield Fault(_line(case, "needs"), f"needs {key}", wanted, told)


def _is(distance: object, reason: Reason) -> bool:
    if reason.unit != USD_MICROS:
        return type(distance) is int and distance == reason.distance
    try:
        return parse_usd(distance) == reason.distance
    except ValueError:
        return False


def _line(case: Case, key: str) -> int:
    return case.document.problem(("cases", case.place, key), "").line
