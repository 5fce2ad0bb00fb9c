"""The book: accounts as the operations of the audit alone give them.

Written for reading, and on its own: the gate's ledgers must come to the same without this module knowing how they do.
Expiry, windows and forgetting are rules on the clock of the events; operations never speak of them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toolgate.schemas.records import AuditEvent, Op

BUCKET_MS = 21_600_000  # ids and reservations are remembered in buckets of six hours,
BUCKETS_BEFORE = 4  # the current one and four before it
_COUNTED_MAX = 2**53 - 1  # what went past reservations is counted up to here
_TEXTS_MAX, _TEXT_BYTES_MAX, _ALL_BYTES_MAX = 512, 4_096, 65_536  # of what one run remembers


@dataclass(slots=True)
class Money:
    """`used` is reserved or spent; `freed` is given back and not available yet; `parts` expire."""

    at: int
    keep: int
    used: int = 0
    freed: int = 0
    uncovered: int = 0
    parts: dict[str, tuple[int, int]] = field(default_factory=dict)  # reservation -> expiry, amount

    def held(self, clk: int) -> int:
        """What nobody else may have at `clk`."""
        held = self.used + self.freed
        if self.parts:
            held -= sum(amount for expiry, amount in self.parts.values() if expiry <= clk)
        return held

    def release(self, clk: int) -> None:
        """Let go of what has expired."""
        for name in [name for name, (expiry, _) in self.parts.items() if expiry <= clk]:
            self.used -= self.parts.pop(name)[1]


@dataclass(slots=True)
class Rate:
    """The theoretical arrival time of a rate, in microseconds."""

    at: int
    keep: int
    arrival_us: int = 0


@dataclass(slots=True)
class Count:
    """How often something has happened."""

    at: int
    keep: int
    n: int = 0


@dataclass(slots=True)
class Touched:
    """A sliding set: when each record was touched last."""

    at: int
    keep: int
    window_ms: int = 0
    last: dict[str, int] = field(default_factory=dict)

    def within(self, clk: int) -> dict[str, int]:
        """What is in the window."""
        if not self.window_ms:
            return self.last
        return {record: at for record, at in self.last.items() if at > clk - self.window_ms}


@dataclass(slots=True)
class Owner:
    """Whose a run is."""

    at: int
    keep: int
    name: str = ""


@dataclass(slots=True)
class Memory:
    """What a run remembers."""

    at: int
    keep: int
    texts: dict[str, str] = field(default_factory=dict)

    def put(self, name: str, text: str) -> None:
        """Keep a text in place of the one of its name; one too many, or too large, is not kept."""
        self.texts.pop(name, None)
        size = sum(len(part.encode()) for pair in self.texts.items() for part in pair)
        fits = len(text.encode()) <= _TEXT_BYTES_MAX and len(self.texts) < _TEXTS_MAX
        if text and fits and size + len(name.encode()) + len(text.encode()) <= _ALL_BYTES_MAX:
            self.texts[name] = text


@dataclass(slots=True)
class Reservation:
    """What an approval holds until a result ends it; `parts` and `sets` as the operation has them."""

    born: int
    expires_at: int
    digest: str
    tool: str
    parts: tuple[tuple[str, str, int, int, str, int], ...]  # account, unit, amount, max, on_expiry, keep
    sets: tuple[tuple[str, int, int], ...]  # key, window, keep
    end: str = ""


Account = Money | Rate | Count | Touched | Owner | Memory


class Book:
    """All accounts after the events so far. Names carry their kind, as in the ledger: c, g, n, w, r, f."""

    def __init__(self) -> None:
        self.clk = 0
        self.accounts: dict[str, Account] = {}
        self.reservations: dict[str, Reservation] = {}
        self.firsts: dict[str, tuple[str, int, int]] = {}  # tenant/id -> digest, seq, bucket
        self._gen = ""
        self._freed: dict[tuple[str, int], list[tuple[int, str, int]]] = defaultdict(list)

    def arrive(self, event: AuditEvent) -> None:
        """The clock moves on, and what the event says has become available is. Call before looking at accounts."""
        before, self.clk = self.clk, max(self.clk, event.clk)
        if before // BUCKET_MS != self.clk // BUCKET_MS:
            self._forget()
        if (
            event.gen != self._gen
        ):  # a rebuilt ledger is made of committed records: all that they freed is there
            self._gen = event.gen
            for source in self._freed:
                self._available(source, None)
        for visible in event.visible:
            self._available((visible.topic, visible.partition), visible.offset)

    def apply(self, event: AuditEvent) -> None:
        """What the event's operations do."""
        for op in event.ops:
            self._do(op, event)
        if event.first:
            key = f"{event.tenant}/{event.intent_id}"
            self.firsts[key] = (event.digest, event.seq, event.clk // BUCKET_MS)

    def first(self, event: AuditEvent) -> tuple[str, int, int] | None:
        """Digest, seq and bucket of the first decision on the event's id, while it is remembered."""
        found = self.firsts.get(f"{event.tenant}/{event.intent_id}")
        return found if found is not None and self._remembered(found[2]) else None

    def find(self, name: str) -> Account | None:
        """An account that has been touched within the time that it is kept."""
        account = self.accounts.get(name)
        if account is None or (account.keep and account.at + account.keep <= self.clk):
            return None
        return account

    def held(self, account: str) -> int:
        """What is held of a money account."""
        money = self.find(f"c:{account}")
        return money.held(self.clk) if isinstance(money, Money) else 0

    def count(self, key: str) -> int:
        """Where a counter stands."""
        count = self.find(f"n:{key}")
        return count.n if isinstance(count, Count) else 0

    def canonical(self) -> dict[str, Any]:
        """What the ledger holds when everything is committed, in the form of its own dump."""
        accounts = {name: self._row(account) for name in self.accounts if (account := self.find(name))}
        reservations = {
            name: [r.born, r.expires_at, r.digest, r.tool, _lists(r.parts), r.end, _lists(r.sets)]
            for name, r in self.reservations.items()
            if self._remembered(r.born)
        }
        seen = {
            key: [digest, seq] for key, (digest, seq, born) in self.firsts.items() if self._remembered(born)
        }
        return {"clk": self.clk, "accounts": accounts, "reservations": reservations, "seen": seen}

    def _remembered(self, bucket: int) -> bool:
        return bucket >= self.clk // BUCKET_MS - BUCKETS_BEFORE

    def _forget(self) -> None:
        self.firsts = {key: row for key, row in self.firsts.items() if self._remembered(row[2])}
        self.reservations = {k: r for k, r in self.reservations.items() if self._remembered(r.born)}
        self.accounts = {name: account for name in self.accounts if (account := self.find(name))}

    def _available(self, source: tuple[str, int], below: int | None) -> None:
        waiting = self._freed[source]
        if not waiting:
            return
        left = []
        for offset, account, amount in waiting:
            if below is not None and offset >= below:
                left.append((offset, account, amount))
            elif isinstance(money := self.accounts.get(f"c:{account}"), Money):
                money.freed = max(0, money.freed - amount)
        self._freed[source] = left

    def _touch(self, name: str, kind: type[Account], keep: int) -> Any:
        clk = self.clk
        account = self.accounts.get(name)
        if account is None or (account.keep and account.at + account.keep <= clk):
            account = self.accounts[name] = kind(clk, keep)
        else:
            account.at, account.keep = clk, keep
        return account

    def _do(self, op: Op, event: AuditEvent) -> None:
        args = op.args
        match op.op:
            case "rate":
                key, increment_us, keep = args
                rate = self._touch("g:" + key, Rate, keep)
                arrival_us, now_us = rate.arrival_us, self.clk * 1000
                rate.arrival_us = (max(now_us, arrival_us)) + increment_us
            case "count":
                key, n, keep = args
                self._touch("n:" + key, Count, keep).n += n
            case "own":
                run, owner, keep = args
                found = self._touch("r:" + run, Owner, keep)
                found.name = found.name or owner
            case "reserve":
                self._reserve(*args)
            case "settle":
                self._settle(event, *args)
            case "spend":
                account, spent, uncovered, keep = args
                self._spend(self._touch(f"c:{account}", Money, keep), spent, uncovered)
            case "window":
                self._window(*args)
            case "remember":
                run, name, text, _trusted, expires_at = args
                self._touch(f"f:{run}", Memory, expires_at - self.clk).put(name, text)

    def _spend(self, money: Money, spent: int, uncovered: int) -> None:
        money.used += spent
        money.uncovered = min(_COUNTED_MAX, money.uncovered + uncovered)

    def _reserve(  # noqa: PLR0913, PLR0917 - the fields of the operation
        self, name: str, expires_at: int, digest: str, tool: str, parts: Any, sets: Any
    ) -> None:
        self.reservations[name] = Reservation(self.clk // BUCKET_MS, expires_at, digest, tool, parts, sets)
        for account, _unit, amount, _max, on_expiry, keep in parts:
            money = self._touch(f"c:{account}", Money, keep)
            if on_expiry == "release":
                money.release(self.clk)
                money.parts[name] = (expires_at, amount)
            money.used += amount

    def _settle(self, event: AuditEvent, name: str, outcome: str, actuals: Any, records: Any) -> None:
        reservation = self.reservations.get(name)
        if reservation is None or reservation.end:  # a fault that is found elsewhere, and counted once
            return
        reservation.end = outcome
        for (account, _unit, _amount, _max, on_expiry, keep), (_, spent, freed, uncovered) in zip(
            reservation.parts, actuals, strict=False
        ):
            money = self._touch(f"c:{account}", Money, keep)
            if on_expiry == "release" and reservation.expires_at <= self.clk:
                money.release(self.clk)
                self._spend(money, spent, uncovered)
                continue
            money.parts.pop(name, None)
            self._spend(money, -freed, uncovered)
            money.freed += freed
            if freed:
                self._freed[event.topic, event.partition].append((event.offset, account, freed))
        if records:
            for key, window_ms, keep in reservation.sets:
                self._window(key, records, window_ms, keep)

    def _window(self, key: str, records: tuple[str, ...], window_ms: int, keep: int) -> None:
        touched = self._touch(f"w:{key}", Touched, keep)
        touched.window_ms = window_ms
        touched.last = touched.within(self.clk) | dict.fromkeys(records, self.clk)

    def _row(self, account: Account) -> list[Any]:
        match account:
            case Money():
                shown: list[Any] = [account.held(self.clk) - account.freed, account.uncovered]
            case Rate():
                shown = [account.arrival_us]
            case Count():
                shown = [account.n]
            case Touched():
                shown = [account.within(self.clk), account.window_ms]
            case Owner():
                shown = [account.name]
            case Memory():
                shown = [account.texts]
        return [*shown, account.at, account.keep]


def _lists(value: Any) -> Any:
    return [_lists(item) for item in value] if isinstance(value, tuple) else value
