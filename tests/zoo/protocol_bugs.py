"""Bugs of the protocol between log and ledger: what is decided twice, never, or without its transaction."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from bug import in_histories, in_tests
from universe import Universe

from toolgate.schemas.frozen import changed
from toolgate.streams.gate import deciding
from toolgate.streams.gate.deciding import Deciding
from toolgate.streams.ledger.accounts import bucket
from toolgate.streams.ledger.memory import MemoryLedger
from toolgate.streams.log.kafka import KafkaLog
from toolgate.streams.log.memory import MemoryLog
from toolgate.streams.ports import AbortError, Assignment, FatalError, LedgerError, UnavailableError

if TYPE_CHECKING:
    import pytest


def stable_of_own_partitions(patch: pytest.MonkeyPatch) -> None:
    """`stable` looks only at the partitions of the calling worker."""
    decide = MemoryLedger.decide

    def own(self: MemoryLedger, ctl: int, shares: Any) -> Any:
        mine = {(s.topic, s.partition) for s in shares}
        reply = decide(self, ctl, shares)
        marks = self._image.marks
        waiting = [d.seq for tp in mine for d in marks[tp].decided.values()]
        return changed(reply, stable=min(waiting) - 1 if waiting else self._image.seq)

    patch.setattr(MemoryLedger, "decide", own)


def no_offset_ledger(patch: pytest.MonkeyPatch) -> None:
    """A redelivered record is decided and charged again."""
    one = MemoryLedger._one

    def again(self: MemoryLedger, share: Any, ask: Any) -> Any:
        self._image.marks[share.topic, share.partition].decided.pop(ask.offset, None)
        return one(self, share, ask)

    patch.setattr(MemoryLedger, "_one", again)


def clock_runs_back(patch: pytest.MonkeyPatch) -> None:
    """The ledger's clock is the record's time, although partitions lag each other."""
    one = MemoryLedger._one

    def stepping(self: MemoryLedger, share: Any, ask: Any) -> Any:
        if ask.offset not in self._image.marks[share.topic, share.partition].decided:
            self._image.clk = ask.time_ms - self._image.seq % 2
        return one(self, share, ask)

    patch.setattr(MemoryLedger, "_one", stepping)


def commit_outcome_guessed(patch: pytest.MonkeyPatch) -> None:
    """A commit whose outcome is unknown counts as done."""
    commit = MemoryLog.commit

    def hopeful(self: MemoryLog, *rest: Any) -> Any:
        try:
            yield from commit(self, *rest)
        except FatalError:
            return

    patch.setattr(MemoryLog, "commit", hopeful)

    def meets(self: Universe, _slot: int) -> str:  # answers get lost often: else it takes a hundred histories
        lost = self.faults and self.random.random() < 0.2
        return self.random.choice(("lost", "late")) if lost else "done"

    patch.setattr(Universe, "_commit_meets", meets)


def parts_without_the_rest(patch: pytest.MonkeyPatch) -> None:
    """What was published before a part of the batch failed is committed, with the offsets of the whole batch."""
    patch.setattr(deciding, "TRIES", 1)  # three lost answers in a row are rare
    run = Deciding.run

    def hopeful(self: Deciding, *rest: Any) -> Any:
        try:
            return (yield from run(self, *rest))
        except UnavailableError:
            return {}

    patch.setattr(Deciding, "run", hopeful)


def duplicates_in_dd(patch: pytest.MonkeyPatch) -> None:
    """A duplicate replaces the first decision that it should name."""
    judge = MemoryLedger._judge

    def entering(self: MemoryLedger, ask: Any, decision: Any) -> Any:
        made, gives = judge(self, ask, decision)
        if made.verdict == "DUPLICATE":
            self._image.seen.setdefault(bucket(made.clk), {})[ask.intent_id] = (ask.digest, made.seq)
        return made, gives

    patch.setattr(MemoryLedger, "_judge", entering)


def no_dedupe_across_partitions(patch: pytest.MonkeyPatch) -> None:
    """Every partition remembers its own ids only."""
    one, first = MemoryLedger._one, MemoryLedger._first
    where: dict[str, set[int]] = {}
    here = 0

    def at(self: MemoryLedger, share: Any, ask: Any) -> Any:
        nonlocal here
        here = share.partition
        return one(self, share, ask)

    def mine(self: MemoryLedger, intent_id: str, clk: int) -> Any:
        known = where.setdefault(intent_id, set())
        found = first(self, intent_id, clk) if here in known else None
        known.add(here)
        return found

    patch.setattr(MemoryLedger, "_one", at)
    patch.setattr(MemoryLedger, "_first", mine)


def dedupe_by_id_alone(patch: pytest.MonkeyPatch) -> None:
    """A known id is a duplicate, whatever it now says."""
    judge, first = MemoryLedger._judge, MemoryLedger._first
    digest = ""

    def judging(self: MemoryLedger, ask: Any, decision: Any) -> Any:
        nonlocal digest
        digest = ask.digest
        return judge(self, ask, decision)

    def same(self: MemoryLedger, intent_id: str, clk: int) -> Any:
        found = first(self, intent_id, clk)
        return found and (digest, found[1])

    patch.setattr(MemoryLedger, "_judge", judging)
    patch.setattr(MemoryLedger, "_first", same)


def published_before_charged(patch: pytest.MonkeyPatch) -> None:
    """Decisions are read off a copy of the ledger and published; they are charged afterwards, with the next call."""
    decide = MemoryLedger.decide
    owed: dict[MemoryLedger, tuple[int, Any]] = {}

    def send(self: MemoryLedger, ctl: int, shares: Any) -> None:
        try:
            if self in owed:
                decide(self, *owed.pop(self))
            real, self._store.image = self._store.image, copy.deepcopy(self._store.image)
            try:
                self._answer = decide(self, ctl, shares)
            finally:
                self._store.image = real
            owed[self] = ctl, shares
        except LedgerError as error:
            self._answer = error

    patch.setattr(MemoryLedger, "send", send)


def committed_after_an_abort(patch: pytest.MonkeyPatch) -> None:
    """Batch k + 1 is committed although k was aborted."""
    commit = MemoryLog.commit

    def going_on(self: MemoryLog, *rest: Any) -> Any:
        try:
            yield from commit(self, *rest)
        except AbortError:
            return

    patch.setattr(MemoryLog, "commit", going_on)


def metadata_at_commit(patch: pytest.MonkeyPatch) -> None:
    """The group's metadata is asked for when a batch commits, not when its partitions were assigned."""
    commit = KafkaLog.commit

    def fresh(self: KafkaLog, offsets: Any, assignment: Any) -> Any:
        assert self._consumer is not None
        metadata = self._consumer.consumer_group_metadata()
        return commit(self, offsets, Assignment(assignment.generation, assignment.partitions, metadata))

    patch.setattr(KafkaLog, "commit", fresh)


