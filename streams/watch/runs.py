"""Runs and agents: what they do again and again, from denials and results; accounts of which people were warned.

Rows for a table, as `figures` has them. A run's row is forgotten when nothing was heard of it for a day of its
partition's own time, an agent's when an hour is seven days old, an account's when it has not stood so for as long; and
what was heard of longest ago, where there are more than KEPT_MAX: whoever is denied can make up names of runs and
agents without end.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from toolgate.processors.names import is_id
from toolgate.schemas.enums import COMPLETED
from toolgate.streams.watch import repeats

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from toolgate.schemas.records import Denial, Pulse, Result
    from toolgate.streams.watch.repeats import Memory, Repeat
    from toolgate.streams.watch.rows import Level

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
AGENT_KEPT_MS = 7 * DAY_MS
KEPT_MAX = 10_000  # of one partition: runs, and hours of agents
_RUN, _AGENT, _ACCOUNT = "r", "a", "b"
_NO_NAME = "~"  # all that give a name which is none


class Key(NamedTuple):
    """Whose row: a run, an hour of an agent's, or an account."""

    partition: int
    kind: str
    tenant: str  # "" of a run
    name: str  # of an account a digest
    start: int  # 0 but of an agent


class State(msgspec.Struct, array_like=True):
    """What is kept of one. `marks`: by topic, the offset of the last record that it holds."""

    marks: dict[str, int] = {}
    clk: int = 0  # time of the newest, epoch milliseconds
    memory: dict[str, Any] = {}
    denied: dict[str, int] = {}  # reason code -> denials


@dataclass(frozen=True, slots=True)
class Seen:
    """A repeat, and whose."""

    repeat: Repeat
    tenant: str
    workflow_id: str
    run_id: str
    tool: str
    params_digest: str


Changes = list[tuple[bytes, bytes | None]]

_encode = msgspec.msgpack.Encoder().encode
_key = msgspec.msgpack.Decoder(Key).decode
_state = msgspec.msgpack.Decoder(State).decode


