"""What supervisors are told agrees with the code, and with itself."""

from __future__ import annotations

import re

import pytest
from ops_files import OPS, PROMETHEUS, read_yaml

from toolgate.cli.exits import Exit
from toolgate.cli.gate import FINAL
from toolgate.streams.settings import Settings

UNIT = (OPS / "systemd" / "toolgate-gate@.service").read_text()


def test_systemd_and_the_page_have_the_final_exit_codes():
    """What a supervisor of ours does not start again, systemd does not either."""
    listed = re.search(r"^RestartPreventExitStatus=(.*)$", UNIT, re.MULTILINE)
    assert listed
    assert {int(code) for code in listed[1].split()} == FINAL
    table = re.findall(r"^\| (\d+) \|.*\| (yes|no) \|", (OPS / "README.md").read_text(), re.MULTILINE)
    assert {int(code) for code, again in table if again == "no"} == FINAL | {Exit.OK}
    assert {int(code) for code, _ in table} <= set(Exit)


def test_systemd_gives_each_slot_the_port_that_prometheus_asks():
    """Slot 0 has the default port, as `toolgate gate --workers` has it."""
    first = Settings.model_fields["metrics_port"].default
    assert f"TOOLGATE_METRICS_PORT=$$(({first} + %i))" in UNIT
    assert _asked("toolgate") == [f"127.0.0.1:{first}", f"127.0.0.1:{first + 1}"]


@pytest.mark.parametrize("name", ["watch", "notify"])
def test_prometheus_asks_the_port_that_systemd_gives(name: str):
    """Of each process that is not a worker."""
    unit = (OPS / "systemd" / f"toolgate-{name}.service").read_text()
    found = re.search(rf"^ExecStart=.*/toolgate {name} .*--metrics-port (\d+)", unit, re.MULTILINE)
    assert found
    assert _asked(f"toolgate-{name}") == [f"127.0.0.1:{found[1]}"]


def _asked(job: str) -> list[str]:
    """The addresses of a job."""
    jobs = read_yaml(PROMETHEUS / "prometheus.yml")["scrape_configs"]
    [found] = [one["static_configs"] for one in jobs if one["job_name"] == job]
    return [target for group in found for target in group["targets"]]
