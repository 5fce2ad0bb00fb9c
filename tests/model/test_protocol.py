"""The protocol between ledger and log under crashes, lost answers, zombies, rebalances and returned stores.

The real loop, recovery and snapshots run over the memory log and ledger; every history must satisfy the checker.
Then each rule of the protocol is taken away in turn, and the same histories must show it.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest
import universe
from facts_mutants import FACTS_MUTANTS
from universe_policies import PROPOSING_FILES

from toolgate.processors.control_state import ControlState
from toolgate.processors.policy_store import PolicyStore
from toolgate.schemas.frozen import changed
from toolgate.streams.gate import deciding, loop, recovery, snapshots
from toolgate.streams.gate.deciding import Deciding
from toolgate.streams.gate.loop import OtherCodeError
from toolgate.streams.gate.recovery import History, LostInputError
from toolgate.streams.gate.snapshots import Snapshot, Snapshotter
from toolgate.streams.ledger import judging, taking
from toolgate.streams.ledger.accounts import HistoryError, Money, bucket
from toolgate.streams.ledger.fold import OrderError
from toolgate.streams.ledger.memory import MemoryLedger
from toolgate.streams.ledger.store import Image
from toolgate.streams.log.memory import MemoryLog
from toolgate.streams.ports import FatalError, UnavailableError, UnverifiedError

if TYPE_CHECKING:
    from collections.abc import Callable

SEEDS = 30


@pytest.mark.parametrize("block", range(4))
def test_every_history_holds(block: int) -> None:
    """Each input decided once, no cap passed, no kill forgotten, the ledger equal to the fold of the audit."""
    for seed in range(block * SEEDS, (block + 1) * SEEDS):
        assert universe.history(seed) == [], f"seed {seed}"


def test_every_history_with_holds_drafts_and_shadow_holds() -> None:
    """One hold or draft for each that was decided; shadow moves no account."""
    verdicts: set[str] = set()
    for seed in range(20):
        world = universe.Universe(seed, files=PROPOSING_FILES)
        world.live(1500)
        assert (world.rest(), world.violations()) == (True, []), f"seed {seed}"
        verdicts |= {f"{event.verdict} {event.would_have}".strip() for event in world.audit()}
    assert verdicts >= {"HOLD", "DRAFT", "RECORDED APPROVE", "RECORDED DENY"}


def test_a_long_recovery_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for a rebuild sees that it goes on: many workers do not claim it from each other for ever."""
    monkeypatch.setattr(recovery, "CHUNK", 1)
    monkeypatch.setattr(loop, "PATIENCE", 4)
    for seed in range(3):
        world = universe.Universe(seed)
        world.live(1500)
        world.store.restart()
        assert world.rest(3000)
        assert world.violations() == []


def test_several_workers_switch_the_scripts_together() -> None:
    """All of a new version's workers are told to take over: one rebuilds, the others join, and none goes back."""
    world = universe.Universe(3)
    world.live(600)
    assert world.rest()
    world.make_ledger = lambda: MemoryLedger(world.store, "newer")
    world.start(0)
    with pytest.raises(OtherCodeError):
        list(islice(world.running[0], 9))
    world.take_over_code = True
    for slot in range(3):
        world.start(slot)
    assert world.rest()
    assert world.violations() == []
    assert world.store.image.code == "newer"
    world.store.image.code = "newest"  # somebody takes it from us
    world.store.restart()
    for _ in range(20):
        world.intent()
    with pytest.raises(OtherCodeError):
        list(islice(world.running[0], 60))


def test_one_seed_gives_one_history() -> None:
    """The same seed makes the same audit, byte for byte: a failure can be repeated."""
    first, second = (universe.Universe(7) for _ in range(2))
    for one in (first, second):
        one.live(800)
    assert first.audit() == second.audit()


# --- mutants: one rule taken away each ---


