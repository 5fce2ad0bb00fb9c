"""Dashboards ask for what exists, of the datasource that is provisioned, and are mounted where Grafana looks."""

from __future__ import annotations

import re
from itertools import combinations
from typing import Any

import pytest
from ops_files import OPS, dashboards, known, named_in, read_yaml

from toolgate.schemas.enums import Verdict
from toolgate.streams.dashboards.form import DATASOURCE
from toolgate.streams.gate.metrics import STATES

COMPOSE = read_yaml(OPS.parent / "docker-compose.yml")["services"]
PROVISIONING = OPS / "grafana" / "provisioning"
DASHBOARDS = dashboards()


@pytest.fixture(params=DASHBOARDS, name="dashboard")
def _dashboard(request: pytest.FixtureRequest) -> dict[str, Any]:
    return DASHBOARDS[request.param]


def _panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def test_every_metric_of_a_panel_exists(dashboard: dict[str, Any]):
    """Names in queries and in what can be chosen; states and verdicts too."""
    exprs = [target["expr"] for panel in _panels(dashboard) for target in panel["targets"]]
    asked = [
        choice["query"]["query"] for choice in dashboard["templating"]["list"] if choice["type"] == "query"
    ]
    for expr in exprs + asked:
        assert named_in(expr) <= known()
        assert set(re.findall(r'\bstate="(\w+)"', expr)) <= set(STATES)
        assert set(re.findall(r'\bverdict="(\w+)"', expr)) <= set(Verdict)


def test_what_can_be_chosen_is_asked_for_and_the_other_way_around(dashboard: dict[str, Any]):
    """No variable without a reader, and none that is not there."""
    exprs = " ".join(target["expr"] for panel in _panels(dashboard) for target in panel["targets"])
    chosen = {choice["name"] for choice in dashboard["templating"]["list"]}
    assert set(re.findall(r"\$(\w+)", exprs)) - {"__rate_interval"} == chosen


def test_panels_say_what_they_are_and_do_not_cover_each_other(dashboard: dict[str, Any]):
    """Each has its sentence, its place within 24 columns, and an id of its own."""
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(panel["description"] for panel in _panels(dashboard))
    places = [panel["gridPos"] for panel in panels]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert beside or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]


def test_every_metric_of_the_gate_and_the_watch_is_on_a_page():
    """What is counted can be looked at, but for the versions that a worker tells of itself."""
    shown = set()
    for dashboard in DASHBOARDS.values():
        for panel in _panels(dashboard):
            shown |= {
                re.sub("_bucket$", "", name)
                for target in panel["targets"]
                for name in named_in(target["expr"])
            }
    counted = {
        name for name in known() if name.startswith("toolgate_") and not name.startswith("toolgate_notify_")
    }
    families = {name for name in counted if not name.endswith(("_sum", "_count", "_bucket", "_created"))}
    assert families - shown == {"toolgate_gate_info"}


def test_the_datasource_is_the_one_that_is_provisioned():
    """By its uid, and where compose lets Prometheus listen."""
    (source,) = read_yaml(PROVISIONING / "datasources" / "prometheus.yml")["datasources"]
    assert (source["type"], source["uid"]) == (DATASOURCE["type"], DATASOURCE["uid"])
    assert f"--web.listen-address={source['url'].removeprefix('http://')}" in COMPOSE["prometheus"]["command"]


def test_what_is_provisioned_lies_where_compose_mounts_it():
    """Dashboards by the provider's path, provisioning and Prometheus by the paths that the images look at."""
    (provider,) = read_yaml(PROVISIONING / "dashboards" / "toolgate.yml")["providers"]
    assert f"./ops/grafana/dashboards:{provider['options']['path']}:ro" in COMPOSE["grafana"]["volumes"]
    assert "./ops/grafana/provisioning:/etc/grafana/provisioning:ro" in COMPOSE["grafana"]["volumes"]
    assert "./ops/prometheus:/etc/prometheus:ro" in COMPOSE["prometheus"]["volumes"]
    home = COMPOSE["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home.startswith(provider["options"]["path"])
    assert home.rpartition("/")[2].removesuffix(".json") in DASHBOARDS


@pytest.mark.parametrize("name", ["prometheus", "grafana"])
def test_what_looks_is_reachable_from_this_machine_only(name: str):
    """Nothing here asks for a password; workers listen on this machine's own address, so the network is its own."""
    service = COMPOSE[name]
    assert service["profiles"] == ["observability"]
    assert service["network_mode"] == "host"
    assert re.search(r":v?\d+\.\d+\.\d+$", service["image"])
    assert service["healthcheck"]["test"][0] == "CMD"
    where = [*service.get("command", []), *service.get("environment", {}).values()]
    assert any("127.0.0.1" in word for word in where)
