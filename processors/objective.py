"""Objectives as the policy file has them: what a workflow should achieve, and what becomes of it when it does not."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from toolgate.processors.amounts import MILLIONTHS
from toolgate.processors.claims import DAY_MS
from toolgate.processors.fields import DurationMs, Positive, Ppm, StrictModel, UsdMicros, refused

OBJECTIVES_MAX = 8
MINUTE_MS = 60_000
WINDOW_MS_MAX = 7 * DAY_MS  # for so long the watch keeps figures of parts of a day
PERIOD_MS_MIN, PERIOD_MS_MAX = DAY_MS, 90 * DAY_MS
MIN_COUNT = 20
SUCCESS, COST = "success_rate", "unit_cost"


def _window(window_ms: int) -> int:
    if window_ms <= WINDOW_MS_MAX and window_ms % MINUTE_MS == 0:
        return window_ms
    raise refused((), "figures are kept by the minute, and for 7d", "write a duration such as 1h")


def _period(period_ms: int) -> int:
    if PERIOD_MS_MIN <= period_ms <= PERIOD_MS_MAX:
        return period_ms
    raise refused((), "an error budget is that of 1d to 90d", "write a duration such as 30d")


class Objective(StrictModel):
    """What a figure of the workflow must be, and what is done by itself once it is not. The watch judges it."""

    slo: Literal["success_rate", "unit_cost", "intervention_rate", "denial_rate", "tool_error_rate"] = Field(
        description="the figure"
    )
    least: Ppm | None = Field(
        default=None, alias="min", description="of success_rate: the least share of runs that must succeed"
    )
    most: Ppm | None = Field(
        default=None, alias="max", description="of the other rates: the largest share that may be"
    )
    most_micros: UsdMicros | None = Field(
        default=None, alias="max_usd", description="of unit_cost: what a run that succeeds may cost"
    )
    window_ms: Annotated[DurationMs, AfterValidator(_window)] | None = Field(
        default=None, alias="window", description="over which it is judged, 1m to 7d"
    )
    error_budget_ms: Annotated[DurationMs, AfterValidator(_period)] | None = Field(
        default=None,
        alias="error_budget",
        description="in place of a window, 1d to 90d: what may go wrong in that time is a budget, and it is judged how "
        "fast that is used up",
    )
    min_count: Positive = Field(
        default=MIN_COUNT, description="how many runs, intents or calls there must be before it is judged"
    )
    then: Literal["alert", "demote", "draft_only"] = Field(
        description="what is done: people are alerted; the workflow goes one rung down; or its writes become drafts"
    )

    @model_validator(mode="after")
    def _check(self) -> Objective:
        self._check_bound()
        if (self.window_ms is None) == (self.error_budget_ms is None):
            raise refused((), "it is judged over a window or by an error budget", "give one of the two")
        if self.error_budget_ms is not None and self.slo == COST:
            raise refused(("error_budget",), "money has no error budget", "give a window")
        if self.error_budget_ms is not None and not self.allowed_ppm:
            key = "min" if self.slo == SUCCESS else "max"
            raise refused((key,), "this leaves no error budget", "allow something, or give a window")
        return self

    def _check_bound(self) -> None:
        given = {"min": self.least, "max": self.most, "max_usd": self.most_micros}
        wanted = {SUCCESS: "min", COST: "max_usd"}.get(self.slo, "max")
        for key, value in given.items():
            if value is not None and key != wanted:
                raise refused((key,), f"{key} says nothing of {self.slo}", f"write {wanted}")
        if given[wanted] is None:
            raise refused((), f"{wanted} is missing: what {self.slo} must be", f"add {wanted}")
        if self.least == 0 or self.most == MILLIONTHS:
            raise refused((wanted,), "this is never breached", "write a share that can be")

    @property
    def allowed_ppm(self) -> int:
        """Which share may go wrong, of a million; 0 of money."""
        return MILLIONTHS - self.least if self.least is not None else self.most or 0


def _distinct(objectives: list[Objective]) -> list[Objective]:
    first: set[tuple[object, ...]] = set()
    for place, one in enumerate(objectives):
        key = (one.slo, one.window_ms, one.error_budget_ms, one.then)
        if key in first:
            raise refused((place,), f"{one.slo} is judged alike twice", "keep the tighter one")
        first.add(key)
    return objectives


Objectives = Annotated[list[Objective], Field(max_length=OBJECTIVES_MAX), AfterValidator(_distinct)]
