"""What supervisors are told agrees with the code, and with itself."""

from __future__ import annotations

import re

from ops_files import OPS

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
