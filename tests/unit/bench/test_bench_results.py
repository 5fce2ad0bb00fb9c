"""Results: ratios within a round, targets judged as they are written, and the file that others read."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from bench import report, throughput
from bench.entrants import BY_NAME, GATE
from bench.latency import Latency, Window, summary
from bench.memory import Memory
from bench.results import TARGETS, Results
from bench.throughput import MeasureError, Speed

FACTS = {"cores": 4, "others_cores": 0.0}
RATIOS = {
    "gate_vs_echo",
    "gate_vs_faust",
    "gate_vs_quix",
    "latency_p50_ratio",
    "latency_p99_ratio",
    "worker_rss_mb",
}


def _speed(name, per_s):
    return Speed(name, per_s, 10.0, (1000, 1000, 500), 1500.0)


def _results():
    rounds = [
        [_speed("echo", 20_000), _speed("faust", 1_000), _speed("gate", 12_000)],
        [_speed("gate", 5_000), _speed("echo", 10_000), _speed("faust", 1_000)],
        [_speed("echo", 30_000), _speed("gate", 12_000), _speed("faust", 1_000)],
    ]
    latencies = {
        "echo": Latency(10.0, 12.0, 20.0, 30.0, 100, 2000),
        "gate": Latency(15.0, 20.0, 40.0, 60.0, 100, 2000),
    }
    return Results(rounds, latencies, Memory(180.0, 100_000))


def test_a_ratio_is_the_median_of_the_rounds_ratios():
    """0.6, 0.5 and 0.4: what slowed a round slowed both, so rounds are never mixed."""
    assert _results().value("gate_vs_echo") == pytest.approx(0.5)


def test_the_file_has_every_key_and_says_what_was_not_measured():
    """Who reads the file finds each ratio, also where its contender did not run."""
    content = json.loads(_results().as_json(FACTS))
    assert set(content) >= {*RATIOS, "batch_p50", "throughput", "latency_ms", "memory", "run"}
    assert content["gate_vs_quix"] is None
    assert content["latency_p50_ratio"] == 1.5
    assert content["batch_p50"] == 1000
    assert content["targets"]["latency_p99_ratio"] == {"bound": "≤ 1.5", "met": False}
    assert content["throughput"]["gate"]["per_s_by_round"] == [12_000, 5_000, 12_000]
    assert json.loads(Results().as_json(FACTS))["gate_vs_echo"] is None


@pytest.mark.parametrize(
    ("key", "value", "met"),
    [
        ("gate_vs_echo", 0.5, True),
        ("gate_vs_echo", 0.499, False),
        ("gate_vs_faust", 8.0, True),
        ("gate_vs_quix", 1.0, False),  # to beat it, the same is not enough
        ("gate_vs_quix", 1.01, True),
        ("latency_p50_ratio", 2.0, True),
        ("latency_p99_ratio", 1.51, False),
        ("worker_rss_mb", 250.0, True),
        ("worker_rss_mb", None, None),
    ],
)
def test_targets_are_judged_at_their_bounds(key, value, met):
    """At least, at most, or more than."""
    target = next(target for target in TARGETS if target.key == key)
    assert target.met(value) is met


def test_people_read_which_targets_are_met_and_who_else_used_the_machine():
    """Met, not met and not measured, in words; and whether the figures can be believed."""
    out = io.StringIO()
    report.show(Console(file=out, width=120), _results(), FACTS | {"others_cores": 1.3})
    text = out.getvalue()
    assert [text.count(word) for word in ("not met", "not measured")] == [1, 1]
    assert "Other programs kept 1.3 of 4 cores busy" in text


def test_a_speed_at_other_batches_does_not_count():
    """90 % of the intents in batches of exactly the size asked for, or it says what happened."""
    throughput.check_batches(GATE, [1000] * 9 + [1], 1000)
    with pytest.raises(MeasureError, match=r"2,000 of 6,000 intents came in batches of 1,000; p50 500"):
        throughput.check_batches(GATE, [1000, 1000, *[500] * 8], 1000)


def test_latencies_of_windows_are_taken_together():
    """Percentiles of all commands, not a mean of percentiles."""
    found = summary([Window((1.0, 2.0, 3.0), 1.0), Window((100.0,), 1.0)])
    assert (found.p50_ms, found.p99_ms, found.max_ms, found.commands, found.per_s) == (
        3.0,
        100.0,
        100.0,
        4,
        2,
    )


def test_every_contender_is_found_by_its_name():
    """`--only` and the results use the same names."""
    assert set(BY_NAME) == {"copy", "echo", "faust", "quix", "gate"}
