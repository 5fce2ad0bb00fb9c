"""A real Prometheus with the rules and dashboards of ops/ looks at a real gate, and tells what is done to it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from gate_load import WORKFLOW, Load
from gate_site import Site
from ops_files import alerts, dashboards
from patience import until
from prometheus_server import Server, program, prometheus

from toolgate.schemas.codec import Codec, body_digest
from toolgate.schemas.records import Intent, Result

if TYPE_CHECKING:
    from pathlib import Path

    from toolgate.streams.settings import Settings

pytestmark = pytest.mark.real
PAY = Intent("i-pay", "call", "default", WORKFLOW, "run-pay", "ann", "pay", params='{"id":"r1"}')
# Panels of the gate that have something to show as soon as it has decided.
SHOWN = {
    "Workers that decide",
    "Intents that wait",
    "Verdicts",
    "Reasons",
    "Results",
    "Inputs",
    "A batch",
    "Redis",
}


def test_rules_fire_on_what_really_happens_and_on_nothing_else(settings: Settings, tmp_path: Path):
    """Calm at first; then a record nobody can read, money beyond every account, and the death of the only worker."""
    program("prometheus")
    folder = tmp_path / "prometheus"
    folder.mkdir()
    with Site(settings, tmp_path) as site:
        worker = site.worker().running()
        address = worker.announced()["health"].removeprefix("http://")
        with prometheus(folder, {"toolgate": [address]}) as server:
            until(lambda: server.query('toolgate_state{state="running"} == 1'), "a first look at the worker")
            _fires(server, set())

            site.send(60)
            site.send_raw("intents", b"run-junk", b"no record at all")
            _overspend(site)
            _fires(server, {"ToolgateQuarantine", "ToolgateUncoveredMoney"})
            _every_panel_answers(server)

            worker.kill()
            _fires(
                server,
                {"ToolgateQuarantine", "ToolgateUncoveredMoney", "ToolgateWorkerGone", "ToolgateNotDeciding"},
            )
            rules = server.rules()
            assert [rule for rule in rules if rule["health"] != "ok"] == []
            assert {rule["name"] for rule in rules} >= {rule["alert"] for rule in alerts()}


def _fires(server: Server, names: set[str]) -> None:
    """Exactly these fire, soon."""
    until(lambda: server.firing() == names, lambda: f"{names}; there is {server.firing()}", 30)


def _overspend(site: Site) -> None:
    """A payment of a cent is reported to have cost five dollars, where the tenant has three."""
    load, value = Load(site, 1), Codec(Intent).encode(PAY)
    load._send(PAY)
    load.flush()
    site.rest()
    [event] = [event for event in site.audit() if event.intent_id == PAY.intent_id]
    assert event.verdict == "APPROVE"
    result = Result(
        f"{event.partition}-{event.offset}", PAY.intent_id, PAY.run_id, PAY.tool, body_digest(value), "ok", "desk",
        actual_cost_micros=5_000_000,
    )  # fmt: skip
    load._produce("results", PAY.run_id, Codec(Result).encode(result), site.desk, None)
    load.flush()


def _every_panel_answers(server: Server) -> None:
    """Each query of each dashboard is one that Prometheus takes; some of the gate's have something to show soon."""
    queries = {
        (name, panel["title"], _filled(target["expr"]))
        for name, dashboard in dashboards().items()
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
    }
    for _, _, expr in queries:
        server.query(expr)
    shown = {expr for name, title, expr in queries if name == "gate" and title in SHOWN}
    assert len(shown) >= len(SHOWN)
    until(lambda: all(server.query(expr) for expr in shown), "a rate of everything that was sent", 30)


def _filled(expr: str) -> str:
    """A query with what Grafana puts in the place of its variables."""
    return re.sub(r"\$\w+", ".*", expr.replace("$__rate_interval", "30s").replace("$window", "1h"))
