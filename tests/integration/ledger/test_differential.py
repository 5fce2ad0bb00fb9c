"""The Redis ledger and the memory ledger answer every sequence of calls alike, to the integer."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolgate.processors.claims import (
    ENDED,
    RELEASED,
    UNKNOWN,
    Charge,
    Claim,
    Count,
    Deadline,
    Distinct,
    Forbid,
    Label,
    Own,
    Rate,
    Remember,
    Require,
    Reserve,
    Settle,
    Spend,
)
from toolgate.streams.ledger.memory import MemoryLedger
from toolgate.streams.ledger.redis import RedisLedger, connect
from toolgate.streams.ledger.store import Store
from toolgate.streams.ports import Ask, Share, StaleControlError

if TYPE_CHECKING:
    from toolgate.streams.local import Stack

pytestmark = pytest.mark.real

T0 = 1_772_323_200_000  # 2026-03-01T00:00Z: still February in New York
HOUR = 3_600_000
MONEY = Label("BUDGET_EXCEEDED", "budgets[0]", "run", "usd_micros")
CALLS = Label("BUDGET_EXCEEDED", "budgets[1]", "run", "calls")
SCOPES = ("run:a", "run:b", "tenant:t")
JUMPS = (0, 0, 0, 0, 10, 500, 61_000, HOUR)
LEAPS = (7 * HOUR, 23 * HOUR, 60 * HOUR)
COVERED: Counter[str] = Counter()


class Maker:
    """Random claims, asks and steps of one seed; sizes are chosen so that most limits are near."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def charge(self, scope: str, what: str) -> Charge:
        """A money charge in one of four windows, or a releasable charge of calls."""
        r = self.random
        keep = 0 if scope.startswith("tenant") else 50 * HOUR
        if what == "calls":
            return Charge(f"{scope}:calls", r.randint(1, 3), 9, CALLS, "", "release", keep)
        window = r.choice(("", "hour:UTC", "day:Europe/Berlin", "month:America/New_York", "day:Asia/Kolkata"))
        return Charge(f"{scope}:usd", r.randint(0, 5), r.choice((12, 20)), MONEY, window, "spend", keep)

    def other(self) -> Claim:
        """Any claim but a charge."""
        r, scope = self.random, self.random.choice(SCOPES)
        records = tuple(r.sample("uvwxyz", r.randint(0, 2)))
        keep = 50 * HOUR if scope.startswith("run") else 0
        return r.choice(
            (
                Spend(
                    f"{scope}:usd",
                    r.choice((0, 2, 4, 2**53 - 1)),
                    12,
                    MONEY,
                    "",
                    r.choice(("", "run:a:latched")),
                ),
                Rate(scope, r.choice((1_000_000, 60_000_000)), r.choice((0, 90_000_000)), MONEY, keep),
                Distinct(f"{scope}/1h", records, 4, MONEY, HOUR, keep),
                Distinct(f"{scope}/all", records, 5, MONEY, 0, keep, r.random() < 0.5),
                Count(scope, r.randint(1, 2), r.choice((None, 30)), MONEY, keep),
                Require(scope, r.randint(0, 2), MONEY),
                Forbid(scope, r.randint(6, 40), MONEY),
                Own(r.choice("ab"), r.choice(("t/w/1",) * 9 + ("t/w/2",)), MONEY, touch=r.random() < 0.7),
                Deadline(T0 + r.choice((HOUR, 900 * HOUR)), MONEY),
                self.fact(),
            )
        )

    def fact(self) -> Remember:
        """Something to remember, or to forget; now and then as much as a run may keep, or more."""
        r = self.random
        size = r.choice((0, 1, 30, 4_097, *(4_096,) * 6))
        text = "\u00e9" * (size // 2) if r.random() < 0.3 else "x" * size
        name, must = f"f{r.randint(0, 25)}", r.random() < 0.3
        return Remember(r.choice("ab"), name, text, r.random() < 0.5, must=must)

    def ask(self, offset: int, time_ms: int, reservation: str) -> Ask:
        """An intent's ask; at most one charge an account, as the policy loader guarantees."""
        r = self.random
        accounts = r.sample([(scope, what) for scope in SCOPES for what in ("usd", "calls")], r.randint(0, 3))
        taken = [self.charge(*account) for account in accounts]
        digest = r.choice(("d1", "d1", "d1", "d2"))
        return Ask(
            offset=offset,
            time_ms=time_ms,
            verdict=r.choice(("APPROVE",) * 8 + ("DENY", "QUARANTINE", "HOLD", "DRAFT", "RECORDED")),
            intent_id=r.choice(("", *(f"i{n}" for n in range(400)))),
            digest=digest,
            policy_digest="p",
            dry_run=r.random() < 0.05,
            claims=(*taken, *(self.other() for _ in range(r.randint(0, 2)))),
            always=(Rate("run:a/try", 1_000_000, 20_000_000, MONEY),) if r.random() < 0.3 else (),
            on_deny=(Count("run:a:denials", 1, None, MONEY),) if r.random() < 0.5 else (),
            reserve=Reserve(reservation, r.choice((60_000, 900_000)), "d1", "tool"),
            given=r.choice(("", "", f"g{offset}")),
        )

    def settle(self, offset: int, time_ms: int, made: int) -> Ask:
        """A result for one of the last reservations, right most of the time."""
        r = self.random
        huge = (("usd_micros", 2**53 - 1), ("calls", 2**53 - 1))
        actuals = ((), (("usd_micros", 2),), (("usd_micros", 9), ("calls", 1)), (("calls", 0),), huge)
        which, digest = str(made - r.randint(0, 9)), r.choice(("d1",) * 9 + ("d9",))
        touched = tuple(r.sample("uvwxyz", r.choice((0, 0, 1, 2))))
        says = r.choice((ENDED, ENDED, ENDED, UNKNOWN, RELEASED))
        settle = Settle(which, digest, "tool", r.random() < 0.2, r.choice(actuals), touched, says)
        told = tuple(self.fact() for _ in range(r.choice((0, 0, 1, 9))))
        counted = (Count("run:a:landed", 1, None, MONEY),) if told else ()
        return Ask(offset, time_ms, "RECORDED", settle=settle, claims=told + counted)


class Pair:
    """Both ledgers, driven by the same calls as a worker with three topic-partitions would."""

    def __init__(self, url: str, seed: int) -> None:
        connect(url).flushdb()
        self.both: tuple[Any, Any] = (RedisLedger(url, "d"), MemoryLedger(Store()))
        self.tps = [("intents", 0), ("intents", 1), ("results", 0)]
        for ledger in self.both:
            ledger.standing()
            ledger.claim("n1")
            ledger.wipe("n1")
            ledger.finish("n1", 0, 0, {}, dict.fromkeys(self.tps, 0))
            ledger.standing()
            for tp in self.tps:
                ledger.take(tp, 0, ledger.owner(tp))
        self.random = Random(seed)
        self.maker = Maker(self.random)
        self.committed = dict.fromkeys(self.tps, 0)
        self.log: dict[tuple[str, int], list[Ask]] = {tp: [] for tp in self.tps}
        self.time, self.ctl, self.made = T0 - 5000, 0, 0

    def call(self, starts: dict[tuple[str, int], int]) -> None:
        """One decide call that covers each topic-partition from its start."""
        shares = [
            Share(
                *tp, 1, self.committed[tp], starts[tp], len(self.log[tp]), tuple(self.log[tp][starts[tp] :])
            )
            for tp in self.tps
        ]
        real, memory = (ledger.decide(self.ctl, shares) for ledger in self.both)
        for ours, theirs in zip(real.decisions, memory.decisions, strict=True):
            for one, other in zip(ours, theirs, strict=True):
                assert one == other
        assert real == memory
        keys = ("run:a:landed", "run:b", "run:c", "tenant:t")
        looks = [ledger.look(("a", "b", "c"), keys) for ledger in self.both]
        assert looks[0] == looks[1]
        COVERED["full"] += any(sum(map(len, texts.values())) > 40_000 for texts in looks[0].facts.values())
        for decision in (d for share in real.decisions for d in share):
            COVERED[decision.verdict] += 1
            COVERED[f"note {decision.note}"] += 1
            COVERED["visible"] += bool(decision.visible)
            COVERED["conflict"] += decision.conflict
            COVERED.update(op.op for op in decision.ops)

    def batch(self) -> None:
        """New records in every topic-partition, decided in one call."""
        starts = {tp: len(self.log[tp]) for tp in self.tps}
        for _ in range(self.random.randint(1, 12)):
            self.time += self.random.choice(JUMPS if self.random.random() < 0.98 else LEAPS)
            tp = self.random.choice(self.tps)
            offset, late = len(self.log[tp]), self.random.choice((0, 0, 2000))
            if tp[0] == "results":
                self.log[tp].append(self.maker.settle(offset, self.time - late, self.made))
            else:
                self.made += 1
                self.log[tp].append(self.maker.ask(offset, self.time - late, str(self.made)))
        self.call(starts)

    def step(self) -> None:
        """One random step: a batch, a commit, a redelivery or a control record."""
        match self.random.choice(("batch",) * 5 + ("commit",) * 3 + ("again", "control")):
            case "batch":
                self.batch()
            case "commit":
                for tp in self.tps:
                    self.committed[tp] = max(
                        self.committed[tp], len(self.log[tp]) - self.random.randint(0, 2)
                    )
                self.call({tp: len(self.log[tp]) for tp in self.tps})
            case "again":
                back = self.random.randint(0, 5)
                self.call({tp: max(self.committed[tp], len(self.log[tp]) - back) for tp in self.tps})
            case _:
                with pytest.raises(StaleControlError):
                    self.both[0].apply_control(self.ctl + 7, self.ctl + 5)
                assert len({ledger.apply_control(self.ctl + 2, self.ctl) for ledger in self.both}) == 1
                self.ctl += 3


@given(st.integers(0, 2**32))
@settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
def test_both_ledgers_answer_alike(stack: Stack, seed: int) -> None:
    """Equal verdicts, levels, ops, post-states and stored decisions at every call, and an equal state at the end."""
    pair = Pair(stack.redis_url, seed)
    for _ in range(80):
        pair.step()
    real, memory = (ledger.dump() for ledger in pair.both)
    assert real == memory
    pair.both[0].close()


def test_the_sequences_reached_every_verdict_note_and_op() -> None:
    """The differential test above is worth what it reaches: every kind of answer occurred, and often."""
    wanted = (
        "APPROVE DENY QUARANTINE HOLD DRAFT RECORDED DUPLICATE reserve settle spend rate window count own remember "
        "full visible conflict note|settled note|void note|late note|uncovered note|unknown note|ended note|mismatch"
    )
    rare = {name: COVERED[name.replace("|", " ")] for name in wanted.split()}
    assert {name: count for name, count in rare.items() if count < 10} == {}
