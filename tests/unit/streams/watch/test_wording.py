"""Wording: the figures of objectives as people read them, before and after they went through JSON."""

from __future__ import annotations

import json

import pytest

from toolgate.streams.watch import burn, slo
from toolgate.streams.watch.wording import said

HOUR = {"window_ms": 3_600_000}


def ratio(name: str, part: int, whole: int, limit_ppm: int) -> dict[str, object]:
    """Figures of a ratio."""
    return {**slo.judge_ratio(name, part, whole, limit_ppm=limit_ppm, count_min=1).figures, **HOUR}


def cost(micros: int, succeeded: int, finished: int) -> dict[str, object]:
    """Figures of what an outcome costs."""
    found = slo.judge_unit_cost(micros, succeeded, finished, max_micros=5_000_000, count_min=1)
    return {**found.figures, **HOUR}


def burnt(allowed_ppm: int) -> dict[str, object]:
    """Figures of an error budget of which much is gone."""
    windows = dict.fromkeys(burn.WINDOWS_S, (6, 10))
    found = burn.burning(windows, allowed_ppm=allowed_ppm, period_ms=30 * 86_400_000, count_min=1)
    assert found is not None
    return found.evidence


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        (ratio("success_rate", 6, 10, 950_000), "60% (6 of 10 in 1h), at least 95%"),
        (ratio("denial_rate", 2001, 10_000, 200_000), "20.01% (2001 of 10000 in 1h), at most 20%"),
        (ratio("denial_rate", 0, 0, 200_000), "nothing happened in 1h; at most 20%"),
        (
            cost(340_000_000, 6, 10),
            "$56.666667 a run that succeeded ($340.00, 6 of 10 runs succeeded in 1h), at most $5.00",
        ),
        (cost(2_000_000, 0, 4), "none succeeded ($2.00, 0 of 4 runs succeeded in 1h), at most $5.00"),
        (
            burnt(30_000),
            "errors come 20.0 times in 1h, 20.0 times in 5m as often as they may; 3% of its budget is gone",
        ),
        (burnt(0), "errors come endless times in 1h, endless times in 5m as often as they may"),
        (
            {"slo": "denial_rate", "windows": {300: (0, 1)}, "allowed": 0.1},
            "no window uses up the error budget too fast",
        ),
        ({"part": 1}, ""),
    ],
)
def test_figures_are_told_in_words(figures: dict[str, object], words: str) -> None:
    """What was counted, over how long, and what was promised."""
    assert said(figures) == said(json.loads(json.dumps(figures))) == words