def gives_at_once(patch: pytest.MonkeyPatch) -> None:
    """What a settlement frees is used before its record is committed."""

    def execute(self: MemoryLedger, ops: Any, clk: int) -> list[Any]:
        for op in ops:
            self._image.accounts.give(self._image.accounts.execute(op, clk))
        return []

    patch.setattr(MemoryLedger, "_execute", execute)


def visible_omitted(patch: pytest.MonkeyPatch) -> None:
    """No event says that freed room became available."""
    judge = MemoryLedger._judge
    patch.setattr(MemoryLedger, "_judge", lambda self, ask, d: judge(self, ask, changed(d, visible=())))


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


def ended_settled_again(patch: pytest.MonkeyPatch) -> None:
    """A second end of a reservation settles it again."""

    def settle(asked: Any, accounts: Any, clk: int) -> Any:
        found = accounts.reservation(asked.reservation_id, clk)
        if found is not None:
            found.end = ""
        return taking.settle(asked, accounts, clk)

    patch.setattr(judging, "settle", settle)


def duplicates_in_dd(patch: pytest.MonkeyPatch) -> None:
    """A duplicate replaces the first decision that it should name."""
    judge = MemoryLedger._judge

    def entering(self: MemoryLedger, ask: Any, decision: Any) -> Any:
        made, gives = judge(self, ask, decision)
        if made.verdict == "DUPLICATE":
            self._image.seen.setdefault(bucket(made.clk), {})[ask.intent_id] = (ask.digest, made.seq)
        return made, gives

    patch.setattr(MemoryLedger, "_judge", entering)


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
                finish(nonce, seq, max((e.ctl for e in history.events), default=0), after, nexts)

        return build(log, Forgetful(), *rest, **kw)

    patch.setattr("toolgate.streams.gate.loop.recover", recover)


def audit_merged(patch: pytest.MonkeyPatch) -> None:
    """A recovery folds the audit partition by partition instead of by seq."""
    read = History.read

    def unsorted(self: History) -> Any:
        yield from read(self)
        self.events.sort(key=lambda event: (event.partition, event.seq))

    patch.setattr(History, "read", unsorted)


def snapshot_by_offset(patch: pytest.MonkeyPatch) -> None:
    """A snapshot holds everything up to the audit's end, although a lower seq may be published later."""
    read = Snapshotter._read

    def all_stable(self: Snapshotter) -> Any:
        for event, at in read(self):
            yield changed(event, stable=event.seq), at

    patch.setattr(Snapshotter, "_read", all_stable)


def snapshot_of_live_ledger(patch: pytest.MonkeyPatch) -> None:
    """A snapshot is a dump of the store, with charges that may never commit."""

    def snapshot(self: universe.Universe) -> None:
        follower = Snapshotter(MemoryLog(self.broker, lambda _: None))
        real = follower.follow()
        dump = self.make_ledger().dump()
        fake = Snapshot(self.store.image.seq, dump, real.read_from, real.after, real.positions, real.next)
        for output in snapshots.outputs(fake):
            self.broker.append(output)

    patch.setattr(universe.Universe, "snapshot", snapshot)


def clock_runs_back(patch: pytest.MonkeyPatch) -> None:
    """The ledger's clock is the record's time, although partitions lag each other."""
    one = MemoryLedger._one

    def stepping(self: MemoryLedger, share: Any, ask: Any) -> Any:
        if ask.offset not in self._image.marks[share.topic, share.partition].decided:
            self._image.clk = ask.time_ms - self._image.seq % 2
        return one(self, share, ask)

    patch.setattr(MemoryLedger, "_one", stepping)


def post_state_folded(patch: pytest.MonkeyPatch) -> None:
    """A recovery takes balances for the truth: they name charges that may never have committed."""
    apply = MemoryLedger.apply

    def believing(self: MemoryLedger, nonce: str, events: Any) -> None:
        for event in events:
            apply(self, nonce, [event])
            for balance in event.balances:
                account = self._image.accounts.table.get(f"c:{balance.account}")
                if isinstance(account, Money):
                    account.used = balance.used

    patch.setattr(MemoryLedger, "apply", believing)


