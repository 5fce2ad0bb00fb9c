"""The book comes to what the gate's own fold of the audit comes to, whatever operations there are."""

from __future__ import annotations

from random import Random

import pytest
from written import EVENT

from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Op, Visible
from toolgate.streams.ledger.accounts import Money
from toolgate.streams.ledger.fold import Fold
from toolgate.verification.book import Book

KEEPS = (0, 50_000, 90_000_000)
WINDOWS = (0, 1_000, 3_600_000)
REMEMBERED_MS = 86_400_000  # a result that comes later finds no reservation
STEPS = (0, 1, 40, 900, 60_000, 7_200_000, 30_000_000)


class Operations:
    """Random operations, with settlements of reservations that they have made."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.open: dict[str, tuple] = {}
        self.made = 0

    def some(self, clk: int) -> tuple[Op, ...]:
        """Those of one event."""
        kinds = ("reserve", "settle", "spend", "rate", "window", "count", "own", "remember")
        chosen = self.random.choices(kinds, k=self.random.randrange(4))
        return tuple(op for kind in chosen if (op := getattr(self, f"_{kind}")(clk)))

    def _name(self) -> str:
        return self.random.choice(("a", "b", "run:r:c"))

    def _reserve(self, clk: int) -> Op:
        r, name = self.random, f"0-{self.made}"
        self.made += 1
        parts = tuple(
            (account, "calls", r.randrange(9), 99, r.choice(("spend", "release")), r.choice(KEEPS))
            for account in r.sample(("a", "b", "c"), r.randrange(4))
        )
        sets = tuple(
            (key, r.choice(WINDOWS), r.choice(KEEPS)) for key in r.sample(("s", "t"), r.randrange(3))
        )
        self.open[name] = (clk + r.choice((500, 900_000)), parts)
        return Op("reserve", (name, self.open[name][0], "d", "pay", parts, sets))

    def _settle(self, clk: int) -> Op | None:
        self.open = {name: row for name, row in self.open.items() if row[0] > clk - REMEMBERED_MS}
        if not self.open:
            return None
        name = self.random.choice(list(self.open))
        expires_at, parts = self.open.pop(name)
        rows = tuple(self._row(part, alive=expires_at > clk) for part in parts)
        records = tuple(self.random.sample("xyz", self.random.randrange(3)))
        return Op("settle", (name, "settled", rows, records))

    def _row(self, part: tuple, *, alive: bool) -> tuple[str, int, int, int]:
        account, _unit, amount, _max, on_expiry, _keep = part
        wants = self.random.randrange(12)
        if on_expiry == "release" and not alive:
            return self.random.choice(((account, wants, 0, 0), (account, 0, 0, wants)))
        spent = min(wants, amount)
        return account, spent, amount - spent, wants - spent

    def _spend(self, _clk: int) -> Op:
        r = self.random
        return Op("spend", (self._name(), r.randrange(9), r.choice((0, 0, 3, 2**53 - 1)), r.choice(KEEPS)))

    def _rate(self, _clk: int) -> Op:
        return Op("rate", (self._name(), self.random.randrange(10**7), self.random.choice(KEEPS)))

    def _window(self, _clk: int) -> Op:
        r = self.random
        records = tuple(r.sample("wxyz", r.randrange(1, 4)))
        return Op("window", (r.choice("st"), records, r.choice(WINDOWS), r.choice(KEEPS)))

    def _count(self, _clk: int) -> Op:
        return Op("count", (self._name(), self.random.randrange(1, 3), self.random.choice(KEEPS)))

    def _own(self, _clk: int) -> Op:
        return Op("own", (self._name(), "t/w/a", self.random.choice(KEEPS)))

    def _remember(self, clk: int) -> Op:
        r = self.random
        text = r.choice(("", "{}", "é" * 2_049, "x" * 4_096, "y" * r.randrange(4_000)))
        name = f"{r.choice('fgh')}{r.randrange(r.choice((3, 600)))}"
        return Op("remember", (self._name(), name, text, True, clk + r.choice((40_000, 172_800_000))))


@pytest.mark.parametrize("seed", range(12))
def test_the_book_is_the_fold(seed):
    """Accounts, reservations and ids after every event, and what is held before it, of all kinds."""
    operations, fold, book = Operations(seed), Fold(), Book()
    r, clk, offsets = operations.random, 1_772_323_200_000, [0, 0]
    for seq in range(1, 500):
        clk += r.choice(STEPS) if r.random() < 0.3 else 0
        partition = r.randrange(2)
        offsets[partition] += 1
        carried = Visible("results", r.randrange(2), r.randrange(max(offsets) + 2))
        event = changed(
            EVENT,
            seq=seq,
            gen=f"g{seq // r.choice((100, 400))}" if r.random() < 0.02 else "g",
            clk=clk,
            topic="results",
            partition=partition,
            offset=offsets[partition],
            visible=(carried,) if r.random() < 0.2 else (),
            intent_id=f"i{r.randrange(300)}",
            first=r.random() < 0.5,
            ops=operations.some(clk),
        )
        fold.see(event)
        book.arrive(event)
        for account in ("a", "b", "c"):
            money = fold.accounts.find(f"c:{account}", clk)
            held = money.used + money.freed - money.expired(clk) if isinstance(money, Money) else 0
            assert book.held(account) == held
        fold.add(event)
        book.apply(event)
        if not seq % 7:
            assert book.canonical() == fold.state()
