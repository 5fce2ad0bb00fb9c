"""Rows: what happened to one workflow, under one policy version, in one stretch of time. Sums of pulses, and pure.

A row knows the offset of the last pulse that it holds: added again, a pulse changes nothing. So a table of rows may be
fed at least once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from toolgate.processors.names import ID_CHARS_MAX
from toolgate.schemas.enums import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolgate.schemas.records import Pulse, Review

REVIEWED_MAX = 1_000  # commands of a workflow's version of which it is remembered that they were reviewed
RECORDS = "records"  # the unit of what a blast radius limits
RUN = "run"  # the scope of what ends with its run
UNREPORTED = "unreported"  # among outcomes of runs: it ended, and its agent never said what came of it
# Of a pulse, what is summed by name.
_TALLIES = ("codes", "tools", "would_have", "finished", "results", "tool_errors", "words", "records")


class Level(msgspec.Struct, array_like=True, frozen=True):
    """How full the fullest account of a limit was, `used` and `max` in `unit`."""

    rule: str
    scope: str
    account: str
    unit: str
    used: int
    max: int

    @property
    def share(self) -> float:
        """Of `max`; 1 where nothing is allowed."""
        return self.used / self.max if self.max else 1.0


def levels_of(pulse: Pulse) -> list[Level]:
    """What a pulse tells of accounts."""
    return [Level(one.rule, one.scope, one.account, one.unit, one.used, one.max) for one in pulse.levels]


class Row(msgspec.Struct, array_like=True):
    """Sums over pulses; money in micro-dollars. New fields go to the end: rows of an older version are read."""

    mark: int = -1  # offset of the last pulse
    told: int = -1  # offset of the last review
    pulses: int = 0
    clk: int = 0  # ledger time of the newest
    intents: int = 0
    approved: int = 0
    denied: int = 0
    held: int = 0
    drafted: int = 0
    quarantined: int = 0
    duplicates: int = 0
    cost_micros: int = 0
    settled_micros: int = 0
    detected: int = 0
    detection_ms: int = 0
    detection_ms_max: int = 0
    codes: dict[str, int] = {}
    tools: dict[str, int] = {}
    would_have: dict[str, int] = {}
    finished: dict[str, int] = {}
    results: dict[str, int] = {}
    tool_errors: dict[str, int] = {}
    words: dict[str, int] = {}
    records: dict[str, int] = {}
    levels: dict[str, Level] = {}
    findings: dict[str, int] = {}  # what people found in completed work -> commands
    review_minutes: int = 0
    undrawn: dict[str, int] = {}  # of the findings, those in commands that no sample had drawn
    reviewed: dict[str, int] = {}  # command -> offset of the review that counts; in the row of reviews alone

    def take(self, pulse: Pulse, offset: int, unreported: int = 0) -> bool:
        """Add the pulse at an offset of its partition; False where it, or a later one, was added before.

        `unreported`: the runs of the pulse's own workflow and version that it shows to have ended without a word.
        """
        if offset <= self.mark:
            return False
        if unreported:
            self.end(unreported, offset)
        self.mark = offset
        self.pulses += 1
        self.clk = max(self.clk, pulse.clk)
        self._add(pulse)
        levels = levels_of(pulse)
        for level in levels:
            standing = self.levels.get(level.rule)
            if standing is not None and standing.account == level.account:
                self.levels[level.rule] = level
        fullest = {level.rule: level for level in reversed(levels)}  # a pulse tells it first of its rule
        for level in fullest.values():
            self._fullest(level)
        return True

    def end(self, runs: int, offset: int) -> bool:
        """Add runs that have ended without a word, as the pulse at an offset shows; False where they were added before.

        The pulse may be about another version, or another workflow, so it is no pulse of this row's.
        """
        if offset <= self.mark:
            return False
        self.mark = offset
        self.finished[UNREPORTED] = self.finished.get(UNREPORTED, 0) + runs
        return True

    def remember(self, review: Review, offset: int) -> bool:
        """Note whose first word about a command this is, of the newest commands; False where nothing is new."""
        command_id = _reviewed(review)
        if offset <= self.told or review.finding == Finding.UNSURE or command_id in self.reviewed:
            return False
        self.told = offset
        self.reviewed[command_id] = offset
        if len(self.reviewed) > REVIEWED_MAX:
            del self.reviewed[next(iter(self.reviewed))]
        return True

    def counts(self, review: Review, offset: int) -> bool:
        """Whether the finding at an offset is the one that counts for its command.

        It is the first that says right or wrong: sums that only grow can be counters, and the longest of all
        detections could not be taken back. Asked again after a crash it answers the same, so other rows need no more
        than their own marks.
        """
        return review.finding == Finding.UNSURE or self.reviewed.get(_reviewed(review)) == offset

    def hear(self, review: Review, offset: int, time_ms: int, *, counts: bool, drawn: bool) -> bool:
        """Add a review of completed work; False where it was added before. Minutes are added whether it counts or not.

        A command that is found wrong was detected then, counted from its approval.
        """
        if offset <= self.told:
            return False
        self.told = offset
        self.review_minutes += review.minutes
        if not counts:
            return True
        self.findings[review.finding] = self.findings.get(review.finding, 0) + 1
        if not drawn:
            self.undrawn[review.finding] = self.undrawn.get(review.finding, 0) + 1
        if review.finding == Finding.WRONG and review.approved_at:
            took = max(0, time_ms - review.approved_at)
            self.detected += 1
            self.detection_ms += took
            self.detection_ms_max = max(self.detection_ms_max, took)
        return True

    def merge(self, other: Row) -> None:
        """Add a later row. Its levels stand for those of the same limit; of records touched the fullest is kept."""
        self.pulses += other.pulses
        self.clk = max(self.clk, other.clk)
        self._add(other)
        for level in other.levels.values():
            if level.unit == RECORDS:
                self._fullest(level)
            else:
                self.levels[level.rule] = level
        _sum(self.findings, other.findings)
        _sum(self.undrawn, other.undrawn)
        self.review_minutes += other.review_minutes

    def _add(self, other: Any) -> None:
        # The loop that is run most often: one by one takes a third of the time that names in a loop do.
        self.intents += other.intents
        self.approved += other.approved
        self.denied += other.denied
        self.held += other.held
        self.drafted += other.drafted
        self.quarantined += other.quarantined
        self.duplicates += other.duplicates
        self.cost_micros += other.cost_micros
        self.settled_micros += other.settled_micros
        self.detected += other.detected
        self.detection_ms += other.detection_ms
        self.detection_ms_max = max(self.detection_ms_max, other.detection_ms_max)
        for name in _TALLIES:
            if more := getattr(other, name):
                _sum(getattr(self, name), more)

    def _fullest(self, level: Level) -> None:
        standing = self.levels.get(level.rule)
        if standing is None or standing.account == level.account or level.share > standing.share:
            self.levels[level.rule] = level


def _reviewed(review: Review) -> str:
    """Ids of commands are short; whoever names a long one must not make a row that no record of ours would hold."""
    return review.command_id[:ID_CHARS_MAX]


def _sum(into: dict[str, int], more: Mapping[str, int]) -> None:
    for name, count in more.items():
        into[name] = into.get(name, 0) + count


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Row).decode


def packed(row: Row) -> bytes:
    """As a table keeps it."""
    return _encode(row)


def unpacked(value: bytes) -> Row:
    """The row that was packed. Raises msgspec.DecodeError on anything else."""
    return _decode(value)
