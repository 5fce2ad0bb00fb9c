"""Metrics of the watch for Prometheus: figures of workflows as they stand, made from rows when somebody asks.

Counters are sums of what the table holds, so a restart does not reset them. Labels are bounded: the busiest workflows
and the newest versions of each have their own, the rest is `other`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from prometheus_client.gc_collector import GCCollector
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from toolgate.streams.watch import measures
from toolgate.streams.watch.figures import MINUTE_MS
from toolgate.streams.watch.rows import RUN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from prometheus_client.metrics_core import Metric

    from toolgate.streams.watch.figures import Figures, Workflow
    from toolgate.streams.watch.judging import Budgeted, Judged
    from toolgate.streams.watch.measures import Prices
    from toolgate.streams.watch.rows import Row

WORKFLOWS_MAX, VERSIONS_MAX = 200, 3
OTHER = "other"
WINDOWS = {"5m": 5 * MINUTE_MS, "1h": 60 * MINUTE_MS, "6h": 360 * MINUTE_MS}
_MICROS = 1_000_000
_OF = ("tenant", "workflow", "version")
_PLACE = ("tenant", "workflow")

# By name without its suffix, the labels and what it is.
COUNTERS: dict[str, tuple[tuple[str, ...], str]] = {
    "toolgate_watch_intents": ((*_OF, "verdict"), "Calls that agents asked for, by verdict."),
    "toolgate_watch_runs": (
        (*_OF, "outcome"),
        "Runs that have ended, by what their agent says came of them, or unreported.",
    ),
    "toolgate_watch_results": ((*_OF, "status"), "Commands that have ended, by how."),
    "toolgate_watch_interventions": (_OF, "Calls that waited for people."),
    "toolgate_watch_tool_errors": (
        (*_OF, "kind"),
        "Calls that went wrong: failed, invalid_params, retried.",
    ),
    "toolgate_watch_cost_usd": (
        (*_OF, "kind"),
        "US dollars: reserved, settled, review and remediation by people.",
    ),
    "toolgate_watch_findings": (
        (*_OF, "finding"),
        "What people found in completed work that they looked at.",
    ),
    "toolgate_watch_alerts": (("kind", "severity"), "Alerts that this process has told."),
    "toolgate_watch_demotions": (_PLACE, "Times that this process has ordered a tighter mode."),
    "toolgate_watch_orders_failed": ((), "Orders of a tighter mode that this process could not say."),
    "toolgate_watch_unreadable": ((), "Records that could not be read."),
}
GAUGES: dict[str, tuple[tuple[str, ...], str]] = {
    "toolgate_watch_success_ratio": ((*_OF, "window"), "Runs that succeeded, of those that ended."),
    "toolgate_watch_intervention_ratio": (
        (*_OF, "window"),
        "Calls that waited for people, of all asked for.",
    ),
    "toolgate_watch_denial_ratio": ((*_OF, "window"), "Calls that were denied, of all asked for."),
    "toolgate_watch_tool_error_ratio": ((*_OF, "window"), "Tool errors, of all calls that came so far."),
    "toolgate_watch_unit_cost_usd": (
        (*_OF, "window"),
        "US dollars for each run that succeeded, people included.",
    ),
    "toolgate_watch_detection_seconds": (
        (*_OF, "window", "stat"),
        "From a command's approval to what showed it wrong: mean, max.",
    ),
    "toolgate_watch_records_touched": (
        (*_OF, "window", "stat"),
        "Distinct records that an account had touched when a call was approved: p99, max.",
    ),
    "toolgate_watch_records_used_ratio": (
        (*_OF, "window"),
        "Records that an account had touched of the fullest blast radius that runs share.",
    ),
    "toolgate_watch_budget_used_ratio": (
        (*_PLACE, "rule"),
        "How full the fullest account of a limit is that runs share.",
    ),
    "toolgate_watch_budget_exhausted_seconds": (
        (*_PLACE, "rule"),
        "Until a budget is used up at the present pace; absent: not at this pace.",
    ),
    "toolgate_watch_error_budget_burn": (
        (*_PLACE, "slo", "window"),
        "How many times faster than allowed the error budget is spent.",
    ),
    "toolgate_watch_breached": ((*_PLACE, "slo"), "1 while what the policy promises is not kept."),
    "toolgate_watch_rung": (_PLACE, "The rung of autonomy: 3 enforce, 2 canary, 1 draft_only, 0 shadow."),
    "toolgate_watch_lag_records": (("topic",), "Offsets between what was folded and the last stable one."),
    "toolgate_watch_rebuild_seconds": ((), "How long the tables took to be rebuilt at the last start."),
    "toolgate_watch_acts": ((), "1 where it has a key to order tighter modes with."),
    "toolgate_watch_open_runs": (
        (),
        "Runs in which something was approved, of which nobody has said yet what came.",
    ),
    "toolgate_watch_control_current": (
        (),
        "0 while it cannot read control and policies, and judges by what it knew.",
    ),
    "toolgate_watch_last_pulse_timestamp_seconds": ((), "Ledger time of the newest pulse."),
}


def names() -> frozenset[str]:
    """Every sample that /metrics may have, beside those of the process."""
    return frozenset({f"{name}_total" for name in COUNTERS} | set(GAUGES))


@dataclass(slots=True)
class Process:
    """What is known of this process alone, and is lost with it."""

    acts: bool = False
    control_current: bool = True
    rebuild_s: float | None = None
    lag: Mapping[str, int] = field(default_factory=dict)
    alerts: dict[tuple[str, str], int] = field(default_factory=dict)
    demotions: dict[tuple[str, str], int] = field(default_factory=dict)
    orders_failed: int = 0
    unreadable: int = 0
    open_runs: int = 0


class Metrics(Collector):
    """Answers scrapes from a view that the application's loop has left; so a scrape holds nothing up."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self._families: list[Metric] = []
        self.registry.register(self)

    def describe(self) -> Iterable[Metric]:
        """Nothing is made at registration."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """As of the last `show`."""
        return self._families

    def show(self, families: list[Metric]) -> None:
        """What the next scrapes get."""
        self._families = families


def families(
    figures: Figures, judged: Mapping[tuple[str, str], Judged], prices: Prices, process: Process, now_ms: int
) -> list[Metric]:
    """Every family, from the rows as they stand; `now_ms` is where windows end."""
    samples: dict[str, dict[tuple[str, ...], float]] = {name: {} for name in (*COUNTERS, *GAUGES)}
    put = _adding(samples)
    end_ms = now_ms - now_ms % MINUTE_MS + MINUTE_MS
    for rank, workflow in enumerate(_busiest(figures)):
        named = rank < WORKFLOWS_MAX
        place = (workflow.tenant, workflow.workflow_id) if named else (OTHER, OTHER)
        for order, version in enumerate(workflow.newest_versions()):
            of = (*place, version[:12] or "none") if named and order < VERSIONS_MAX else (*place, OTHER)
            _count(put, of, workflow.versions[version].ever, prices)
            if named and order < VERSIONS_MAX:
                _measure(put, of, workflow, version, prices, end_ms)
        if named and (found := judged.get(place)):
            _judge(put, place, found)
    _process(put, figures, process)
    return [
        *_families(CounterMetricFamily, COUNTERS, samples),
        *_families(GaugeMetricFamily, GAUGES, samples),
    ]


def _adding(
    samples: dict[str, dict[tuple[str, ...], float]],
) -> Callable[[str, tuple[str, ...], float | None], None]:
    def put(name: str, labels: tuple[str, ...], value: float | None) -> None:
        if value is not None:
            samples[name][labels] = samples[name].get(labels, 0) + value

    return put


def _busiest(figures: Figures) -> list[Workflow]:
    def calls(workflow: Workflow) -> int:
        return sum(version.ever.intents for version in workflow.versions.values())

    return sorted(figures.workflows.values(), key=lambda one: (-calls(one), one.tenant, one.workflow_id))


def _count(put: Callable[..., None], of: tuple[str, ...], row: Row, prices: Prices) -> None:
    verdicts = {
        "APPROVE": row.approved,
        "DENY": row.denied,
        "HOLD": row.held,
        "DRAFT": row.drafted,
        "QUARANTINE": row.quarantined,
        "DUPLICATE": row.duplicates,
    }
    for name, tally in (
        ("intents", verdicts),
        ("runs", row.finished),
        ("results", row.results),
        ("findings", row.findings),
        ("tool_errors", measures.tool_errors(row)),
    ):
        for label, count in tally.items():
            put(f"toolgate_watch_{name}", (*of, label), count)
    put("toolgate_watch_interventions", of, measures.intervention(row).count)
    spent = measures.cost(row, prices)
    costs = {
        "reserved": row.cost_micros,
        "settled": row.settled_micros,
        "review": spent.review,
        "remediation": spent.remedy,
    }
    for kind, micros in costs.items():
        put("toolgate_watch_cost_usd", (*of, kind), micros / _MICROS)


def _measure(  # noqa: PLR0913, PLR0917 - one place that knows the gauges
    put: Callable[..., None],
    of: tuple[str, ...],
    workflow: Workflow,
    version: str,
    prices: Prices,
    end_ms: int,
) -> None:
    for window, length_ms in WINDOWS.items():
        row = workflow.window(end_ms, length_ms, version)
        if not row.pulses and not row.finished:
            continue
        at = (*of, window)
        put("toolgate_watch_success_ratio", at, measures.success(row).ratio)
        put("toolgate_watch_intervention_ratio", at, measures.intervention(row).ratio)
        put("toolgate_watch_denial_ratio", at, measures.denial(row).ratio)
        put("toolgate_watch_tool_error_ratio", at, measures.tool_error(row).ratio)
        micros = measures.unit_cost(row, prices)
        put("toolgate_watch_unit_cost_usd", at, None if micros is None else micros / _MICROS)
        found = measures.detection(row)
        if found.mean_ms is not None:
            put("toolgate_watch_detection_seconds", (*at, "mean"), found.mean_ms / 1_000)
            put("toolgate_watch_detection_seconds", (*at, "max"), found.longest_ms / 1_000)
        put("toolgate_watch_records_touched", (*at, "p99"), measures.percentile(row.records, 0.99))
        put("toolgate_watch_records_touched", (*at, "max"), measures.widest(row))
        radius = measures.blast_radius(row)
        if radius is not None and radius.scope != RUN:
            put("toolgate_watch_records_used_ratio", at, radius.share)


def _judge(put: Callable[..., None], place: tuple[str, str], found: Judged) -> None:
    budget: Budgeted
    for rule, budget in found.budgets.items():
        put("toolgate_watch_budget_used_ratio", (*place, rule), budget.share)
        left = None if budget.exhausted_in_ms is None else budget.exhausted_in_ms / 1_000
        put("toolgate_watch_budget_exhausted_seconds", (*place, rule), left)
    for slo, breached in found.breached.items():
        put("toolgate_watch_breached", (*place, slo), float(bool(breached)))
    for (slo, window), burn in found.burns.items():
        put("toolgate_watch_error_budget_burn", (*place, slo, window), burn)
    put("toolgate_watch_rung", place, found.rung)


def _process(put: Callable[..., None], figures: Figures, process: Process) -> None:
    put("toolgate_watch_acts", (), float(process.acts))
    put("toolgate_watch_control_current", (), float(process.control_current))
    put("toolgate_watch_rebuild_seconds", (), process.rebuild_s)
    put("toolgate_watch_orders_failed", (), process.orders_failed)
    put("toolgate_watch_unreadable", (), process.unreadable)
    put("toolgate_watch_open_runs", (), process.open_runs)
    for topic, behind in process.lag.items():
        put("toolgate_watch_lag_records", (topic,), behind)
    for labels, count in process.alerts.items():
        put("toolgate_watch_alerts", labels, count)
    # In the order of their first, so that labels stay.
    for order, (place, count) in enumerate(process.demotions.items()):
        put("toolgate_watch_demotions", place if order < WORKFLOWS_MAX else (OTHER, OTHER), count)
    newest = max((workflow.clk for workflow in figures.workflows.values()), default=None)
    put("toolgate_watch_last_pulse_timestamp_seconds", (), None if newest is None else newest / 1_000)


def _families(
    kind: Callable[..., Metric],
    declared: Mapping[str, tuple[Sequence[str], str]],
    samples: Mapping[str, Mapping[tuple[str, ...], float]],
) -> Iterator[Metric]:
    for name, (labels, about) in declared.items():
        family = kind(name, about, labels=list(labels))
        for values, value in samples[name].items():
            family.add_metric(list(values), value)  # type: ignore[attr-defined]
        yield family