class Runs:
    """What is known of the runs and agents of some partitions, what was heard of last at the end."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, str], OrderedDict[Key, State]] = {}

    @classmethod
    def loaded(cls, table: Mapping[bytes, bytes], partitions: Collection[int]) -> Runs:
        """As a table has them."""
        made = cls()
        found = ((_key(key), _state(value)) for key, value in table.items())
        for key, state in sorted(found, key=lambda pair: (pair[1].clk, pair[0])):
            if key.partition in partitions:
                made._of(key)[key] = state
        return made

    def denied(self, partition: int, offset: int, denial: Denial) -> tuple[Changes, Seen | None]:
        """The denial at a place: what a table has to write of it, and the retry storm that it completes."""

        def count(state: State) -> None:
            for code in {reason.code for reason in denial.reasons}:
                state.denied[code] = state.denied.get(code, 0) + 1

        def again(memory: Memory) -> tuple[Memory, Repeat | None]:
            return repeats.after_denial(
                memory, tool=denial.tool, params_digest=denial.params_digest, time_ms=denial.clk
            )

        tenant, name = (one if is_id(one) else _NO_NAME for one in (denial.tenant, denial.agent_id))
        agent = Key(partition, _AGENT, tenant, name, denial.clk - denial.clk % HOUR_MS)
        changes, _ = self._take(agent, "denials", offset, denial.clk, count)
        if denial.dry_run or not is_id(denial.run_id):
            return changes, None
        run = Key(partition, _RUN, "", denial.run_id, 0)
        more, repeat = self._take(run, "denials", offset, denial.clk, lambda _: None, again)
        seen = (
            Seen(repeat, denial.tenant, denial.workflow_id, denial.run_id, denial.tool, denial.params_digest)
            if repeat
            else None
        )
        return changes + more, seen

    def ended(self, partition: int, offset: int, result: Result, time_ms: int) -> tuple[Changes, Seen | None]:
        """The result at a place; likewise, with the loop that it completes. One that ends nothing changes nothing."""
        if result.status not in COMPLETED or not result.params_digest:
            return [], None

        def again(memory: Memory) -> tuple[Memory, Repeat | None]:
            said = f"{result.status}\0{result.error}\0{result.body_digest or result.body}"
            return repeats.after_result(
                memory,
                tool=result.tool,
                params_digest=result.params_digest,
                body_digest=blake2b(said.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest(),
                time_ms=time_ms,
            )

        run = Key(partition, _RUN, "", result.run_id, 0)
        changes, repeat = self._take(run, "results", offset, time_ms, lambda _: None, again)
        seen = (
            Seen(repeat, result.tenant, result.workflow_id, result.run_id, result.tool, result.params_digest)
            if repeat
            else None
        )
        return changes, seen

    def stands(self, partition: int, offset: int, pulse: Pulse, level: Level) -> tuple[Changes, bool]:
        """That an account stands where people want to be warned: likewise, and whether it is new.

        With another maximum it is another one. One that stands so for long is written once an hour.
        """
        its = (pulse.workflow_id, level.rule, level.account, str(level.max))
        name = blake2b("\0".join(its).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        key = Key(partition, _ACCOUNT, pulse.tenant, name, 0)
        known = self._of(key).get(key)
        if known is not None and pulse.clk < known.clk + HOUR_MS:
            return [], False
        changes, _ = self._take(key, "pulse", offset, pulse.clk, lambda _: None)
        return changes, known is None

    def agents(self, most: int) -> list[tuple[str, str, dict[str, int]]]:
        """Tenant, agent and denials by code over the hours that are kept: those with the most denials first."""
        sums: dict[tuple[str, str], dict[str, int]] = {}
        for (_, kind), kept in self._kept.items():
            for key, state in kept.items() if kind == _AGENT else ():
                into = sums.setdefault((key.tenant, key.name), {})
                for code, count in state.denied.items():
                    into[code] = into.get(code, 0) + count
        first = sorted(sums.items(), key=lambda pair: (-sum(pair[1].values()), pair[0]))
        return [(*whose, codes) for whose, codes in first[:most]]

    def rows(self) -> dict[Key, State]:
        """Everything, for comparisons."""
        return {key: state for kept in self._kept.values() for key, state in kept.items()}

    def _of(self, key: Key) -> OrderedDict[Key, State]:
        return self._kept.setdefault((key.partition, key.kind), OrderedDict())

    def _take(  # noqa: PLR0913, PLR0917 - a place, a time, and what is done
        self,
        key: Key,
        topic: str,
        offset: int,
        time_ms: int,
        count: Callable[[State], None],
        again: Callable[[Memory], tuple[Memory, Repeat | None]] | None = None,
    ) -> tuple[Changes, Repeat | None]:
        kept = self._of(key)
        state = kept.get(key) or State()
        if offset <= state.marks.get(topic, -1):
            return [], None
        state.marks[topic] = offset
        state.clk = max(state.clk, time_ms)
        count(state)
        found = None
        if again is not None:
            state.memory, found = again(state.memory)
        kept[key] = state
        kept.move_to_end(key)
        changes: Changes = [(_encode(key), _encode(state))]
        return changes + self._forgotten(kept, key.kind, time_ms), found

    def _forgotten(self, kept: OrderedDict[Key, State], kind: str, now_ms: int) -> Changes:
        """Two at most for each that comes: as many as can pile up."""
        changes: Changes = []
        oldest_ms = now_ms - (DAY_MS if kind == _RUN else AGENT_KEPT_MS)
        for _ in range(2):
            key = next(iter(kept))
            if kept[key].clk >= oldest_ms and len(kept) <= KEPT_MAX:
                break
            del kept[key]
            changes.append((_encode(key), None))
        return changes
