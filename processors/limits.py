"""Limits: what an intent asks of the ledger's accounts. Whether there is room is the ledger's to say.

A call reserves its cost under every limit of its policy's plan; model spend is spent at once; the end of a
run is counted. Every intent is an attempt of its run and agent, and a denial counts against its run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.processors.case import deny, place_of
from toolgate.processors.catalogue import CostError
from toolgate.processors.claims import (
    RUN_KEEP_MS,
    Charge,
    Claim,
    Count,
    Deadline,
    Distinct,
    Forbid,
    Label,
    Own,
    Rate,
    Reserve,
    Spend,
)
from toolgate.processors.history import HistoryError, history_claims
from toolgate.processors.memos import memo_of
from toolgate.processors.names import is_id
from toolgate.processors.paths import values_at
from toolgate.processors.plans import CALLS, COST, RECORDS, Account, Plan, standing
from toolgate.processors.reasons import Code
from toolgate.processors.run_contract import call_terms, usage_terms
from toolgate.schemas.enums import Kind, Verdict
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Reason
from toolgate.schemas.strict_json import digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from toolgate.processors.case import Case
    from toolgate.processors.plans import RatePlan, Standing
    from toolgate.processors.policy import WorkflowPolicy
    from toolgate.processors.world import World
    from toolgate.schemas.records import Intent

HOLD_MS = 900_000  # a command's life: no reservation outlives it
RECORDS_MAX = 256
RECORD_BYTES_MAX = 128  # bytes of UTF-8; longer ones are known by their digest

_OWNER = Label(Code.RUN_NOT_YOURS, "run", "run", "")
_LATCHED = Label(Code.RUN_LATCHED, "run", "run", "")
_FINISHED = Label(Code.RUN_FINISHED, "run", "run", "")
_DENIALS = Label(Code.TOO_MANY_DENIALS, "limits.max_denials", "run", "denials")
_EXPIRED = Label(Code.EXPIRED, "ttl_ms", "", "ms")
_GRANT_ENDED = Label(Code.GRANT_ENDED, "grant", "", "ms")
_DEFAULT = standing(None)


class RecordsError(Exception):
    """The records that a call touches cannot be told."""


def limits(case: Case, world: World) -> Case:  # noqa: ARG001 - one signature for every processor
    """Claim what a call costs, touches and counts as, under every limit of its workflow's policy."""
    intent, policy = case.intent, case.policy
    if policy is None or case.verdict == Verdict.DENY:
        return case
    owner = f"{intent.tenant}/{intent.workflow_id}"
    always, on_deny = _attempts_of_run(policy.standing, owner, intent.run_id, intent.agent_id)
    if intent.kind == Kind.USAGE:
        cost = intent.declared_cost_micros or 0
        spends: tuple[Claim, ...] = (
            _reported(intent),
            *_spends(policy.usage, intent, cost),
            *usage_terms(case, cost, _latch(intent)),
        )
        return changed(case, cost_micros=cost, claims=spends, always=always, on_deny=on_deny)
    if intent.kind == Kind.FINISH:
        finished = Count(f"run:{intent.run_id}:finished", 1, 1, _FINISHED, RUN_KEEP_MS)
        return changed(case, claims=(_reported(intent), finished), always=always, on_deny=on_deny)
    tool, params, plan = case.tool, case.params, policy.plans.get(intent.tool) or _plan_beyond(case)
    if tool is None or params is None or plan is None:
        raise AssertionError("a call came here without tool, parameters or plan and was not refused")
    try:
        cost = max(tool.price.of(params), intent.declared_cost_micros or 0)
        own = _named(params, tool.records or ())
        records = _distinct_names((*own, *intent.declared_records))
        claims = _run_claims(intent, policy)
        claims += _deadlines(case)
        claims += _charges(plan, intent, cost, len(records))
        claims += call_terms(case, cost)
        claims += [_rate(rate, intent) for rate in plan.rates]
        claims += _distincts(plan, intent, params, records, must=tool.writes, named=bool(own))
        for history in plan.histories:
            claims += history_claims(history, intent.run_id, params, case.params_digest)
    except (CostError, HistoryError, RecordsError) as error:
        return deny(case, _untold(error))
    digest_kept = case.params_digest if policy.history else ""
    if memo := memo_of(tool, intent.run_id, place_of(case), params, digest_kept):
        claims.append(memo)
    reserve = Reserve(place_of(case), HOLD_MS, case.digest, tool.name)
    return changed(
        case,
        cost_micros=cost,
        records=records,
        claims=tuple(claims),
        always=always,
        on_deny=on_deny,
        reserve=reserve,
    )


