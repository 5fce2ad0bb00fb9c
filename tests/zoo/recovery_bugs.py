"""Bugs of recovery and snapshots: a ledger rebuilt from something else than the committed log."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import universe
from bug import in_histories, in_tests

from toolgate.schemas.frozen import changed, frozen
from toolgate.streams.gate import loop, recovery, segments, snapshots
from toolgate.streams.gate.recovery import History
from toolgate.streams.gate.snapshotter import Snapshotter
from toolgate.streams.ledger.accounts import Money
from toolgate.streams.ledger.memory import MemoryLedger
from toolgate.streams.ledger.rows import reserved
from toolgate.streams.ledger.store import Image
from toolgate.streams.log.memory import MemoryLog
from toolgate.streams.ports import Entry, UnverifiedError

if TYPE_CHECKING:
    import pytest


def dd_from_snapshot_on(patch: pytest.MonkeyPatch) -> None:
    """Ids seen before the snapshot are forgotten by a recovery."""
    patch.setattr(MemoryLedger, "remember", lambda *_: None)


def scripts_reloaded(patch: pytest.MonkeyPatch) -> None:
    """A store that does not know the scripts is given them again, instead of being rebuilt."""
    patch.setattr(MemoryLedger, "_script", MemoryLedger._verified)


def no_generation(patch: pytest.MonkeyPatch) -> None:
    """Every rebuilt ledger has the same generation: scripts known before a return are known after it."""
    claim = MemoryLedger.claim
    patch.setattr(MemoryLedger, "claim", lambda self, _n, **kw: claim(self, "n", **kw))
    patch.setattr(
        MemoryLedger, "_recovering", lambda self, _n: self._image if self._image.rec == "n" else _raise()
    )
    finish = MemoryLedger.finish
    patch.setattr(MemoryLedger, "finish", lambda self, _n, *rest: finish(self, "n", *rest))
    wipe = MemoryLedger.wipe
    patch.setattr(MemoryLedger, "wipe", lambda self, _n: wipe(self, "n"))


def _raise() -> Image:
    raise UnverifiedError("claimed by another")


def claim_keeps_generation(patch: pytest.MonkeyPatch) -> None:
    """A recovery begins while the others still decide."""

    def claim(self: MemoryLedger, nonce: str, *, take_over_code: bool = False) -> None:
        self._store.scripts.add((nonce, self.code))
        self._image.rec = nonce

    patch.setattr(MemoryLedger, "claim", claim)
    patch.setattr(MemoryLedger, "_recovering", lambda self, _nonce: self._image)

    def wipe(self: MemoryLedger, nonce: str) -> None:
        self._store.image = Image(gen=self._image.gen, rec=nonce, code=self._image.code)

    patch.setattr(MemoryLedger, "wipe", wipe)


def any_claimer_goes_on(patch: pytest.MonkeyPatch) -> None:
    """A recovery that another has overtaken goes on writing."""
    patch.setattr(MemoryLedger, "_recovering", lambda self, _nonce: self._image)


def nobody_fenced(patch: pytest.MonkeyPatch) -> None:
    """A recovery reads the log while old decisions may still be published."""
    patch.setattr(MemoryLog, "fence", lambda *_: None)


def own_slot_fenced(patch: pytest.MonkeyPatch) -> None:
    """A recovery fences one slot only."""
    fence = MemoryLog.fence
    patch.setattr(MemoryLog, "fence", lambda self, slots: fence(self, list(slots)[:1]))


def control_as_committed(patch: pytest.MonkeyPatch) -> None:
    """A recovery takes control from what decisions show: an applied kill without decisions is forgotten."""
    build = recovery.recover

    def recover(log: Any, ledger: Any, *rest: Any, **kw: Any) -> Any:
        finish = ledger.finish

        class Forgetful:
            def __getattr__(self, name: str) -> Any:
                return getattr(ledger, name)

            def finish(self, nonce: str, seq: int, _ctl: int, after: Any, nexts: Any) -> None:
                history = History(log, list(nexts))
                list(history.read())
                shown = [entry.ctl for entries in history.entries() for entry in entries]
                finish(nonce, seq, max(shown, default=0), after, nexts)

        return build(log, Forgetful(), *rest, **kw)

    patch.setattr(loop, "recover", recover)


def audit_merged(patch: pytest.MonkeyPatch) -> None:
    """A recovery folds the audit partition by partition instead of by seq."""
    entries = History.entries

    def unsorted(self: History) -> Any:
        yield sorted(chain.from_iterable(entries(self)), key=lambda entry: (entry.partition, entry.seq))

    patch.setattr(History, "entries", unsorted)


def snapshot_by_offset(patch: pytest.MonkeyPatch) -> None:
    """A snapshot holds everything up to the audit's end, although a lower seq may be published later."""
    read = Snapshotter._read

    def all_stable(self: Snapshotter) -> Any:
        for stable in read(self):
            yield max([stable, *(one.seq for one in self._waiting)])

    patch.setattr(Snapshotter, "_read", all_stable)


