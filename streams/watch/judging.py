"""Judging: what is to be told of a workflow at the end of a minute, and whether it has to fall a rung. Pure.

A judgement is made of rows, policy and control alone, so a watch that comes late makes the one that it would have made.
What lasts is told anew each hour: an alert's id names its cause and, where that has no end of its own, the hour.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from msgspec import structs

from toolgate.processors.amounts import duration
from toolgate.processors.control_state import ALL
from toolgate.processors.names import ID_CHARS_MAX
from toolgate.schemas.enums import AlertKind, Severity
from toolgate.streams.watch import burn, drift, ladder, measures, projection, slo
from toolgate.streams.watch.alerts import alert_of
from toolgate.streams.watch.figures import MINUTE_MS, QUARTER_MS, QUARTERS_KEPT, begins_ms
from toolgate.streams.watch.open_runs import SILENT_MS
from toolgate.streams.watch.rows import RECORDS, RUN, UNREPORTED
from toolgate.streams.watch.wording import said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from toolgate.processors.breach_terms import Breach
    from toolgate.processors.policy import WorkflowPolicy
    from toolgate.schemas.records import Alert
    from toolgate.streams.watch.figures import Workflow
    from toolgate.streams.watch.ladder import Move
    from toolgate.streams.watch.measures import Prices
    from toolgate.streams.watch.rows import Level, Row
    from toolgate.streams.watch.runs import Seen
    from toolgate.streams.watch.standing import Standing

HOUR_MS = 3_600_000
SOON_MS = HOUR_MS  # a budget that is used up so soon is told
_PACE_MS = 30 * MINUTE_MS  # of which minutes the pace of a budget is taken
_IDLE_MS = 5 * MINUTE_MS  # whoever has asked for nothing so long has no pace


@dataclass(frozen=True, slots=True)
class Budgeted:
    """How the fullest account of a limit stands that several share."""

    share: float
    exhausted_in_ms: int | None


@dataclass(slots=True)
class Judged:
    """How a workflow stands at a time, for metrics and pages."""

    at_ms: int
    mode: str
    rung: int | None
    budgets: dict[str, Budgeted] = field(default_factory=dict)
    breached: dict[str, bool | None] = field(
        default_factory=dict
    )  # by objective; None: too little happened to say
    slos: dict[str, dict[str, Any]] = field(default_factory=dict)  # the figures of each objective
    burns: dict[tuple[str, str], float] = field(default_factory=dict)  # (slo, window) -> rate
    rise: dict[str, Any] = field(
        default_factory=dict
    )  # what a person needs to know who thinks of the next rung up


@dataclass(frozen=True, slots=True)
class Demotion:
    """That a workflow has to fall, and why."""

    tenant: str
    workflow_id: str
    move: Move
    moved_ms: int = 0  # its move before this one; 0 for none


@dataclass(slots=True)
class Judgement:
    """What comes of a minute."""

    judged: Judged
    alerts: list[Alert] = field(default_factory=list)
    demotion: Demotion | None = None


def judge(workflow: Workflow, standing: Standing, at_ms: int, prices: Prices) -> Judgement:
    """How a workflow stands at `at_ms`, the end of a minute.

    Without a policy there is nothing that it promises, and only its drift is looked at.
    """
    policy = standing.policy(workflow.tenant, workflow.workflow_id)
    where = _ladder(workflow.tenant, workflow.workflow_id, standing)
    found = Judgement(Judged(at_ms, where.mode, ladder.rung(where.mode)))
    teller = Teller(workflow.tenant, workflow.workflow_id, at_ms)
    if policy is not None:
        broken = list(_breaches(workflow, policy, at_ms, prices, found.judged))
        found.alerts += [teller.breach(one) for one in broken]
        if move := ladder.decide(where, broken, now_ms=at_ms):
            found.demotion = Demotion(workflow.tenant, workflow.workflow_id, move, where.moved_ms)
        found.alerts += _budgets(workflow, at_ms, found.judged, teller)
    if at_ms % QUARTER_MS == 0:
        found.alerts += _drifts(workflow, at_ms, teller)
    return found


def rise(workflow: Workflow, standing: Standing, at_ms: int, prices: Prices) -> dict[str, Any]:
    """What a workflow has done on its rung, of seven days at most, and what it lacks for the next one up."""
    policy = standing.policy(workflow.tenant, workflow.workflow_id)
    where = _ladder(workflow.tenant, workflow.workflow_id, standing)
    since_ms = max(where.moved_ms - where.moved_ms % QUARTER_MS, at_ms - QUARTERS_KEPT * QUARTER_MS)
    row = workflow.window(at_ms, max(QUARTER_MS, at_ms - since_ms))
    slos: dict[str, bool | None] = {}
    for term in policy.breaches if policy else ():
        broken, _ = _kept(row, term, prices)
        slos[term.slo] = slos.get(term.slo) or broken
    return ladder.may_rise(where, runs=measures.success(row).total, slos=slos, now_ms=at_ms)


def mode_of(tenant: str, workflow_id: str, standing: Standing) -> str:
    """The mode that policy and orders have a workflow in, as a whole."""
    return _ladder(tenant, workflow_id, standing).mode


def _ladder(tenant: str, workflow_id: str, standing: Standing) -> ladder.Standing:
    policy, places = standing.policy(tenant, workflow_id), _places(tenant, workflow_id)
    orders = [order for place in places if (order := standing.state.orders.get(place)) is not None]
    moved = [standing.moved[place] for place in places if place in standing.moved]
    raised = [standing.raised[place] for place in places if place in standing.raised]
    began = [standing.began[place] for place in places if place in standing.began]
    return ladder.Standing(
        policy.mode if policy else "enforce",
        tuple(order.mode for order in orders),
        max(moved, default=0),
        max(raised, default=0),
        max(began, default=0),
    )


def _places(tenant: str, workflow_id: str) -> tuple[tuple[str, str], ...]:
    return (
        (ALL, ""),
        ("tenant", tenant),
        ("workflow", workflow_id),
        ("workflow", f"{tenant}/{workflow_id}"),
    )


def _breaches(
    workflow: Workflow, policy: WorkflowPolicy, at_ms: int, prices: Prices, judged: Judged
) -> Iterator[ladder.Broken]:
    """The objectives that are broken; how all of them stand goes into `judged`."""
    window = cache(lambda length_ms: workflow.window(at_ms, length_ms))  # objectives look at the same ones
    for term in policy.breaches:
        broken, figures, length_ms = _look(window, term, prices, judged.burns)
        judged.breached[term.slo] = judged.breached.get(term.slo) or broken
        if broken or term.slo not in judged.slos:
            judged.slos[term.slo] = figures
        if broken:
            since_ms = begins_ms(at_ms, length_ms)
            # What was broken by runs that said nothing was done a day before.
            if not _look(lambda length_ms: _heard(window(length_ms)), term, prices, {})[0]:
                since_ms -= SILENT_MS
            yield ladder.Broken(term.slo, term.then, since_ms, figures)


def _heard(row: Row) -> Row:
    """Without the runs that ended in silence."""
    return structs.replace(row, finished={name: n for name, n in row.finished.items() if name != UNREPORTED})


def _look(
    window: Callable[[int], Row], term: Breach, prices: Prices, burns: dict[tuple[str, str], float]
) -> tuple[bool | None, dict[str, Any], int]:
    """Whether an objective is broken, its figures, and over how long they are."""
    if term.error_budget_ms:
        return _burning(window, term, burns)
    return *_kept(window(term.window_ms), term, prices), term.window_ms


def _kept(row: Row, term: Breach, prices: Prices) -> tuple[bool | None, dict[str, Any]]:
    if term.slo == slo.UNIT_COST:
        runs = measures.success(row)
        found = slo.judge_unit_cost(
            measures.cost(row, prices).total,
            runs.count,
            runs.total,
            max_micros=term.bound,
            count_min=term.min_count,
        )
    else:
        share = measures.SHARES[term.slo](row)
        found = slo.judge_ratio(
            term.slo, share.count, share.total, limit_ppm=term.bound, count_min=term.min_count
        )
    return found.broken, {**found.figures, "window_ms": term.window_ms}


def _burning(
    window: Callable[[int], Row], term: Breach, burns: dict[tuple[str, str], float]
) -> tuple[bool, dict[str, Any], int]:
    windows: dict[int, tuple[int, int]] = {}
    for window_s in burn.WINDOWS_S:
        share = measures.SHARES[term.slo](window(window_s * 1_000))
        windows[window_s] = slo.bad_of(term.slo, share.count, share.total), share.total
        burns[term.slo, duration(window_s * 1_000)] = burn.burn_rate(*windows[window_s], term.allowed_ppm)
    found = burn.burning(
        windows, allowed_ppm=term.allowed_ppm, period_ms=term.error_budget_ms, count_min=term.min_count
    )
    if found is None:
        return False, {"slo": term.slo, "windows": windows, "allowed": term.allowed_ppm / slo.PPM}, 0
    return True, found.evidence, found.pair.long_s * 1_000


def _budgets(workflow: Workflow, at_ms: int, judged: Judged, teller: Teller) -> Iterator[Alert]:
    """Of the limits that several share: those of one run end with it, and records are told of as blast radius."""
    series: dict[str, list[tuple[int, Level]]] = {}
    for start, row in workflow.minutes(at_ms, _PACE_MS):
        for rule, level in row.levels.items():
            series.setdefault(rule, []).append((start + MINUTE_MS, level))
    for rule, levels in series.items():
        _, newest = levels[-1]
        if newest.scope == RUN or newest.unit == RECORDS:
            continue
        samples = [(time_ms, one.used, one.max) for time_ms, one in levels if one.account == newest.account]
        paceless = at_ms - samples[-1][0] > _IDLE_MS
        left_ms = None if paceless else projection.exhausted_in_ms(samples)
        judged.budgets[rule] = Budgeted(newest.share, left_ms)
        if left_ms is not None and 0 < left_ms <= SOON_MS:
            yield teller.exhaustion(rule, newest, left_ms, len(samples))


def reached(policy: WorkflowPolicy, levels: Iterable[Level]) -> list[Level]:
    """The accounts that stand where the policy has people warned; not those that end with their run."""
    return [
        level
        for level in levels
        if level.scope != RUN
        and (warn_at := _warn_at(policy, level.rule)) is not None
        and level.used * slo.PPM >= warn_at * level.max
    ]


def _warn_at(policy: WorkflowPolicy, rule: str) -> int | None:
    """The share of a budget, in ppm, from which people are warned; None where its policy names none."""
    for index, budget in enumerate(policy.written.budgets):
        if rule == f"budgets[{index}]" and budget.warn_at is not None:
            return int(budget.warn_at * slo.PPM)
    return None


def _drifts(workflow: Workflow, at_ms: int, teller: Teller) -> Iterator[Alert]:
    """Each quarter of an hour: whether the one that has ended is unlike those before it."""
    if not any(at_ms - QUARTER_MS in version.quarters for version in workflow.versions.values()):
        return
    rows = [row for _, row in workflow.quarters(at_ms)]
    *history, now = rows
    if shift := drift.shifted_mix(now.tools, [row.tools for row in history]):
        yield teller.drift(AlertKind.DRIFT_TOOLS, "calls other tools than it used to", shift)
    if shift := drift.shifted_mix(_denials(now), [_denials(row) for row in history]):
        yield teller.drift(
            AlertKind.DRIFT_DENIALS, "is denied for other reasons, or more often, than before", shift
        )
    costs = [(row.cost_micros, row.approved) for row in rows]
    if shift := drift.shifted_cost(costs[-1], costs[:-1]):
        yield teller.drift(AlertKind.DRIFT_COST, "spends another amount on a call than it used to", shift)


def _denials(row: Row) -> dict[str, int]:
    """Reasons of denials, and what was not denied: a mix in which a wave of denials shows, whatever its reasons."""
    return {**row.codes, "": max(0, row.intents - row.denied)}


class Teller:
    """Words alerts about one workflow at one time."""

    def __init__(self, tenant: str, workflow_id: str, at_ms: int) -> None:
        self._tenant, self._workflow = tenant, workflow_id
        self._name = f"workflow {workflow_id} of tenant {tenant}"
        self._at_ms, self._hour = at_ms, at_ms // HOUR_MS

    def breach(self, broken: ladder.Broken) -> Alert:
        """An objective of the policy is not kept."""
        summary = f"{self._name} does not keep its {broken.slo}: {said(broken.figures)}"
        critical = broken.then != "alert"
        severity = Severity.CRITICAL if critical else Severity.WARNING
        # One that only warns must not hide one that has the workflow fall.
        cause = f"{broken.slo}/{broken.then}/{self._hour}"
        evidence = {**broken.figures, "then": broken.then}
        return self._alert(AlertKind.BREACH, broken.slo, severity, summary, evidence, cause=cause)

    def budget(self, level: Level) -> Alert:
        """A budget has reached the share from which people are warned."""
        summary = f"{level.rule} of {self._name} is used to {level.share:.0%}: account {level.account}"
        # A window that begins anew is another account, and whoever raises a limit has another maximum.
        cause, evidence = f"{level.account}/{level.max}", _level(level, None)
        return self._alert(AlertKind.BUDGET, level.account, Severity.WARNING, summary, evidence, cause=cause)

    def exhaustion(self, rule: str, level: Level, left_ms: int, minutes: int) -> Alert:
        """A budget will soon be used up."""
        summary = f"{rule} of {self._name} is used up in {left_ms // MINUTE_MS} minutes at its present pace"
        evidence = {**_level(level, left_ms), "minutes": minutes}
        cause = f"{level.account}/{self._hour}"
        return self._alert(
            AlertKind.EXHAUSTION, level.account, Severity.WARNING, summary, evidence, cause=cause
        )

    def drift(self, kind: AlertKind, what: str, shift: drift.Shift) -> Alert:
        """A workflow is not what it used to be."""
        summary = f"{self._name} {what}: {shift.size:.0%} of a quarter of an hour is different"
        quarter = str(self._at_ms)
        return self._alert(kind, quarter, Severity.WARNING, summary, shift.evidence, cause=quarter)

    def _alert(  # noqa: PLR0913 - the fields of an alert
        self,
        kind: AlertKind,
        subject: str,
        severity: Severity,
        summary: str,
        evidence: Mapping[str, object],
        *,
        cause: str,
    ) -> Alert:
        return alert_of(
            kind,
            f"{self._tenant}/{self._workflow}/{cause}",
            severity,
            summary,
            evidence,
            at_ms=self._at_ms,
            tenant=self._tenant,
            workflow_id=self._workflow,
            subject=subject,
        )


def repeated(seen: Seen) -> Alert:
    """The alert of a run that goes round in circles, or does not take no for an answer."""
    repeat, run_id = seen.repeat, seen.run_id
    tool = seen.tool[
        :ID_CHARS_MAX
    ]  # whoever is denied may give one that no record of ours would hold five times
    did = (
        f"was approved {repeat.count} times for the same call of {tool}, and learnt nothing new"
        if repeat.kind == AlertKind.LOOP
        else f"was denied the same call of {tool} {repeat.count} times, with nothing new in between"
    )
    return alert_of(
        repeat.kind,
        f"{run_id}/{tool}/{seen.params_digest}/{repeat.began_ms}",
        Severity.WARNING,
        f"run {run_id} {did}",
        {
            "tool": tool,
            "params_digest": seen.params_digest,
            "count": repeat.count,
            "began_ms": repeat.began_ms,
            "ended_ms": repeat.ended_ms,
        },
        at_ms=repeat.ended_ms,
        tenant=seen.tenant,
        workflow_id=seen.workflow_id,
        run_id=run_id,
        subject=tool,
    )


def _level(level: Level, left_ms: int | None) -> dict[str, object]:
    return {
        "rule": level.rule,
        "account": level.account,
        "unit": level.unit,
        "used": level.used,
        "max": level.max,
        "exhausted_in_ms": left_ms,
    }
