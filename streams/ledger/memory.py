"""The ledger in memory: the protocol of the Redis one, for tests, simulation, replay and what-if.

One call at a time, on a store (store.py) that other workers share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolgate.schemas.records import Visible
from toolgate.streams.ledger import rows
from toolgate.streams.ledger.accounts import BUCKETS_KEPT, Accounts, bucket, seen_key
from toolgate.streams.ledger.judging import Judging, begun
from toolgate.streams.ledger.store import Image, Mark, Pending, Store
from toolgate.streams.ports import (
    NOBODY,
    Ask,
    CodeMismatchError,
    Decision,
    Entry,
    LedgerError,
    Look,
    RejoinError,
    Reply,
    Reserved,
    Share,
    StaleControlError,
    Standing,
    TopicPartition,
    UnavailableError,
    UnverifiedError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class MemoryLedger(Judging):
    """A worker's ledger over a `Store`; implements `ports.Ledger`."""

    def __init__(self, store: Store, code: str = "memory") -> None:
        self._store = store
        self.code = code
        self._gen = ""
        self._answer: Reply | LedgerError = UnavailableError("nothing was asked")

    @property
    def _image(self) -> Image:
        return self._store.image

    @property
    def _books(self) -> Image:
        return self._store.image

    def standing(self) -> Standing:
        """See `ports.Ledger`."""
        image = self._image
        self._gen = image.gen
        return Standing(image.gen, image.code, image.ctl, image.seq, image.rec, image.beat)

    def _script(self) -> None:
        if (self._gen, self.code) not in self._store.scripts:
            raise UnverifiedError("the store does not know the scripts of this generation")
        self._verified()

    def _verified(self) -> None:
        if not self._gen or self._image.gen != self._gen:
            raise UnverifiedError(f"the ledger is of generation {self._image.gen!r}, not {self._gen!r}")

    def owner(self, tp: TopicPartition) -> tuple[int, int]:
        """See `ports.Ledger`."""
        mark = self._image.marks.get(tp) or Mark()
        return mark.slot, mark.epoch

    def take(self, tp: TopicPartition, slot: int, expected: tuple[int, int]) -> int:
        """See `ports.Ledger`."""
        self._script()
        mark = self._image.marks.setdefault(tp, Mark())
        if (mark.slot, mark.epoch) != expected:
            raise RejoinError(f"{tp} was taken by slot {mark.slot} meanwhile")
        mark.slot, mark.epoch = slot, mark.epoch + 1
        return mark.epoch

    def decided(self, tp: TopicPartition) -> int:
        """See `ports.Ledger`."""
        self._script()
        return self._image.marks[tp].next or 0

    def release(self, tp: TopicPartition, slot: int, epoch: int) -> None:
        """See `ports.Ledger`."""
        self._script()
        mark = self._image.marks.setdefault(tp, Mark())
        if (mark.slot, mark.epoch) == (slot, epoch):
            mark.slot = NOBODY

    # --- decide ---

    def send(self, ctl: int, shares: Sequence[Share]) -> None:
        """See `ports.Ledger`. Decides at once."""
        try:
            self._answer = self.decide(ctl, shares)
        except LedgerError as error:
            self._answer = error

    def receive(self) -> Reply:
        """See `ports.Ledger`."""
        answer, self._answer = self._answer, UnavailableError("nothing was asked")
        if isinstance(answer, LedgerError):
            raise answer
        return answer

    def decide(self, ctl: int, shares: Sequence[Share]) -> Reply:
        """`send` and `receive` in one."""
        self._script()
        image = self._image
        if image.ctl != ctl:
            raise StaleControlError(image.ctl)
        for share in shares:
            self._check(share)
        for share in shares:
            self._drop(share)
        stable = self._stable()
        image.pending = [p for p in image.pending if not p.carrier or p.carrier > stable]
        decisions = tuple(tuple(self._one(share, ask) for ask in share.asks) for share in shares)
        for share in shares:
            mark = image.marks[share.topic, share.partition]
            mark.next = max(mark.next or 0, share.next)
        self._forget()
        return Reply(self._gen, self._stable(), decisions)

    def _check(self, share: Share) -> None:
        tp = (share.topic, share.partition)
        mark = self._image.marks.get(tp) or Mark()
        if mark.epoch != share.epoch:
            raise RejoinError(f"FENCED: {tp} is at epoch {mark.epoch}, not {share.epoch}")
        if mark.next is None or mark.next < share.expect:
            raise UnverifiedError(f"{tp}: decided up to {mark.next}, committed up to {share.expect}")
        if share.start > mark.next:
            raise RejoinError(f"GAP: {tp} starts at {share.start}, decided up to {mark.next}")
        for ask in share.asks:
            if ask.offset < mark.next and ask.offset not in mark.decided:
                raise UnverifiedError(f"{tp} has no decision at {ask.offset}")

    def _drop(self, share: Share) -> None:
        """Forget decisions that are committed; what they gave is available from now on."""
        tp = (share.topic, share.partition)
        mark = self._image.marks[tp]
        gave = False
        for offset in [o for o in mark.decided if o < share.expect]:
            del mark.decided[offset]
            gives = mark.gives.pop(offset, [])
            gave = gave or bool(gives)
            self._image.accounts.give(gives)
        if gave:
            self._image.pending.append(Pending(Visible(*tp, share.expect)))

    def _stable(self) -> int:
        """The smallest seq that may still be uncommitted, minus one, over every topic-partition of the ledger."""
        waiting = [d.seq for mark in self._image.marks.values() for d in mark.decided.values()]
        return min(waiting) - 1 if waiting else self._image.seq

    def _one(self, share: Share, ask: Ask) -> Decision:
        image = self._image
        mark = image.marks[share.topic, share.partition]
        stored = mark.decided.get(ask.offset)
        if stored is not None:
            return stored
        image.seq += 1
        image.clk = max(image.clk, ask.time_ms)
        for pending in image.pending:
            pending.carrier = pending.carrier or image.seq
        decision = begun(ask, image.seq, image.clk, image.ctl, tuple(p.visible for p in image.pending))
        decision, gives = self._judge(ask, decision)
        mark.decided[ask.offset] = decision
        if gives:
            mark.gives[ask.offset] = gives
        return decision

    def look(self, runs: Iterable[str], counters: Iterable[str]) -> Look:
        """See `ports.Ledger`."""
        self._script()
        return self._image.accounts.look(runs, counters, self._image.clk)

    # --- control ---

    def apply_control(self, offset: int, before: int) -> int:
        """See `ports.Ledger`."""
        self._script()
        image = self._image
        if offset in image.after:
            return image.after[offset]
        if image.ctl != before:
            raise StaleControlError(image.ctl)
        image.after[offset] = image.seq
        image.ctl = offset + 1
        return image.seq

    # --- recovery ---

    def claim(self, nonce: str, *, take_over_code: bool = False) -> None:
        """See `ports.Ledger`."""
        image = self._image
        if image.code and image.code != self.code and not take_over_code:
            raise CodeMismatchError(f"ledger runs code {image.code}, I am {self.code}")
        self._store.scripts.add((nonce, self.code))
        image.gen, image.rec = "", nonce

    def _recovering(self, nonce: str) -> Image:
        if (nonce, self.code) not in self._store.scripts or self._image.rec != nonce or self._image.gen:
            raise UnverifiedError("another recovery has claimed the ledger")
        self._image.beat += 1
        return self._image

    def beat(self, nonce: str) -> None:
        """See `ports.Ledger`."""
        self._recovering(nonce)

    def wipe(self, nonce: str) -> None:
        """See `ports.Ledger`."""
        self._recovering(nonce)
        self._store.image = Image(rec=nonce, beat=self._image.beat, code=self._image.code)

    def load(self, nonce: str, clk: int, accounts: Mapping[str, Any], reserved: Iterable[Reserved]) -> None:
        """See `ports.Ledger`."""
        image = self._recovering(nonce)
        image.clk = clk
        state = {"accounts": accounts, "reservations": rows.reservations(reserved)}
        image.accounts = Accounts.restore(state, clk)

    def apply(self, nonce: str, entries: Iterable[Entry]) -> None:
        """See `ports.Ledger`."""
        image = self._recovering(nonce)
        for entry in entries:
            image.clk = max(image.clk, entry.clk)
            image.accounts.give(self._execute(entry.ops, entry.clk))
            if entry.first:
                key = seen_key(entry.tenant, entry.intent_id)
                image.seen.setdefault(bucket(entry.clk), {})[key] = (entry.digest, entry.seq)

    def remember(self, nonce: str, ids: bytes) -> None:
        """See `ports.Ledger`."""
        image = self._recovering(nonce)
        for born, key, (digest, seq) in rows.parse_ids(ids):
            image.seen.setdefault(born, {})[key] = (digest, seq)

    def finish(
        self,
        nonce: str,
        seq: int,
        ctl: int,
        after: Mapping[int, int],
        next_offsets: Mapping[TopicPartition, int],
    ) -> None:
        """See `ports.Ledger`."""
        image = self._recovering(nonce)
        for tp, offset in next_offsets.items():
            image.marks[tp] = Mark(next=offset)
        image.after = dict(after)
        image.ctl, image.code, image.seq = ctl, self.code, seq
        self._forget()
        image.gen, image.rec = nonce, ""

    def dump(self) -> dict[str, Any]:
        """See `ports.Ledger`."""
        image = self._image
        oldest = bucket(image.clk) - BUCKETS_KEPT
        seen = {k: list(v) for b, ids in sorted(image.seen.items()) if b >= oldest for k, v in ids.items()}
        return {"clk": image.clk, **image.accounts.canonical(image.clk), "seen": dict(sorted(seen.items()))}
