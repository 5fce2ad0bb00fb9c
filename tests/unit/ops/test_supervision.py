"""What supervisors are told agrees with the code, and with itself."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from ops_files import OPS, PROMETHEUS, read_yaml
from typer.testing import CliRunner

from toolgate.cli import app
from toolgate.cli.exits import Exit
from toolgate.cli.gate import FINAL
from toolgate.streams.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

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


def test_the_weekly_report_is_a_command_that_there_is(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    """Run as systemd would, which halves `%%` and `$$`, with a program that says what it was asked for."""
    unit = (OPS / "systemd" / "toolgate-near-miss.service").read_text()
    timer = (OPS / "systemd" / "toolgate-near-miss.timer").read_text()
    assert "OnCalendar=Mon " in timer
    found = re.search(r"^ExecStart=/bin/sh -c '(.*)'$", unit, re.MULTILINE)
    assert found
    script = (
        found[1].replace("%%", "%").replace("$$", "$").replace("/opt/toolgate/bin/toolgate", "printf '%s\n'")
    )
    subprocess.run(
        ["/bin/sh", "-c", script], env={**os.environ, "STATE_DIRECTORY": str(tmp_path)}, check=True
    )
    words = capfd.readouterr().out.splitlines()
    assert words[:2] == ["near-miss", "report"]
    known = CliRunner().invoke(app.app, ["near-miss", "report", "--help"]).stdout
    assert all(word in known for word in words if word.startswith("--"))
    assert re.fullmatch(rf"{tmp_path}/\d{{4}}-W\d\d", words[words.index("--out") + 1])


def _asked(job: str) -> list[str]:
    """The addresses of a job."""
    jobs = read_yaml(PROMETHEUS / "prometheus.yml")["scrape_configs"]
    [found] = [one["static_configs"] for one in jobs if one["job_name"] == job]
    return [target for group in found for target in group["targets"]]
