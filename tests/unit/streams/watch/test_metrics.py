"""Metrics: what a scrape gets, from rows as they stand."""

from __future__ import annotations

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from pulses import BEGIN_MS, pulse

from toolgate.schemas.records import Level
from toolgate.streams.watch.figures import Figures
from toolgate.streams.watch.judging import Budgeted, Judged
from toolgate.streams.watch.measures import Prices
from toolgate.streams.watch.metrics import (
    OTHER,
    VERSIONS_MAX,
    WORKFLOWS_MAX,
    Metrics,
    Process,
    families,
    names,
)

PLACE = ("default", "desk")
PRICES = Prices(minute_micros=1_000_000, word_minutes=3, remedy_minutes=30)


def scraped(figures: Figures, judged: dict | None = None, process: Process | None = None) -> dict:
    """Samples by name and labels, as Prometheus would read them."""
    metrics = Metrics()
    metrics.show(families(figures, judged or {}, PRICES, process or Process(), BEGIN_MS))
    text = generate_latest(metrics.registry).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("toolgate_watch")
    }


def at(name: str, **labels: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """A sample's place."""
    return f"toolgate_watch_{name}", tuple(sorted(labels.items()))


def folded(*pulses: object) -> Figures:
    """The figures of some pulses."""
    figures = Figures()
    for offset, one in enumerate(pulses):
        figures.take(0, offset, one)
    return figures


OF = {"tenant": "default", "workflow": "desk", "version": "v1"}
BUSY = pulse(
    intents=10,
    approved=6,
    denied=3,
    held=1,
    cost_micros=5_000_000,
    settled_micros=4_000_000,
    finished={"succeeded": 2, "failed": 1},
    results={"ok": 5, "error": 1},
    words={"approve": 1},
    detected=1,
    detection_ms=1_500,
    detection_ms_max=1_500,
    records={"1": 5, "7": 1},
)


def test_counters_and_gauges_of_a_workflow() -> None:
    """Sums of all time, and figures of windows; seconds and dollars."""
    found = scraped(folded(BUSY))
    assert found[at("intents_total", **OF, verdict="DENY")] == 3
    assert found[at("runs_total", **OF, outcome="succeeded")] == 2
    assert found[at("results_total", **OF, status="error")] == 1
    assert found[at("interventions_total", **OF)] == 1
    assert found[at("cost_usd_total", **OF, kind="reserved")] == 5
    assert found[at("cost_usd_total", **OF, kind="review")] == 3
    assert found[at("cost_usd_total", **OF, kind="remediation")] == 30
    assert found[at("denial_ratio", **OF, window="5m")] == 0.3
    assert found[at("unit_cost_usd", **OF, window="1h")] == (4 + 3 + 30) / 2
    assert found[at("detection_seconds", **OF, window="6h", stat="mean")] == 1.5
    assert found[at("records_touched", **OF, window="5m", stat="p99")] == 7


def test_records_are_compared_with_the_limit_of_their_account() -> None:
    """50 of 60 by the agent and 2 of 3 by the run are five sixths at most."""
    levels = (
        Level("blast_radius[0]", "agent", "a", "records", 50, 60),
        Level("blast_radius[1]", "run", "r", "records", 2, 3),
    )
    found = scraped(folded(pulse(records={"50": 1}, levels=levels)))
    assert found[at("records_used_ratio", **OF, window="1h")] == pytest.approx(5 / 6)
    assert found[at("records_touched", **OF, window="1h", stat="max")] == 50
    alone = scraped(folded(pulse(records={"2": 1}, levels=levels[1:])))
    assert at("records_used_ratio", **OF, window="1h") not in alone


def test_every_name_that_is_scraped_is_declared() -> None:
    """Rules and dashboards are held against the names that `names` gives."""
    judged = Judged(BEGIN_MS, "enforce", 3, {"budgets[0]": Budgeted(0.5, 60_000)}, {"denial_rate": True})
    judged.burns["success_rate", "1h"] = 2.0
    process = Process(acts=True, rebuild_s=1.0, lag={"pulse": 3}, alerts={("breach", "critical"): 1})
    process.demotions[PLACE] = 1
    found = scraped(folded(BUSY), {PLACE: judged}, process)
    assert {name for name, _ in found} <= names()
    assert names() - {name for name, _ in found} == {
        "toolgate_watch_findings_total",
        "toolgate_watch_records_used_ratio",
    }


def test_how_a_workflow_stands() -> None:
    """What is judged shows beside what is counted."""
    judged = Judged(BEGIN_MS, "draft_only", 1, {"budgets[0]": Budgeted(0.5, None)}, {"a": True, "b": None})
    found = scraped(folded(BUSY), {PLACE: judged})
    place = {"tenant": "default", "workflow": "desk"}
    assert found[at("rung", **place)] == 1
    assert found[at("budget_used_ratio", **place, rule="budgets[0]")] == 0.5
    assert at("budget_exhausted_seconds", **place, rule="budgets[0]") not in found
    assert (found[at("breached", **place, slo="a")], found[at("breached", **place, slo="b")]) == (1, 0)


def test_labels_are_bounded() -> None:
    """The busiest workflows and newest versions have names, all others together one; nothing is lost in the sum."""
    many = [pulse(workflow=f"desk-{n}", intents=n + 1, approved=n + 1) for n in range(WORKFLOWS_MAX + 50)]
    found = scraped(folded(*many))
    intents = {labels: value for (name, labels), value in found.items() if name.endswith("intents_total")}
    workflows = {dict(labels)["workflow"] for labels in intents}
    assert len(workflows) == WORKFLOWS_MAX + 1
    assert OTHER in workflows
    assert "desk-0" not in workflows
    assert sum(intents.values()) == sum(one.approved for one in many)


def test_demotions_are_bounded_likewise() -> None:
    """Of this process the first have names, and keep them."""
    process = Process(demotions={("default", f"desk-{n}"): 2 for n in range(WORKFLOWS_MAX + 3)})
    found = scraped(Figures(), process=process)
    assert found[at("demotions_total", tenant="default", workflow="desk-0")] == 2
    assert found[at("demotions_total", tenant=OTHER, workflow=OTHER)] == 6
    assert sum(name.endswith("demotions_total") for name, _ in found) == WORKFLOWS_MAX + 1


def test_old_versions_are_counted_together() -> None:
    """A policy that changes often makes no more series for ever."""
    many = [pulse(BEGIN_MS + n, version=f"v{n}", intents=1, approved=1) for n in range(6)]
    found = scraped(folded(*many))
    versions = {dict(labels)["version"] for name, labels in found if name.endswith("intents_total")}
    assert versions == {*(f"v{n}" for n in range(6 - VERSIONS_MAX, 6)), OTHER}


def test_it_says_whether_it_knows_what_holds() -> None:
    """Whoever judges by what was in force once is told from one that is current."""
    assert scraped(Figures(), process=Process(open_runs=3))[at("open_runs")] == 3
    assert scraped(Figures())[at("control_current")] == 1
    assert scraped(Figures(), process=Process(control_current=False))[at("control_current")] == 0
