"""Figures: rows by workflow, version and time; which of them a pulse changes, and what they come to over a window.

Each pulse goes into its minute, its quarter of an hour, and the row that holds everything. Windows hop by a minute: one
of up to an hour and a half is the sum of its minutes, a longer one the sum of the quarters that have not ended before
it began. So one table serves every window, each record is written three times however many windows there are, and each
row carries the mark that makes it idempotent. All pulses of a workflow are in one partition, and so are its rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from toolgate.streams.watch.rows import Row, packed, unpacked

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from toolgate.schemas.records import Pulse, Review

MINUTE_MS, QUARTER_MS = 60_000, 900_000
MINUTES_KEPT, QUARTERS_KEPT = 90, 673  # seven days, and the quarter that has begun
VERSIONS_KEPT = 8  # of one workflow, and ...
VERSIONS_MAX = 64  # ... so many while quarters of an hour of theirs are kept
EVER, MINUTE, QUARTER = "e", "m", "q"
REVIEWED = "r"  # what was reviewed: apart, for the row of all time is written with each pulse
_STEP_MS = {MINUTE: MINUTE_MS, QUARTER: QUARTER_MS}
_KEPT = {MINUTE: MINUTES_KEPT, QUARTER: QUARTERS_KEPT}
_NONE: Mapping[tuple[str, str, str], int] = {}


class Key(NamedTuple):
    """Whose row, and of when: `start` is in epoch milliseconds, 0 for all time."""

    partition: int
    tenant: str
    workflow_id: str
    version: str  # digest of the policy set
    grain: str
    start: int


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Key).decode


def packed_key(key: Key) -> bytes:
    """As a table keeps it."""
    return _encode(key)


def unpacked_key(value: bytes) -> Key:
    """The key that was packed."""
    return _decode(value)


class Change(NamedTuple):
    """What a table has to write: a row, or None where the key goes."""

    key: Key
    row: Row | None


def begins_ms(end_ms: int, length_ms: int) -> int:
    """From when on a window counts: of one that is made of quarters, the beginning of its first, 14 minutes early."""
    begin_ms = end_ms - length_ms
    return begin_ms - begin_ms % _STEP_MS[_grain(length_ms)]


def _grain(length_ms: int) -> str:
    """Of which rows a window is the sum: minutes as long as they are kept, else quarters."""
    return MINUTE if length_ms <= MINUTES_KEPT * MINUTE_MS else QUARTER


@dataclass(slots=True)
class Version:
    """The rows of a workflow under one policy version."""

    ever: Row = field(default_factory=Row)
    reviewed: Row = field(default_factory=Row)
    minutes: dict[int, Row] = field(default_factory=dict)
    quarters: dict[int, Row] = field(default_factory=dict)

    def rows(self, grain: str) -> dict[int, Row]:
        """By start."""
        return self.minutes if grain == MINUTE else self.quarters

    def kept(self) -> Iterator[tuple[str, int, Row]]:
        """Grain, start and row of each row that a table has of it."""
        yield EVER, 0, self.ever
        if self.reviewed.reviewed:
            yield REVIEWED, 0, self.reviewed
        for grain in _STEP_MS:
            for start, row in self.rows(grain).items():
                yield grain, start, row


@dataclass(slots=True)
class Workflow:
    """The rows of a workflow."""

    partition: int
    tenant: str
    workflow_id: str
    versions: dict[str, Version] = field(default_factory=dict)

    @property
    def clk(self) -> int:
        """Ledger time of its newest pulse."""
        return max((version.ever.clk for version in self.versions.values()), default=0)

    def newest_versions(self) -> list[str]:
        """Its versions, the one that was heard of last first."""
        return sorted(self.versions, key=lambda name: (-self.versions[name].ever.clk, name))

    def window(self, end_ms: int, length_ms: int, version: str | None = None) -> Row:
        """The sum from `begins_ms` to `end_ms`, a full minute; of one version, or of all."""
        whole = Row()
        for row in self._rows(end_ms, length_ms, version):
            whole.merge(row)
        return whole

    def minutes(self, end_ms: int, length_ms: int) -> Iterator[tuple[int, Row]]:
        """Start and row of each minute of a window in which anything happened, over all versions, in order."""
        return self._series(MINUTE, end_ms - length_ms, end_ms)

    def quarters(self, before_ms: int) -> Iterator[tuple[int, Row]]:
        """Start and row of each quarter of an hour that had ended, over all versions, in order."""
        return self._series(QUARTER, 0, before_ms - QUARTER_MS + 1)

    def _series(self, grain: str, begin_ms: int, end_ms: int) -> Iterator[tuple[int, Row]]:
        found = [version.rows(grain) for version in self.versions.values()]
        for start in sorted({start for rows in found for start in rows if begin_ms <= start < end_ms}):
            whole = Row()
            for rows in found:
                if start in rows:
                    whole.merge(rows[start])
            yield start, whole

    def _rows(self, end_ms: int, length_ms: int, version: str | None) -> Iterator[Row]:
        grain, begin_ms = _grain(length_ms), begins_ms(end_ms, length_ms)
        wanted = self.versions.values() if version is None else [self.versions.get(version, Version())]
        found = [
            (start, row)
            for one in wanted
            for start, row in one.rows(grain).items()
            if begin_ms <= start < end_ms
        ]
        yield from (row for _, row in sorted(found, key=lambda pair: (pair[0], pair[1].clk)))


class Figures:
    """The workflows of some partitions."""

    def __init__(self) -> None:
        self.workflows: dict[tuple[int, str, str], Workflow] = {}

    def take(
        self, partition: int, offset: int, pulse: Pulse, silent: Mapping[tuple[str, str, str], int] = _NONE
    ) -> list[Change]:
        """Add the pulse at a place; what a table has to write of it. Nothing where it was added before.

        `silent`: by tenant, workflow and version, the runs that it shows to have ended without a word.
        """
        its = (pulse.tenant, pulse.workflow_id, pulse.policy_digest)
        unreported = silent.get(its, 0)
        changes = self._change(
            Key(partition, *its, EVER, 0), pulse.clk, lambda row: row.take(pulse, offset, unreported)
        )
        for whose in sorted(silent.keys() - {its}):
            changes += self._ended(Key(partition, *whose, EVER, 0), offset, pulse.clk, silent[whose])
        return changes

    def _ended(self, whose: Key, offset: int, time_ms: int, runs: int) -> list[Change]:
        return self._change(whose, time_ms, lambda row: row.end(runs, offset))

    def hear(
        self, partition: int, offset: int, review: Review, time_ms: int, *, drawn: bool = True
    ) -> list[Change]:
        """Add what somebody found in completed work, at the time when it was said; of each command the first counts."""
        whose = Key(partition, review.tenant, review.workflow_id, review.policy_digest, EVER, 0)
        memory = self._version(whose).reviewed
        changes = [Change(whose._replace(grain=REVIEWED), memory)] if memory.remember(review, offset) else []
        counts = memory.counts(review, offset)
        return changes + self._change(
            whose, time_ms, lambda row: row.hear(review, offset, time_ms, counts=counts, drawn=drawn)
        )

    def _change(self, whose: Key, time_ms: int, add: Callable[[Row], bool]) -> list[Change]:
        version = self._version(whose)
        changes = [Change(whose, version.ever)] if add(version.ever) else []
        for grain, step_ms in _STEP_MS.items():
            rows, start = version.rows(grain), time_ms - time_ms % step_ms
            if start not in rows:
                rows[start] = Row()
                changes += self._forget(whose, grain)
            if start in rows and add(rows[start]):
                changes.append(Change(whose._replace(grain=grain, start=start), rows[start]))
        return changes + self._forget_versions(whose)

    def load(self, key: Key, row: Row) -> None:
        """Put a row back, as a table had it."""
        version = self._version(key)
        if key.grain == EVER:
            version.ever = row
        elif key.grain == REVIEWED:
            version.reviewed = row
        else:
            version.rows(key.grain)[key.start] = row

    def of(self, partition: int) -> list[Workflow]:
        """The workflows of a partition."""
        return [one for whose, one in self.workflows.items() if whose[0] == partition]

    def all_rows(self) -> Iterator[tuple[Key, Row]]:
        """Every row, for comparisons."""
        for whose, workflow in self.workflows.items():
            for name, version in workflow.versions.items():
                for grain, start, row in version.kept():
                    yield Key(*whose, name, grain, start), row

    def _version(self, key: Key) -> Version:
        whose = key[:3]
        workflow = self.workflows.get(whose)
        if workflow is None:
            workflow = self.workflows[whose] = Workflow(*whose)
        return workflow.versions.setdefault(key.version, Version())

    def _forget(self, whose: Key, grain: str) -> list[Change]:
        """Drop what is older than is kept, of all versions; also the row that was just begun, of a pulse that late."""
        versions = self.workflows[whose[:3]].versions.items()
        newest = max(start for _, version in versions for start in version.rows(grain))
        oldest = newest - (_KEPT[grain] - 1) * _STEP_MS[grain]
        changes = []
        for name, version in versions:
            rows = version.rows(grain)
            for start in [start for start in rows if start < oldest]:
                row = rows.pop(start)
                if row.mark >= 0 or row.told >= 0:  # the row that was just begun is in no table
                    changes.append(Change(whose._replace(version=name, grain=grain, start=start), None))
        return changes

    def _forget_versions(self, whose: Key) -> list[Change]:
        """Drop versions that no window reaches any more; a set has a new one whenever any of its policies changes."""
        workflow = self.workflows[whose[:3]]
        if len(workflow.versions) <= VERSIONS_KEPT:
            return []
        changes: list[Change] = []
        for place, name in enumerate(workflow.newest_versions()[VERSIONS_KEPT:], VERSIONS_KEPT):
            if place < VERSIONS_MAX and workflow.versions[name].quarters:
                continue
            its = whose._replace(version=name)
            changes += [
                Change(its._replace(grain=grain, start=start), None)
                for grain, start, _ in workflow.versions.pop(name).kept()
            ]
        return changes


def loaded(table: Mapping[bytes, bytes], partitions: Collection[int]) -> Figures:
    """The figures of some partitions, as a table has them."""
    figures = Figures()
    for key, row in table.items():
        found = unpacked_key(key)
        if found.partition in partitions:
            figures.load(found, unpacked(row))
    return figures


def written(changes: Iterable[Change]) -> Iterator[tuple[bytes, bytes | None]]:
    """Changes as a table takes them."""
    for key, row in changes:
        yield packed_key(key), None if row is None else packed(row)
