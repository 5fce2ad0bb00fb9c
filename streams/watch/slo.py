"""SLO: whether a workflow's figures of a window keep an objective of its policy.

All in integers: a ratio as part and whole, its limit in parts per million, money in micro-dollars. Exactly at the
limit is kept. A window with fewer events than `count_min` is not judged: neither kept nor broken.

| slo | part | whole | broken |
| --- | --- | --- | --- |
| success_rate | runs that succeeded, less commands found wrong | runs that ended | below its min |
| intervention_rate | calls that waited for people: holds, drafts | intents | above its max |
| denial_rate | denials | intents | above its max |
| tool_error_rate | errors, unknown ends, bad parameters, duplicates | results, denials, duplicates | above its max |
| unit_cost | what all runs cost, people's minutes too | runs that succeeded | above its max_usd |

Service level objective, indicator and error budget as in The Site Reliability Workbook, chapter 2.
"""

from __future__ import annotations

from dataclasses import dataclass

SUCCESS_RATE, UNIT_COST = "success_rate", "unit_cost"
PPM = 1_000_000  # shares are parts per million


@dataclass(frozen=True, slots=True)
class Judged:
    """What an objective came to. `broken` is None where too little happened to say; figures are JSON-able."""

    broken: bool | None
    figures: dict[str, object]


def judge_ratio(slo: str, part: int, whole: int, *, limit_ppm: int, count_min: int) -> Judged:
    """Whether part / whole keeps its limit: a least one for success_rate, a highest one for the others."""
    bad, allowed_ppm = bad_of(slo, part, whole), allowed_ppm_of(slo, limit_ppm)
    broken = bad * PPM > allowed_ppm * whole if _enough(whole, count_min) else None
    side = "min" if slo == SUCCESS_RATE else "max"
    value = round(part / whole, 4) if whole else None
    return Judged(broken, {"slo": slo, "value": value, side: limit_ppm / PPM, "part": part, "count": whole})


def judge_unit_cost(
    cost_micros: int, succeeded: int, finished: int, *, max_micros: int, count_min: int
) -> Judged:
    """Whether a run that succeeded costs at most `max_micros`; the runs that did not are paid by those that did.

    Enough is counted in runs that finished. The value is rounded up, so that what is above the limit also looks so; it
    is None where no run succeeded: whatever such runs cost is too much.
    """
    broken = cost_micros > max_micros * succeeded if _enough(finished, count_min) else None
    figures: dict[str, object] = {
        "slo": UNIT_COST,
        "value_micros": -(-cost_micros // succeeded) if succeeded else None,
        "max_micros": max_micros,
        "cost_micros": cost_micros,
        "succeeded": succeeded,
        "count": finished,
    }
    return Judged(broken, figures)


def bad_of(slo: str, part: int, whole: int) -> int:
    """How many of the events of a ratio use up its error budget."""
    return whole - part if slo == SUCCESS_RATE else part


def allowed_ppm_of(slo: str, limit_ppm: int) -> int:
    """The share of events that may be bad: the error budget of a ratio."""
    return PPM - limit_ppm if slo == SUCCESS_RATE else limit_ppm


def _enough(count: int, count_min: int) -> bool:
    return count >= max(1, count_min)
