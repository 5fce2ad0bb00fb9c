"""The watch beside a real gate: what it tells, what it orders, and what people find in completed work."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from gate_load import WORKFLOW
from gate_site import Site
from ops_files import alerts as rules
from patience import until
from prometheus_server import prometheus
from watch_process import WatchProcess

from toolgate.schemas.enums import ResultStatus
from toolgate.schemas.records import Alert, Command, Control, Review
from toolgate.schemas.strict_json import loads_strict
from toolgate.sdk import Client
from toolgate.sdk.reports import Reports, begun, ended
from toolgate.sdk.wire import Wire
from toolgate.streams.gate import keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from toolgate.streams.settings import Settings

pytestmark = pytest.mark.real
MINUTE_S = 150.0  # a minute has to end, and a busy machine may be late

POLICY = f"""
policy:
  workflow_id: {WORKFLOW}
  allowed_tools: [look, pay]
  review_share: 1.0
  limits: {{max_denials: 1000}}
  budgets: [{{scope: tenant, max: 0.05, window: none, warn_at: 0.5}}]
  on_breach:
    - {{slo: denial_rate, max: 0.3, window: 1h, min_count: 5, then: draft_only}}
"""


@pytest.fixture
def site(settings: Settings, tmp_path: Path) -> Iterator[Site]:
    """A gate that decides, with an approver, and a key for the watch."""
    with Site(settings, tmp_path) as made:
        (made.folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
        tools = (made.folder / "tools.yaml").read_text(encoding="utf-8")
        (made.folder / "tools.yaml").write_text(
            tools.replace("effect: write", "effect: write\n    draft: proposal")
        )
        keys.new_operator(made.folder / "keyring.yaml", "bob", ["approver"])
        keys.new_operator(made.folder / "keyring.yaml", "watch-1", ["watch"])
        made.worker().running()
        yield made


def alerts(site: Site, kind: str) -> list[Alert]:
    """What was told, of a kind."""
    return [one for one in site.read("alerts", Alert) if one.kind == kind]


def said(site: Site, *words: str) -> Any:
    """What a command says in JSON."""
    done = site.toolgate(*words, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def ends(site: Site) -> None:
    """Every command ends well."""
    reports = Reports(site.settings, site.desk, Wire(site.settings))
    for command in site.read("commands", Command):
        start = begun(command, site.desk.executor_id)
        partition = int(command.command_id.partition("-")[0])
        reports.publish(start, partition)
        reports.publish(ended(start, ResultStatus.OK), partition)


@pytest.fixture
def watch(site: Site) -> WatchProcess:
    """One that acts."""
    made = WatchProcess(site.environment(), site.folder / "watch.log", "--as", "watch-1")
    site.others.append(made.process)
    return made.ready()


@pytest.fixture
def firing(site: Site, watch: WatchProcess, tmp_path: Path) -> Iterator[Callable[[], set[str]]]:
    """The alerts of ops/ that fire, as a Prometheus says that looks at gate and watch; all there are, where none is."""
    if not shutil.which("prometheus"):
        yield lambda: {rule["alert"] for rule in rules()}
        return
    folder = tmp_path / "prometheus"
    folder.mkdir()
    gate = site.workers[0].announced()["health"]
    jobs = {"toolgate": gate, "toolgate-watch": watch.url}
    with prometheus(folder, {job: [url.removeprefix("http://")] for job, url in jobs.items()}) as server:
        for job in jobs:
            until(lambda job=job: server.query(f'up{{job="{job}"}} == 1'), f"a first look at {job}")
        until(lambda: not server.firing(), lambda: f"calm at first; there is {server.firing()}")
        yield server.firing


def test_a_workflow_that_is_denied_too_often_drafts(
    site: Site, watch: WatchProcess, firing: Callable[[], set[str]]
) -> None:
    """It is told with its figures, ordered by the watch's key, holds at the gate; people see it and what was drawn.

    Whoever is on call is told as well.
    """
    with Client(site.settings, site.agents, "ann") as client:
        for number in range(3):
            client.submit(client.intent("r1", "pay", {"id": f"a{number}"}))
        for _ in range(6):
            assert client.submit(client.intent("r1", "steal", {"id": "b"})).verdict == "DENY"
        ends(site)
        client.submit(client.finish("r1"))

        # A run that does not take no for an answer, at once; a budget and an objective when the minute is over.
        (storm,) = until(lambda: alerts(site, "retry_storm"), watch.said)
        assert (storm.run_id, storm.subject, loads_strict(storm.evidence, max_bytes=9_999)["count"]) == (
            "r1",
            "steal",
            5,
        )
        (breach,) = until(lambda: alerts(site, "breach"), watch.said, MINUTE_S)
        evidence = loads_strict(breach.evidence, max_bytes=9_999)
        assert (evidence["part"], evidence["count"], breach.workflow_id) == (6, 10, WORKFLOW)
        assert [one.subject for one in until(lambda: alerts(site, "budget"), watch.said)]
        assert until(lambda: alerts(site, "demotion"), watch.said)

        (order,) = until(lambda: site.read("control", Control), watch.said)
        assert (order.mode, order.value, order.issued_by) == (
            "draft_only",
            f"default/{WORKFLOW}",
            ("watch-1",),
        )
        assert "denial_rate" in order.evidence
        until(
            lambda: client.submit(client.intent("r2", "pay", {"id": "c"})).verdict == "DRAFT",
            "a write that is only drafted",
        )

    until(lambda: watch.workflows()[0]["mode"] == "draft_only", watch.said)
    (one,) = said(site, "slo", WORKFLOW, "--watch", watch.url)["workflows"]
    assert one["breached"] == {"denial_rate": True}
    place = f'tenant="default",workflow="{WORKFLOW}"'
    until(lambda: watch.metrics()[f"toolgate_watch_rung{{{place}}}"] == 1, "metrics to say so")

    due = {"ToolgateBreach", "ToolgateDemoted", "ToolgateLoops"}
    until(lambda: due <= firing(), lambda: f"{due}; there is {firing()}")

    drawn = said(site, "review")["samples"]
    assert {row["command_id"] for row in drawn} == {
        command.command_id for command in site.read("commands", Command)
    }
    site.toolgate("review", drawn[0]["command_id"], "wrong", "--as", "bob", "--minutes", "4", *keyring(site))
    assert [review.finding for review in site.read("reviews", Review)] == ["wrong"]
    until(lambda: [found["findings"] for found in watch.sums().values()] == [{"wrong": 1}], watch.said)
    assert [row["command_id"] for row in said(site, "review")["samples"]] == [
        row["command_id"] for row in drawn[1:]
    ]
    assert watch.stop() == 0


def keyring(site: Site) -> tuple[str, str]:
    """Where keys are."""
    return "--keys", str(site.folder / "keyring.yaml")
