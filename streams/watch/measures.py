"""Measures: the figures that operators care about, worked out of a row. None where there is nothing to share by.

Where a term comes from: success, intervention and tool error rates are shares as SRE's service level indicators are;
unit cost is what an outcome cost, people's time included; detection is from a command's approval to the result, or
the review, that shows it wrong; blast radius is how many distinct records an account had touched.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolgate.processors.reasons import Code
from toolgate.schemas.enums import COMPLETED, Choice, Finding, ResultStatus
from toolgate.streams.watch.rows import RECORDS, RUN
from toolgate.streams.watch.sampling import Stratum, estimate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from toolgate.streams.watch.rows import Level, Row
    from toolgate.streams.watch.sampling import Estimate

SUCCEEDED = "succeeded"
RIGHT, WRONG = Finding.RIGHT.value, Finding.WRONG.value
# What an agent gets wrong about a tool, as opposed to what it may not do.
BAD_CALLS = frozenset({Code.PARAMS_NOT_JSON, Code.PARAMS_SCHEMA, Code.TOOL_VERSION})
_DECIDED = (Choice.APPROVE, Choice.REJECT, Choice.RELEASE)


@dataclass(frozen=True, slots=True)
class Prices:
    """What people's time costs: a minute in micro-dollars, and how many minutes a word of theirs takes."""

    minute_micros: int = 1_000_000
    word_minutes: int = 3  # a vote, or any other word about what waits
    remedy_minutes: int = 30  # a command whose outcome was an error that somebody had to see to


@dataclass(frozen=True, slots=True)
class Share:
    """A figure as bad or good ones of a total."""

    count: int
    total: int

    @property
    def ratio(self) -> float | None:
        """None of nothing."""
        return self.count / self.total if self.total else None


def success(row: Row) -> Share:
    """Runs that succeeded, of those that have ended; a command found wrong takes one back, as long as there is one."""
    ended = sum(row.finished.values())
    return Share(max(0, row.finished.get(SUCCEEDED, 0) - row.findings.get(WRONG, 0)), ended)


def intervention(row: Row) -> Share:
    """Calls that waited for people, of all that were asked."""
    return Share(min(row.held + row.drafted, row.intents), row.intents)


def denial(row: Row) -> Share:
    """Calls that were denied, of all that were asked."""
    return Share(row.denied, row.intents)


def tool_errors(row: Row) -> dict[str, int]:
    """Calls that went wrong, by how: at the tool, with parameters that do not fit, or asked again. None ever falls."""
    wrongly = min(sum(row.codes.get(code, 0) for code in BAD_CALLS), row.denied)
    failed = row.results.get(ResultStatus.ERROR, 0) + row.results.get(ResultStatus.UNKNOWN, 0)
    return {
        "failed": failed,
        "invalid_params": wrongly,
        "retried": row.duplicates,
    }


def tool_error(row: Row) -> Share:
    """Calls that went wrong at the tool, or were asked wrongly or twice, of all that came so far.

    What is denied otherwise is no fault in the use of a tool; it has a share of its own.
    """
    kinds = tool_errors(row)
    bad = sum(kinds.values())
    return Share(bad, sum(row.results.values()) + bad - kinds["failed"])


SHARES = {
    "success_rate": success,
    "intervention_rate": intervention,
    "denial_rate": denial,
    "tool_error_rate": tool_error,
}


@dataclass(frozen=True, slots=True)
class Cost:
    """What a stretch of time cost, in micro-dollars. `calls`: what ended calls really cost, or else was reserved."""

    calls: int
    review: int
    remedy: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.calls + self.review + self.remedy


def cost(row: Row, prices: Prices) -> Cost:
    """Calls, and people: words about what waited and reviews by the minute, and putting right what went wrong.

    What a tool says that it cost stands for what was reserved as soon as any result says so.
    """
    words = sum(row.words.get(choice, 0) for choice in _DECIDED)
    minutes = words * prices.word_minutes + row.review_minutes
    wrong = row.results.get(ResultStatus.ERROR, 0) + row.results.get(ResultStatus.UNKNOWN, 0)
    remedies = (wrong + row.findings.get(WRONG, 0)) * prices.remedy_minutes
    calls = row.settled_micros if sum(row.results.values()) else row.cost_micros
    return Cost(calls, minutes * prices.minute_micros, remedies * prices.minute_micros)


def unit_cost(row: Row, prices: Prices) -> int | None:
    """Micro-dollars for each run that succeeded, rounded up; None where none did."""
    share = success(row)
    return -(-cost(row, prices).total // share.count) if share.count else None


@dataclass(frozen=True, slots=True)
class Detection:
    """How long it took until wrong commands were known to be so, in ms."""

    count: int
    mean_ms: float | None
    longest_ms: int


def detection(row: Row) -> Detection:
    """Over the commands whose result, or review, showed them wrong."""
    mean = row.detection_ms / row.detected if row.detected else None
    return Detection(row.detected, mean, row.detection_ms_max)


def reviewed(versions: Iterable[Row]) -> Estimate | None:
    """What the findings of a sample say of all completed commands, a stratum for each policy version; None of none.

    Commands that somebody looked at without their being drawn are no part of the sample.
    """
    return estimate(
        [
            Stratum(
                completed=sum(row.results.get(status, 0) for status in COMPLETED),
                right=row.findings.get(RIGHT, 0) - row.undrawn.get(RIGHT, 0),
                wrong=row.findings.get(WRONG, 0) - row.undrawn.get(WRONG, 0),
            )
            for row in versions
        ]
    )


def percentile(tally: Mapping[str, int], share: float) -> int | None:
    """The least value that `share` of all do not exceed; values are numbers as text. None of nothing."""
    total = sum(tally.values())
    if not total:
        return None
    wanted, seen = math.ceil(share * total), 0
    for value, count in sorted((int(value), count) for value, count in tally.items()):
        seen += count
        if seen >= wanted:
            return value
    raise AssertionError("unreachable")


def widest(row: Row) -> int | None:
    """The most records that an account had touched; None where no call touched any."""
    return max(map(int, row.records), default=None)


def blast_radius(row: Row) -> Level | None:
    """The blast radius of which an account had used the largest part, with that account; None where there is none.

    Each rule has a limit of its own: what one account touched says nothing of how near another is to its limit. That of
    a single run counts only where runs share none: one that touches all it may has done its work.
    """
    radii = [level for level in row.levels.values() if level.unit == RECORDS]
    shared = [level for level in radii if level.scope != RUN]
    return max(shared or radii, key=lambda level: level.share, default=None)