def _plan_beyond(case: Case) -> Plan | None:
    """The plan of a tool that a grant alone allows."""
    return case.policy.plan_for(case.tool) if case.policy and case.tool and case.grant else None


def _deadlines(case: Case) -> Iterator[Deadline]:
    """Until when a call may be decided. Of a grant that is the ledger's to say: its clock may be past what we know."""
    if case.intent.ttl_ms is not None:
        yield Deadline(case.envelope.time_ms + case.intent.ttl_ms, _EXPIRED)
    if case.grant is not None:
        yield Deadline(case.grant.expires_at, _GRANT_ENDED)


def _untold(error: CostError | HistoryError | RecordsError) -> Reason:
    """Why it cannot be told what a call would take."""
    match error:
        case CostError():
            return Reason(Code.COST_INVALID, "cost", str(error))
        case HistoryError():
            return Reason(Code.RULE_FAILED, error.rule, error.because)
        case RecordsError():
            return Reason(Code.RECORDS_INVALID, "records", str(error))


def attempts(case: Case) -> tuple[tuple[Rate, ...], tuple[Count, ...]]:
    """What every intent of a proven writer takes (`always`), and what its denial counts (`on_deny`).

    The keys carry the workflow that the MAC proves: nobody uses up another's attempts or stops its run.
    A run that is not the record's key is not its run: then the workflow as a whole pays for the attempt.
    """
    intent, policy = case.intent, case.policy
    plan = policy.standing if policy else _DEFAULT
    owner, agent_id = f"{_safe(intent.tenant)}/{_safe(intent.workflow_id)}", _safe(intent.agent_id)
    if is_id(intent.run_id) and case.envelope.key == intent.run_id.encode():
        return _attempts_of_run(plan, owner, intent.run_id, agent_id)
    astray = _attempt(plan.run_attempts, f"workflow:{owner}:astray_attempts")
    return (astray, _attempt(plan.agent_attempts, f"agent:{owner}/{agent_id}:attempts")), ()


def _attempts_of_run(
    plan: Standing, owner: str, run_id: str, agent_id: str
) -> tuple[tuple[Rate, ...], tuple[Count, ...]]:
    """`attempts` of an intent whose ids are ids and whose run is its key, as the contract holds it to."""
    run = f"run:{run_id}/{owner}"
    rates = (
        _attempt(plan.run_attempts, f"{run}:attempts"),
        _attempt(plan.agent_attempts, f"agent:{owner}/{agent_id}:attempts"),
    )
    return rates, (Count(f"{run}:denials", 1, None, _DENIALS, RUN_KEEP_MS),)


def _attempt(plan: RatePlan, key: str) -> Rate:
    return Rate(key, plan.increment_us, plan.tau_us, plan.label, plan.keep_ms)


def _safe(name: str) -> str:
    return name if is_id(name) else "~"


def _own(intent: Intent) -> Own:
    return Own(intent.run_id, f"{intent.tenant}/{intent.workflow_id}/{intent.agent_id}", _OWNER)


def _reported(intent: Intent) -> Own:
    """Whose run it is, without counting as activity: a report must not keep a stopped run alive."""
    return changed(_own(intent), touch=False)