def offsets_before_the_transaction(patch: pytest.MonkeyPatch) -> None:
    """Offsets are committed on their own, before the transaction that they belong to."""
    commit = MemoryLog.commit

    def apart(self: MemoryLog, offsets: Any, assignment: Any) -> Any:
        for point in commit(self, offsets, assignment):
            if point == "commit":
                self._broker.committed.update(offsets)
            yield point

    patch.setattr(MemoryLog, "commit", apart)


def quarantined_without_an_offset(patch: pytest.MonkeyPatch) -> None:
    """What nobody can read is stepped over: no decision, no event, only the offset moves on."""
    legs = Deciding._legs
    patch.setattr(
        Deciding, "_legs", lambda self, readings: legs(self, [one for one in readings if one.problem is None])
    )


def time_of_the_agent(patch: pytest.MonkeyPatch) -> None:
    """The clock goes by what the agent says, here a quarter of a second slow, instead of the broker's time."""
    one = MemoryLedger._one
    patch.setattr(
        MemoryLedger,
        "_one",
        lambda self, share, ask: one(self, share, changed(ask, time_ms=ask.time_ms - 250)),
    )


BUGS = (
    *in_histories(
        no_offset_ledger, clock_runs_back, parts_without_the_rest, duplicates_in_dd,
        no_dedupe_across_partitions, dedupe_by_id_alone, published_before_charged, committed_after_an_abort,
        offsets_before_the_transaction, quarantined_without_an_offset, time_of_the_agent,
    ),
    *in_histories(commit_outcome_guessed, timeout=0.03),
    *in_histories(stable_of_own_partitions, first=9, result=0.12),
    # No history can show it: the log in memory hands partitions over when every member has given up its own.
    in_tests(metadata_at_commit, "unit/streams/log/test_kafka_commits.py::test_a_batch_commits_as_it_was_assigned"),
)  # fmt: skip
