"""Labelled calls: by halves of the trials, and by the rules that were against them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from toolgate.demo import labelled, report, runs, tally
from toolgate.demo.player import Played
from toolgate.schemas.records import Outcome, Reason

SMALL = Path(__file__).parents[3] / "examples" / "small" / "runs.jsonl"
OVER = Reason("RULE_DENIED", "too_much", "over $50")
AGAIN = Reason("RULE_DENIED", "again", "done already")


def told(run: str, label: str, verdict: str = "APPROVE") -> Played:
    """A run's only call and what its agent was told."""
    call = runs.Call(f"{run}.000", "pay", {}, "", error=False, label=label)
    return Played(run, call, Outcome(call.intent_id, "d", 1, verdict))


def of(*trials: int | None) -> tuple[runs.Run, ...]:
    """A run of each of these trials."""
    return tuple(runs.Run(f"r{place}", (), trial) for place, trial in enumerate(trials))


PLAYED = [told("r0", "right"), told("r1", "wrong", "DENY"), told("r2", "wrong", "HOLD"), told("r3", "failed")]


def counted(**labels: dict[str, int]) -> dict[str, dict[str, int]]:
    """Counts with zero for all else."""
    none = dict.fromkeys(tally.COLUMNS, 0)
    return {label: none | labels.get(label, {}) for label in runs.LABELS}


def test_each_half_of_the_trials_is_counted_for_itself():
    """So that rules made on the one are tried on the other."""
    assert labelled.by_trials(of(0, 1, 2, 3), PLAYED) == {
        "trials 0, 1": counted(right={"approved": 1}, wrong={"denied": 1}),
        "trials 2, 3": counted(wrong={"held": 1}, failed={"approved": 1}),
    }


@pytest.mark.parametrize(
    ("trials", "parts"),
    [
        ((None, None, None, None), ["all"]),
        ((2, 2, 2, 2), ["all"]),
        ((0, 1, None, 1), ["all"]),
        ((0, 1, 2, 0), ["trials 0, 1", "trials 2"]),
        ((7, 4, 4, 7), ["trials 4", "trials 7"]),
    ],
)
def test_what_has_no_halves_is_counted_together(trials, parts):
    """One trial, or runs of which nobody knows; of three the middle one counts with the first."""
    found = labelled.by_trials(of(*trials), PLAYED)
    assert list(found) == parts
    assert sum(n for part in found.values() for row in part.values() for n in row.values()) == len(PLAYED)


def test_each_rule_is_counted_once_for_a_call():
    """A call that two rules are against counts for both; one without a label for none."""
    played = [told("r0", "wrong", "DENY"), told("r1", "right", "DENY"), told("r2", "", "DENY")]
    reasons = {"r0.000": (OVER, OVER, AGAIN), "r1.000": (OVER,), "r2.000": (AGAIN,)}
    assert {pair: dict(found) for pair, found in labelled.by_rule(played, reasons).items()} == {
        ("RULE_DENIED", "too_much"): {"wrong": 1, "right": 1},
        ("RULE_DENIED", "again"): {"wrong": 1},
    }


def test_programs_get_the_same():
    """Halves by name, rules as a list."""
    found = labelled.as_json(of(0, 1), [told("r0", "wrong", "DENY")], {"r0.000": (OVER,)})
    assert found["by_trials"]["trials 0"]["wrong"]["denied"] == 1
    assert found["by_rule"] == [{"code": "RULE_DENIED", "rule": "too_much", "wrong": 1}]


def shown(*args: object) -> str:
    """The tables as text."""
    console = Console(file=io.StringIO(), width=160)
    report.show_labelled(console, *args)
    return console.file.getvalue()


def test_the_tables_say_shares():
    """Of each label: what passed, what was denied, and that with what waits for people."""
    text = shown(of(0, 1, 2, 3), PLAYED, {"r1.000": (OVER,)})
    [row] = [line.split() for line in text.splitlines() if "trials 2, 3" in line and "wrong" in line]
    assert row[-3:] == ["0.0", "0.0", "100.0"]
    assert "too_much" in text


def test_a_recording_without_labels_shows_no_table():
    """As one of the small desk's runs with its labels taken away."""
    [first, *_] = runs.load(SMALL)
    played = [Played(first.run_id, call, Outcome(call.intent_id, "d", 1, "APPROVE")) for call in first.calls]
    assert bool(shown([first], played, {})) == any(call.label for call in first.calls)
    assert not shown(of(0), [told("r0", "", "DENY")], {"r0.000": (OVER,)})