def snapshot_of_live_ledger(patch: pytest.MonkeyPatch) -> None:
    """A snapshot is a dump of the store, with charges that may never commit."""

    def snapshot(self: universe.Universe) -> None:
        follower = Snapshotter(MemoryLog(self.broker, lambda _: None))
        real = follower.follow()
        dump = self.make_ledger().dump()
        held = list(reserved(dump["reservations"].items(), dump["clk"], snapshots.PART_BYTES))
        seq = self.store.image.seq
        fake = replace(real, seq=seq, clk=dump["clk"], accounts=dump["accounts"], reserved=held)
        for output in snapshots.outputs(fake):
            self.broker.append(output)

    patch.setattr(universe.Universe, "snapshot", snapshot)


def post_state_folded(patch: pytest.MonkeyPatch) -> None:
    """A recovery takes balances for the truth: they name charges that may never have committed."""
    apply = MemoryLedger.apply
    hints = {**Entry.__annotations__, "balances": Any}
    patch.setattr(recovery, "Entry", frozen(type("Entry", (), {"__annotations__": hints})))

    def believing(self: MemoryLedger, nonce: str, entries: Any) -> None:
        for entry in entries:
            apply(self, nonce, [entry])
            for balance in entry.balances:
                account = self._image.accounts.table.get(f"c:{balance.account}")
                if isinstance(account, Money):
                    account.used = balance.used

    patch.setattr(MemoryLedger, "apply", believing)


def not_older_than_committed(patch: pytest.MonkeyPatch) -> None:
    """Nobody compares the ledger's marks with what is committed, and scripts come back by themselves."""
    scripts_reloaded(patch)
    check = MemoryLedger._check
    patch.setattr(MemoryLedger, "_check", lambda self, share: check(self, changed(share, expect=0, start=0)))


def applied_as_read(patch: pytest.MonkeyPatch) -> None:
    """A recovery applies what it has read so far, although a lower seq may lie in a partition that is read later."""
    following = History._next
    patch.setattr(History, "_next", lambda self, _settled: following(self, None))


def chain_believed(patch: pytest.MonkeyPatch) -> None:
    """Segments of ids count for what is there of them, whatever is lost."""
    patch.setattr(
        segments, "_walked", lambda written, *_: [part for values in written.values() for part in values[1:]]
    )


BUGS = (
    *in_histories(
        dd_from_snapshot_on, no_generation, claim_keeps_generation, any_claimer_goes_on, control_as_committed,
        audit_merged, snapshot_by_offset, snapshot_of_live_ledger, post_state_folded, not_older_than_committed,
    ),
    *in_histories(scripts_reloaded, first=12, older=0.01, backup=0.03),
    *in_histories(nobody_fenced, first=3, restart=0.012, fault=0.004),
    *in_histories(own_slot_fenced, first=24, restart=0.012, fault=0.004),
    in_tests(applied_as_read, "model/test_rebuild.py::test_the_audit_is_applied_in_order_while_it_is_read"),
    in_tests(chain_believed, "unit/streams/gate/test_segments.py::test_a_chain_that_is_not_whole_is_not_taken"),
)  # fmt: skip
