"""Open runs: those in which something was approved and whose agent has not said what came of them.

The ledger ends a run in which nothing was approved for RUN_IDLE_MS: after that it approves nothing more, and for a day
not even takes the word that it finished. So what became of it is no guess: it ended, and nobody has said that it did
what it was for.

A run stands with the hour of its last approval that was heard of, and the policy version of that one. So a row is
written once an hour of a busy run, and reading some pulses again leads to the same end: at the pulse that shows that
a run has ended, the hour and the version are those of the last approval before it, whichever were read twice.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from toolgate.processors.claims import RUN_IDLE_MS
from toolgate.streams.watch.runs import HOUR_MS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from toolgate.schemas.records import Pulse
    from toolgate.streams.watch.runs import Changes

# At most so long after its last approval a run that says nothing has ended.
SILENT_MS = HOUR_MS + RUN_IDLE_MS
OPEN_MAX = 20_000  # of one partition: of more, those that begin are not followed


class Key(NamedTuple):
    """A run, and whose it is."""

    partition: int
    tenant: str
    workflow_id: str
    run_id: str


class Open(msgspec.Struct, array_like=True, frozen=True):
    """Of a run's last approval: the beginning of its hour, and the policy version."""

    hour_ms: int
    version: str


Owner = tuple[str, str, str]  # tenant, workflow, policy version

_encode = msgspec.msgpack.Encoder().encode
_key = msgspec.msgpack.Decoder(Key).decode
_open = msgspec.msgpack.Decoder(Open).decode


class OpenRuns:
    """The open runs of some partitions."""

    def __init__(self) -> None:
        self._open: dict[int, dict[Key, Open]] = {}
        self._hours: dict[int, dict[int, set[Key]]] = {}  # by partition and hour

    @classmethod
    def loaded(cls, table: Mapping[bytes, bytes], partitions: Collection[int]) -> OpenRuns:
        """As a table has them."""
        made = cls()
        for packed, value in table.items():
            key = _key(packed)
            if key.partition in partitions:
                made._put(key, _open(value))
        return made

    def take(self, partition: int, pulse: Pulse) -> tuple[Changes, Counter[Owner]]:
        """What a table has to write of a pulse, and whose runs it shows to have ended without a word: how many of each.

        Runs of all workflows of the partition: one that is heard of no more has ended as well.
        """
        changes: Changes = []
        hour_ms = pulse.clk - pulse.clk % HOUR_MS
        for run_id in pulse.active:
            changes += self._active(Key(partition, pulse.tenant, pulse.workflow_id, run_id), hour_ms, pulse)
        for run_id in pulse.ended:
            key = Key(partition, pulse.tenant, pulse.workflow_id, run_id)
            if self._drop(key) is not None:
                changes.append((_encode(key), None))
        silent: Counter[Owner] = Counter()
        for key, run in self._over(partition, pulse.clk):
            self._drop(key)
            changes.append((_encode(key), None))
            silent[key.tenant, key.workflow_id, run.version] += 1
        return changes, silent

    def rows(self) -> dict[Key, Open]:
        """Everything."""
        return {key: run for kept in self._open.values() for key, run in kept.items()}

    def __len__(self) -> int:
        return sum(map(len, self._open.values()))

    def _active(self, key: Key, hour_ms: int, pulse: Pulse) -> Changes:
        known = self._open.get(key.partition, {})
        stands = known.get(key)
        now = Open(max(hour_ms, stands.hour_ms) if stands else hour_ms, pulse.policy_digest)
        if now == stands or (stands is None and len(known) >= OPEN_MAX):
            return []
        self._drop(key)
        self._put(key, now)
        return [(_encode(key), _encode(now))]

    def _over(self, partition: int, now_ms: int) -> Iterator[tuple[Key, Open]]:
        """Those of which even the end of the hour of the last approval is RUN_IDLE_MS ago."""
        hours = self._hours.get(partition, {})
        for hour_ms in [hour_ms for hour_ms in hours if hour_ms + SILENT_MS <= now_ms]:
            for key in sorted(hours[hour_ms]):
                yield key, self._open[partition][key]

    def _put(self, key: Key, run: Open) -> None:
        self._open.setdefault(key.partition, {})[key] = run
        self._hours.setdefault(key.partition, {}).setdefault(run.hour_ms, set()).add(key)

    def _drop(self, key: Key) -> Open | None:
        run = self._open.get(key.partition, {}).pop(key, None)
        if run is not None:
            hours = self._hours[key.partition]
            hours[run.hour_ms].discard(key)
            if not hours[run.hour_ms]:
                del hours[run.hour_ms]
        return run
