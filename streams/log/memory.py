"""The log in memory: Kafka's rules that the protocol relies on, and nothing else; for tests and simulation.

What it keeps: transactions are invisible until committed and leave markers in the offsets; a transactional
id has one living producer; offsets commit with the transaction, if the member and its group generation still
stand; committed offsets are stable; a static member that returns keeps its partitions; range assignment,
eagerly. What a test decides: when a member counts as dead, when an open transaction times out, what a commit
request meets.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from toolgate.processors.case import Envelope
from toolgate.streams.ports import (
    INPUTS,
    AbortError,
    Assignment,
    FatalError,
    Output,
    RetryError,
    TopicPartition,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from toolgate.streams.ports import OnRevoke

_READ_AT_A_TIME = 3
OPEN, COMMITTED, ABORTED = "open", "committed", "aborted"


@dataclass(slots=True)
class Transaction:
    """One transaction of one producer."""

    state: str = OPEN
    prepared: bool = False  # the coordinator has the commit: it will be completed
    offsets: dict[TopicPartition, int] = field(default_factory=dict)
    touched: set[TopicPartition] = field(default_factory=set)


@dataclass(slots=True)
class Entry:
    """A record in a partition; a marker has no envelope."""

    envelope: Envelope | None
    transaction: Transaction | None = None


@dataclass(slots=True)
class Member:
    """A group member of one slot."""

    incarnation: int
    joined: bool = True  # has given up its partitions and waits for the next generation


class Broker:
    """What several `MemoryLog`s share, as several workers share a cluster."""

    def __init__(self, partitions: int, co_partitioned: Sequence[str], single: Sequence[str]) -> None:
        self.partitions = partitions
        counts = dict.fromkeys(co_partitioned, partitions) | dict.fromkeys(single, 1)
        self.log: dict[TopicPartition, list[Entry]] = {
            (t, p): [] for t, n in counts.items() for p in range(n)
        }
        self.committed: dict[TopicPartition, int] = {}
        self.open: dict[int, Transaction] = {}  # slot -> its open transaction
        self.epochs: dict[int, int] = defaultdict(int)
        self.members: dict[int, Member] = {}
        self.generation = 0
        self.assigned: dict[int, frozenset[TopicPartition]] = {}
        self.rebalancing = False
        self._ended: dict[TopicPartition, int] = defaultdict(int)  # below it no transaction is open any more
        self.now_ms = 1_772_323_200_000
        self.on_commit: Callable[[int], str] = lambda _slot: (
            "done"
        )  # or "lost", "late", "aborted": see MemoryLog.commit

    # --- records ---

    def append(self, output: Output, transaction: Transaction | None = None) -> int:
        """Append a record; returns its offset."""
        tp = (output.topic, output.partition if output.partition is not None else self._by_key(output))
        entries = self.log[tp]
        envelope = Envelope(*tp, len(entries), self.now_ms, output.key, output.value, output.headers)
        entries.append(Entry(envelope, transaction))
        if transaction is not None:
            transaction.touched.add(tp)
        return envelope.offset

    def _by_key(self, output: Output) -> int:
        count = sum(1 for topic, _ in self.log if topic == output.topic)
        return sum(output.key or b"") % count

    def stable(self, tp: TopicPartition) -> int:
        """The last stable offset: where the first open transaction begins."""
        entries, offset = self.log[tp], self._ended[tp]
        while offset < len(entries):
            transaction = entries[offset].transaction
            if transaction is not None and transaction.state == OPEN:
                break
            offset += 1
        self._ended[tp] = offset
        return offset

    def visible(self, tp: TopicPartition, start: int) -> Iterator[Envelope]:
        """Committed records from `start` to the last stable offset."""
        for entry in self.log[tp][start : self.stable(tp)]:
            if entry.envelope and (entry.transaction is None or entry.transaction.state == COMMITTED):
                yield entry.envelope

    # --- transactions ---

    def init(self, slot: int) -> int:
        """A new producer of a slot: what the old one left open is aborted, what is prepared is completed."""
        self.epochs[slot] += 1
        self.resolve(slot)
        return self.epochs[slot]

    def resolve(self, slot: int) -> None:
        """End a slot's transaction: committed if the commit was prepared, else aborted."""
        transaction = self.open.pop(slot, None)
        if transaction is None:
            return
        transaction.state = COMMITTED if transaction.prepared else ABORTED
        for tp in transaction.touched:
            self.log[tp].append(Entry(None))  # the marker
        if transaction.prepared:
            self.committed.update(transaction.offsets)

    def time_out(self, slot: int) -> None:
        """The coordinator gives up on a slot's open transaction, and on the producer that left it open."""
        if slot in self.open:
            self.epochs[slot] += 1
            self.resolve(slot)

    # --- the group ---

    def join(self, slot: int) -> int:
        """A member (back) in the group. A slot that is known keeps its partitions: static membership."""
        known = self.members.get(slot)
        incarnation = known.incarnation + 1 if known else 1
        self.members[slot] = Member(incarnation)
        if known is None:
            self.rebalance()
        elif self.rebalancing:
            self._assign()
        return incarnation

    def expel(self, slot: int) -> None:
        """A member's session is over."""
        if self.members.pop(slot, None) is not None:
            self.rebalance()

    def rebalance(self) -> None:
        """Ask everybody to join again; nobody has partitions until all have."""
        self.rebalancing = True
        self._assign()

    def rejoin(self, slot: int) -> None:
        """A member has given up its partitions."""
        self.members[slot].joined = True
        self._assign()

    def _assign(self) -> None:
        if not self.rebalancing or not all(member.joined for member in self.members.values()):
            return
        self.rebalancing = False
        self.generation += 1
        slots = sorted(self.members)
        owners = (
            {p: slots[p * len(slots) // self.partitions] for p in range(self.partitions)} if slots else {}
        )
        self.assigned = {
            slot: frozenset(tp for tp in self.log if tp[0] in INPUTS and owners[tp[1]] == slot)
            for slot in slots
        }


class MemoryLog:
    """One worker's log over a `Broker`; implements `ports.Log`."""

    def __init__(self, broker: Broker, on_revoke: OnRevoke) -> None:
        self._broker = broker
        self._on_revoke = on_revoke
        self._slot = -1
        self._epoch = 0
        self._incarnation = 0
        self._assignment = Assignment(0, frozenset())
        self._at_generation = -1
        self._position: dict[TopicPartition, int] = {}

    def open(self, slot: int) -> None:
        """See `ports.Log`."""
        self._slot = slot
        self._epoch = self._broker.init(slot)
        self._incarnation = self._broker.join(slot)
        self._at_generation = -1
        self._give_up()

    def close(self) -> None:
        """See `ports.Log`. A static member leaves without a word: its session ends later."""
        if self._slot >= 0 and self._assignment.partitions:
            self._on_revoke(self._assignment.partitions)
        self._give_up()
        self._slot = -1

    def _give_up(self) -> None:
        self._assignment = Assignment(self._assignment.generation + 1, frozenset())
        self._position = {}

    def assignment(self) -> Assignment:
        """See `ports.Log`."""
        return self._assignment

    def _stands(self) -> bool:
        member = self._broker.members.get(self._slot)
        return member is not None and member.incarnation == self._incarnation

    def poll(self, limit: int, timeout_s: float) -> list[Envelope]:  # noqa: ARG002 - time is the test's
        """See `ports.Log`."""
        broker = self._broker
        if not self._stands():
            if self._slot in broker.members:
                raise FatalError("another member has this slot now")
            self._revoke()  # expelled: partitions are lost, join again
            self._incarnation = broker.join(self._slot)
            return []
        if broker.rebalancing:
            if not broker.members[self._slot].joined:
                self._revoke()
                broker.rejoin(self._slot)
            return []
        if self._at_generation != broker.generation:
            self._revoke()
            broker.members[self._slot].joined = False
            self._at_generation = broker.generation
            metadata = (self._slot, self._incarnation, broker.generation)
            tps = broker.assigned[self._slot]
            self._assignment = Assignment(self._assignment.generation + 1, tps, metadata)
            return []
        return self._fetch(limit)

    def _revoke(self) -> None:
        if self._assignment.partitions:
            self._on_revoke(self._assignment.partitions)
            self._give_up()

    def _fetch(self, limit: int) -> list[Envelope]:
        found: list[Envelope] = []
        for tp, position in self._position.items():
            for envelope in self._broker.visible(tp, position):
                if len(found) >= limit:
                    return found
                found.append(envelope)
                self._position[tp] = envelope.offset + 1
        return found

    def seek(self, tp: TopicPartition, offset: int) -> None:
        """See `ports.Log`."""
        self._position[tp] = offset

    def pause(self, tp: TopicPartition) -> None:
        """See `ports.Log`."""
        self._position.pop(tp, None)

    def committed(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """See `ports.Log`."""
        pending = {tp for transaction in self._broker.open.values() for tp in transaction.offsets}
        asked = set(tps)
        if asked & pending:
            raise RetryError("a commit is in progress")
        return {tp: offset for tp, offset in self._broker.committed.items() if tp in asked}

    def bounds(self, tp: TopicPartition) -> tuple[int, int]:
        """See `ports.Log`."""
        return 0, self._broker.stable(tp)

    def produce(self, outputs: Iterable[Output]) -> None:
        """See `ports.Log`."""
        self._alive()
        transaction = self._transaction()
        for output in outputs:
            self._broker.append(output, transaction)

    def commit(self, offsets: Mapping[TopicPartition, int], assignment: Assignment) -> Iterator[str]:
        """See `ports.Log`.

        `Broker.on_commit` says what the commit request meets: done, lost (never arrives), late (arrives, is
        answered to nobody and completed later) or aborted (the answer is that the transaction is no more).
        """
        broker = self._broker
        yield "send_offsets"
        self._alive()
        transaction = self._transaction()
        if not self._may_commit(assignment.metadata):
            broker.resolve(self._slot)
            raise AbortError("the group generation has passed")
        transaction.offsets.update(offsets)
        yield "commit"
        self._alive()
        met = broker.on_commit(self._slot)
        if met == "aborted":
            broker.resolve(self._slot)
            raise AbortError("the transaction was aborted")
        transaction.prepared = met != "lost"
        if met != "done":
            raise FatalError("the outcome of the commit is unknown")
        broker.resolve(self._slot)

    def _transaction(self) -> Transaction:
        """The one that is open, or a new one."""
        if self._slot not in self._broker.open:
            self._broker.open[self._slot] = Transaction()
        return self._broker.open[self._slot]

    def _alive(self) -> None:
        if self._epoch != self._broker.epochs[self._slot]:
            raise FatalError("fenced: another producer has this transactional id now")

    def _may_commit(self, metadata: object) -> bool:
        broker = self._broker
        member = broker.members.get(self._slot)
        return member is not None and metadata == (self._slot, member.incarnation, broker.generation)

    def fence(self, slots: Iterable[int]) -> None:
        """See `ports.Log`."""
        for slot in slots:
            self._broker.init(slot)

    def read(self, topic: str, start: Mapping[int, int] | None = None) -> Iterator[Envelope]:
        """See `ports.Log`."""
        parts = [
            deque(self._broker.visible((name, partition), (start or {}).get(partition, 0)))
            for name, partition in list(self._broker.log)
            if name == topic
        ]
        while any(parts):  # some of each in turn, as brokers answer
            for part in parts:
                yield from [part.popleft() for _ in range(min(len(part), _READ_AT_A_TIME))]

    def tail_control(self, position: int) -> tuple[list[Envelope], int]:
        """See `ports.Log`."""
        tp = ("control", 0)
        return list(self._broker.visible(tp, position)), self._broker.stable(tp)