def _run_claims(intent: Intent, policy: WorkflowPolicy) -> list[Claim]:
    run, plan = intent.run_id, policy.standing
    denials = f"run:{run}/{intent.tenant}/{intent.workflow_id}:denials"
    claims: list[Claim] = [
        _own(intent),
        Forbid(_latch(intent), 1, _LATCHED, RUN_KEEP_MS),
        Forbid(f"run:{run}:finished", 1, _FINISHED, RUN_KEEP_MS),
        Forbid(denials, plan.max_denials, _DENIALS, RUN_KEEP_MS),
    ]
    if plan.max_calls is not None:
        claims.append(Count(f"run:{run}:approved_calls", 1, plan.max_calls, CALLS, RUN_KEEP_MS))
    return claims


def _latch(intent: Intent) -> str:
    return f"run:{intent.run_id}:latched"


def _filled(account: Account, intent: Intent) -> str:
    if not account.hole:
        return account.head
    return account.head + (intent.run_id if account.hole == "run" else intent.agent_id) + account.tail


def _charges(plan: Plan, intent: Intent, cost: int, record_count: int) -> list[Charge]:
    # A charge of nothing is made as well: what the result says in the end is settled against it.
    return [
        Charge(
            _filled(charge.account, intent),
            cost if charge.source == COST else record_count if charge.source == RECORDS else charge.each,
            charge.max,
            charge.label,
            charge.window,
            charge.on_expiry,
            charge.keep_ms,
        )
        for charge in plan.charges
    ]


def _spends(plan: Plan, intent: Intent, cost: int) -> list[Spend]:
    latch = _latch(intent)
    return [
        Spend(
            _filled(charge.account, intent),
            cost,
            charge.max,
            charge.label,
            charge.window,
            latch,
            charge.keep_ms,
        )
        for charge in plan.charges
    ]


def _rate(plan: RatePlan, intent: Intent) -> Rate:
    return Rate(_filled(plan.account, intent), plan.increment_us, plan.tau_us, plan.label, plan.keep_ms)


def _distincts(  # noqa: PLR0913
    plan: Plan,
    intent: Intent,
    params: dict[str, object],
    records: tuple[str, ...],
    *,
    must: bool,
    named: bool,
) -> list[Distinct]:
    """The sets of distinct records that a call adds to. `must`: a write that names none cannot be counted."""
    claims: list[Distinct] = []
    for distinct in plan.distincts:
        found = records if distinct.path is None else _distinct_names(_named(params, (distinct.path,)))
        if must and not (named if distinct.path is None else found):
            what = ".".join(distinct.path) if distinct.path else "the paths of the catalogue"
            raise RecordsError(f"{distinct.label.rule} counts records, and {what} name none here")
        # The tool's own records are what its result names in the end, so their set is taken also when none is
        # named yet; what stands at another path is no business of the result.
        trued = distinct.path is None
        if found or trued:
            key, label = _filled(distinct.account, intent), distinct.label
            claims.append(
                Distinct(key, found, distinct.max, label, distinct.window_ms, distinct.keep_ms, trued)
            )
    return claims


def _named(params: dict[str, object], paths: tuple[tuple[str, ...], ...]) -> list[str]:
    """The records at these paths: texts or whole numbers, nothing else says which record it is."""
    records: list[str] = []
    for path in paths:
        for value in values_at(params, path):
            if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
                raise RecordsError(f"a record is text or a whole number; {'.'.join(path)} has something else")
            records.append(str(value))
    return records


def _distinct_names(records: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    if not records:
        return ()
    names = record_names(records)
    if len(names) > RECORDS_MAX:
        raise RecordsError(f"the call names {len(names):,} records, at most {RECORDS_MAX} are allowed")
    return names


def record_names(records: Iterable[str]) -> tuple[str, ...]:
    """Each record once, by the name that the sets of the ledger know it by: a long one's digest."""
    return tuple(dict.fromkeys(map(_record_name, records)))


def _record_name(record: str) -> str:
    if len(record) <= RECORD_BYTES_MAX and record.isascii():
        return record
    data = record.encode()
    return record if len(data) <= RECORD_BYTES_MAX else digest(data)