def no_offset_ledger(patch: pytest.MonkeyPatch) -> None:
    """A redelivered record is decided and charged again."""
    one = MemoryLedger._one

    def again(self: MemoryLedger, share: Any, ask: Any) -> Any:
        self._image.marks[share.topic, share.partition].decided.pop(ask.offset, None)
        return one(self, share, ask)

    patch.setattr(MemoryLedger, "_one", again)


def control_not_compared(patch: pytest.MonkeyPatch) -> None:
    """A batch judged before a kill is decided after it."""
    decide = MemoryLedger.decide
    patch.setattr(MemoryLedger, "decide", lambda self, _ctl, shares: decide(self, self._image.ctl, shares))


def not_older_than_committed(patch: pytest.MonkeyPatch) -> None:
    """Nobody compares the ledger's marks with what is committed, and scripts come back by themselves."""
    scripts_reloaded(patch)
    check = MemoryLedger._check
    patch.setattr(MemoryLedger, "_check", lambda self, share: check(self, changed(share, expect=0, start=0)))


def commit_outcome_guessed(patch: pytest.MonkeyPatch) -> None:
    """A commit whose outcome is unknown counts as done."""
    commit = MemoryLog.commit

    def hopeful(self: MemoryLog, *rest: Any) -> Any:
        try:
            yield from commit(self, *rest)
        except FatalError:
            return

    patch.setattr(MemoryLog, "commit", hopeful)


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


def older_sets_count(patch: pytest.MonkeyPatch) -> None:
    """An activation counts whatever it follows on."""
    patch.setattr(ControlState, "stale", lambda _self, _word: "")


def sets_that_come_later_count(patch: pytest.MonkeyPatch) -> None:
    """An activation counts as soon as its set is there, for whoever reads it then."""
    files = PolicyStore.files
    patch.setattr(PolicyStore, "files", lambda self, name, _below=None: files(self, name))


# A mutant that needs much of something shows itself sooner where there is much of it.
OFTEN: dict[str, dict[str, float]] = {
    "ended_settled_again": {"result": 0.15}, "commit_outcome_guessed": {"timeout": 0.03, "intent": 0.2},
    **{mutant.__name__: {"result": 0.12} for mutant in FACTS_MUTANTS},
    "facts_of_what_ended_before": {"result": 0.25, "intent": 0.25, "fault": 0.002},
    **dict.fromkeys(("older_sets_count", "sets_that_come_later_count", "control_not_compared"), {"control": 0.05}),  # noqa: RUF024
}  # fmt: skip
MUTANTS: tuple[Callable[[pytest.MonkeyPatch], None], ...] = (
    gives_at_once, visible_omitted, stable_of_own_partitions, ended_settled_again,
    duplicates_in_dd, dd_from_snapshot_on, scripts_reloaded, no_generation, claim_keeps_generation,
    any_claimer_goes_on, nobody_fenced, own_slot_fenced, control_as_committed, audit_merged,
    snapshot_by_offset, snapshot_of_live_ledger, clock_runs_back, post_state_folded, no_offset_ledger,
    control_not_compared, not_older_than_committed, commit_outcome_guessed,
    parts_without_the_rest, older_sets_count, sets_that_come_later_count, *FACTS_MUTANTS,
)  # fmt: skip


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_history_shows_that_the_rule_is_missing(
    mutant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the rule, one of the seeds ends in a violation or in no rest; another error is the mutant's own."""
    mutant(monkeypatch)
    rates = OFTEN.get(mutant.__name__, {})
    assert any(shows(seed, rates) for seed in range(200)), f"no history shows it: {mutant.__doc__}"


def shows(seed: int, rates: dict[str, float]) -> bool:
    """Whether the seed's history is wrong in any way."""
    world = universe.Universe(seed)
    try:
        world.live(1500, rates)
        return not world.rest(1500) or bool(world.violations())
    except (OrderError, HistoryError, LostInputError):  # a recovery or a snapshot finds it first
        return True
