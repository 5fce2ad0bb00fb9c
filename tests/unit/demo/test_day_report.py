"""The report of a day: what it says to type next can be typed, and fits what was kept."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from toolgate.cli.app import COMMANDS
from toolgate.demo.billing.cast import cast
from toolgate.demo.day import Day
from toolgate.demo.day_report import next_commands
from toolgate.demo.evidence import Evidence
from toolgate.demo.script import Step, Told
from toolgate.demo.stage import Elsewhere
from toolgate.schemas.records import Denial, Outcome, Reason

NEAR = Reason("CALLS_EXCEEDED", "limits.max_tool_calls", "1 call over", "run", "calls", 1, 12, 1)
DENIAL = Denial(
    "loop-00.12", 0, 0, 0, 0, 0, "t", "w", "r", "a", "pay", "1", "read", "", "", "", False, False, 0, (), (NEAR,)
)  # fmt: skip


def day(*denials: Denial) -> Day:
    """A day with one call."""
    step = Step("good", "a", "r", "good-1.00", "pay", Told(Outcome("good-1.00", "d", 1, "DENY")), 0.0)
    evidence = Evidence({}, (), (), (), denials, 0, 0, 0, {})
    return Day(cast(7), [step], evidence, (), (), 0.0, "demo-1")


@pytest.mark.parametrize(
    ("kept", "elsewhere", "begins"),
    [
        (None, None, "toolgate demo --dir toolgate-demo "),
        (Path("/d"), None, "toolgate dev --dir /d/stack "),
        (None, Elsewhere("127.0.0.1:9", "redis://x"), "export TOOLGATE_BOOTSTRAP_SERVERS=127.0.0.1:9"),
    ],
)
def test_every_command_that_is_named_is_one(kept, elsewhere, begins):
    """What is gone is not asked for; what stays is looked into under its prefix."""
    lines = next_commands(day(DENIAL), kept=kept, elsewhere=elsewhere, seed=7)
    assert lines[0].startswith(begins)
    named = re.findall(r"^toolgate ([a-z]+)", "\n".join(lines), re.MULTILINE)
    assert set(named) <= COMMANDS.keys()
    looked = [line for line in lines if "--prefix demo-1" in line]
    assert len(looked) == (2 if kept or elsewhere else 0)
    assert any("--seed 8" in line for line in lines)


def test_without_a_near_miss_any_call_is_explained():
    """There is always something to look at."""
    lines = next_commands(day(), kept=Path("/d"), elsewhere=None, seed=7)
    assert any("toolgate explain good-1.00" in line for line in lines)


def test_a_single_decision_has_no_speed():
    """Nothing is divided by nothing."""
    assert day().decisions_per_second == 0
