"""The accounts of a ledger and the one function that changes them: `execute(op, clk)`.

What the audit's fold, the memory ledger, a snapshot and the tests know of accounts is this module;
accounts.lua says the same in Redis, and a differential test holds the two together. Everything here is a
function of the ops, their order and the ledger's clock: expiry and forgetting are rules on `clk`, never ops.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from toolgate.processors.claims import AMOUNT_MAX, FACT_BYTES_MAX, FACTS_BYTES_MAX, FACTS_MAX
from toolgate.streams.ports import Look

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from toolgate.schemas.records import Op

BUCKET_MS = 21_600_000  # reservations and decided ids live in buckets of six hours ...
BUCKETS_KEPT = 4  # ... the current one and four before it: a horizon of at least 24 hours
RUN_SCOPE = "run:"  # accounts of one run are only touched from its own partition

Give = tuple[str, str, int]  # (kind, name, amount): "c" frees money, "n" commits a count


def given_back(parts: Iterable[Sequence[Any]], end: str, expires_at: int, clk: int) -> list[tuple[str, int]]:
    """What time will still give back of a reservation: account and amount of each such part."""
    if end or expires_at <= clk:
        return []
    return [
        (account, amount)
        for account, _unit, amount, _max, on_expiry, _keep in parts
        if on_expiry == "release"
    ]


def seen_key(tenant: str, intent_id: str) -> str:
    """What an intent id is remembered under: nobody uses up another tenant's ids."""
    return f"{tenant}/{intent_id}"


def bucket(clk: int) -> int:
    """The number of the bucket that `clk` falls into."""
    return clk // BUCKET_MS


def remembered(born: int, clk: int) -> bool:
    """Whether what was written into bucket `born` is within the horizon at `clk`."""
    return born >= bucket(clk) - BUCKETS_KEPT


class HistoryError(Exception):
    """The events cannot be a ledger's: one ends a reservation that none has made."""


@dataclass(slots=True)
class Money:
    """A charge account: used = reserved + spent; freed is not yet available; uncovered went past reservations."""

    keep: int
    at: int
    used: int = 0
    freed: int = 0
    uncovered: int = 0
    parts: dict[str, tuple[int, int]] = field(
        default_factory=dict
    )  # releasable: reservation -> (exp, amount)
    due: int = 0  # none of the parts expires before

    def hold(self, reservation: str, expires_at: int, amount: int) -> None:
        """Keep in mind that a part of `used` is released at its expiry."""
        self.due = min(self.due, expires_at) if self.parts else expires_at
        self.parts[reservation] = (expires_at, amount)

    def expired(self, clk: int) -> int:
        """What expiry has released by `clk` and nobody has taken off `used` yet."""
        if not self.parts or clk < self.due:
            return 0
        return sum(amount for expires_at, amount in self.parts.values() if expires_at <= clk)

    def sweep(self, clk: int) -> None:
        """Take expired parts off `used`."""
        if not self.parts or clk < self.due:
            return
        for reservation, (expires_at, amount) in list(self.parts.items()):
            if expires_at <= clk:
                self.used -= amount
                del self.parts[reservation]
        self.due = min((expires_at for expires_at, _ in self.parts.values()), default=0)


@dataclass(slots=True)
class Arrival:
    """A GCRA account: the theoretical arrival time in microseconds."""

    keep: int
    at: int
    tat: int = 0


@dataclass(slots=True)
class Counter:
    """A counter: `live` counts every decision, `committed` only what the log has for certain."""

    keep: int
    at: int
    live: int = 0
    committed: int = 0


@dataclass(slots=True)
class Records:
    """A sliding set of distinct records with the time each was last touched."""

    keep: int
    at: int
    window: int
    seen: dict[str, int] = field(default_factory=dict)

    def within(self, clk: int) -> dict[str, int]:
        """The records that count at `clk`."""
        if not self.window:
            return self.seen
        return {record: at for record, at in self.seen.items() if at > clk - self.window}


@dataclass(slots=True)
class Owner:
    """Whose a run is: tenant/workflow/agent of the first record accepted for it."""

    keep: int
    at: int
    owner: str


@dataclass(slots=True)
class Facts:
    """What a run remembers: texts by name. Read by its own partition alone, in order: there at once."""

    keep: int
    at: int
    texts: dict[str, str] = field(default_factory=dict)
    size: int = 0  # bytes of names and texts

    def put(self, name: str, text: str) -> None:
        """Keep a text; what is too much is not kept, and what stood there before is no longer true."""
        before = self.texts.pop(name, None)
        if before is not None:
            self.size -= _bytes(name, before)
        if text and len(text.encode()) <= FACT_BYTES_MAX and self.has_room(name, text):
            self.texts[name] = text
            self.size += _bytes(name, text)

    def has_room(self, name: str, text: str) -> bool:
        """Whether one more text can be kept."""
        return len(self.texts) < FACTS_MAX and self.size + _bytes(name, text) <= FACTS_BYTES_MAX


def _bytes(name: str, text: str) -> int:
    return len(name.encode()) + len(text.encode())


Account = Money | Arrival | Counter | Records | Owner | Facts


@dataclass(slots=True)
class Reservation:
    """An approval's claim on charge accounts until `expires_at`; a tombstone after its end."""

    born: int  # bucket
    expires_at: int
    digest: str
    tool: str
    parts: tuple[tuple[str, str, int, int, str, int], ...]  # account, unit, amount, max, on_expiry, keep
    sets: tuple[tuple[str, int, int], ...]  # key, window, keep: where records that a result names count too
    end: str = ""


class Accounts:
    """All accounts, reservations and their changes. Names carry their kind.

    c money, g rate, n count, w set, r run, f facts.
    """

    def __init__(self) -> None:
        self.table: dict[str, Account] = {}
        self.reservations: dict[str, Reservation] = {}

    def find(self, name: str, clk: int) -> Account | None:
        """The account, unless it has been untouched for longer than it is kept."""
        account = self.table.get(name)
        if account is not None and account.keep and account.at + account.keep <= clk:
            return None
        return account

    def look(self, runs: Iterable[str], counters: Iterable[str], clk: int) -> Look:
        """What runs remember, as `ports.Ledger.look` says."""
        kept = {run: self.find(f"f:{run}", clk) for run in runs}
        counted = {key: self.find(f"n:{key}", clk) for key in counters}
        return Look(
            {run: dict(facts.texts) for run, facts in kept.items() if isinstance(facts, Facts)},
            {key: counter.live for key, counter in counted.items() if isinstance(counter, Counter)},
        )

    def reservation(self, reservation_id: str, clk: int) -> Reservation | None:
        """The reservation or its tombstone, within the horizon."""
        found = self.reservations.get(reservation_id)
        return found if found is not None and remembered(found.born, clk) else None

    def execute(self, op: Op, clk: int) -> list[Give]:
        """Change the accounts as `op` says; what it gives becomes available by `give`, when its record is committed."""
        return getattr(self, f"_{op.op}")(clk, *op.args)  # type: ignore[no-any-return]

    def give(self, gives: list[Give]) -> None:
        """Make available what committed records gave."""
        for kind, name, amount in gives:
            account = self.table.get(f"{kind}:{name}")
            if isinstance(account, Money):
                account.freed = max(0, account.freed - amount)
            elif isinstance(account, Counter):
                account.committed += amount

    def _touch(self, name: str, kind: type[Account], keep: int, clk: int, **first: Any) -> Any:
        account = self.find(name, clk)
        if account is None:
            account = self.table[name] = kind(keep=keep, at=clk, **first)
        account.at = clk
        account.keep = keep
        return account

    def _reserve(  # noqa: PLR0913, PLR0917 - the fields of the op
        self,
        clk: int,
        reservation_id: str,
        expires_at: int,
        digest: str,
        tool: str,
        parts: tuple[Any, ...],
        sets: tuple[Any, ...],
    ) -> list[Give]:
        made = Reservation(bucket(clk), expires_at, digest, tool, tuple(parts), tuple(sets))
        self.reservations[reservation_id] = made
        for name, _unit, amount, _max, on_expiry, keep in parts:
            account = self._touch(f"c:{name}", Money, keep, clk)
            if on_expiry == "release":
                account.sweep(clk)
                account.hold(reservation_id, expires_at, amount)
            account.used += amount
        return []

    def _settle(
        self,
        clk: int,
        reservation_id: str,
        outcome: str,
        actuals: tuple[Any, ...],
        records: tuple[str, ...],
    ) -> list[Give]:
        reservation = self.reservations.get(reservation_id)
        if reservation is None:
            raise HistoryError(f"reservation {reservation_id} is settled and was never made")
        reservation.end = outcome
        gives: list[Give] = []
        for (name, _unit, _amount, _max, on_expiry, keep), (_, spent, freed, uncovered) in zip(
            reservation.parts, actuals, strict=True
        ):
            account = self._touch(f"c:{name}", Money, keep, clk)
            if on_expiry == "release" and reservation.expires_at <= clk:
                account.sweep(clk)
                account.used += spent
            else:
                account.parts.pop(reservation_id, None)
                account.used -= freed
                account.freed += freed
                if freed:
                    gives.append(("c", name, freed))
            # Only sums of what went past reservations can come near what Lua still counts exactly.
            account.uncovered = min(AMOUNT_MAX, account.uncovered + uncovered)
        if records:
            for key, window_ms, keep in reservation.sets:
                self._window(clk, key, records, window_ms, keep)
        return gives

    def _spend(self, clk: int, name: str, spent: int, uncovered: int, keep: int) -> list[Give]:
        account = self._touch(f"c:{name}", Money, keep, clk)
        account.used += spent
        account.uncovered = min(AMOUNT_MAX, account.uncovered + uncovered)
        return []

    def _rate(self, clk: int, key: str, increment_us: int, keep: int) -> list[Give]:
        account = self._touch(f"g:{key}", Arrival, keep, clk)
        account.tat = max(account.tat, clk * 1000) + increment_us
        return []

    def _window(self, clk: int, key: str, records: tuple[str, ...], window_ms: int, keep: int) -> list[Give]:
        account = self._touch(f"w:{key}", Records, keep, clk, window=window_ms)
        account.window = window_ms
        account.seen = account.within(clk) | dict.fromkeys(records, clk)
        return []

    def _count(self, clk: int, key: str, n: int, keep: int) -> list[Give]:
        account = self._touch(f"n:{key}", Counter, keep, clk)
        account.live += n
        if key.startswith(RUN_SCOPE):  # only its own partition reads it, in order: live is certain enough
            account.committed += n
            return []
        return [("n", key, n)]

    def _own(self, clk: int, run_id: str, owner: str, keep: int) -> list[Give]:
        self._touch(f"r:{run_id}", Owner, keep, clk, owner=owner)
        return []

    def _remember(
        self,
        clk: int,
        run_id: str,
        name: str,
        text: str,
        _trusted: bool,  # noqa: FBT001 - for people
        expires_at: int,
    ) -> list[Give]:
        self._touch(f"f:{run_id}", Facts, expires_at - clk, clk).put(name, text)
        return []

    def forget(self, clk: int) -> None:
        """Let go of what the rules already ignore at `clk`; nothing that can be seen changes."""
        for name in [name for name in self.table if self.find(name, clk) is None]:
            del self.table[name]
        for name in [name for name, r in self.reservations.items() if not remembered(r.born, clk)]:
            del self.reservations[name]

    def canonical(self, clk: int) -> dict[str, Any]:
        """The committed view at `clk`: what is forgotten left out, what is expired released, gives all available."""
        table: dict[str, list[Any]] = {}
        for name in self.table:
            account = self.find(name, clk)
            match account:
                case Money():
                    used = account.used - account.expired(clk)
                    table[name] = [used, account.uncovered, account.at, account.keep]
                case Arrival():
                    table[name] = [account.tat, account.at, account.keep]
                case Counter():
                    table[name] = [account.live, account.at, account.keep]
                case Records():
                    seen = dict(sorted(account.within(clk).items()))
                    table[name] = [seen, account.window, account.at, account.keep]
                case Owner():
                    table[name] = [account.owner, account.at, account.keep]
                case Facts():
                    table[name] = [dict(sorted(account.texts.items())), account.at, account.keep]
                case None:
                    pass
        reservations = {
            name: [
                r.born,
                r.expires_at,
                r.digest,
                r.tool,
                [list(p) for p in r.parts],
                r.end,
                [list(s) for s in r.sets],
            ]
            for name, r in self.reservations.items()
            if remembered(r.born, clk)
        }
        return {"accounts": dict(sorted(table.items())), "reservations": dict(sorted(reservations.items()))}

    @classmethod
    def restore(cls, state: dict[str, Any], clk: int) -> Accounts:
        """Accounts from a canonical state taken at or before `clk`."""
        made = cls()
        for name, row in state["accounts"].items():
            match name[0]:
                case "c":
                    made.table[name] = Money(row[3], row[2], used=row[0], uncovered=row[1])
                case "g":
                    made.table[name] = Arrival(row[2], row[1], row[0])
                case "n":
                    made.table[name] = Counter(row[2], row[1], row[0], row[0])
                case "w":
                    made.table[name] = Records(row[3], row[2], row[1], dict(row[0]))
                case "f":
                    size = sum(_bytes(*one) for one in row[0].items())
                    made.table[name] = Facts(row[2], row[1], dict(row[0]), size)
                case _:
                    made.table[name] = Owner(row[2], row[1], row[0])
        for name, (born, expires_at, digest, tool, parts, end, sets) in state["reservations"].items():
            kept = tuple(tuple(p) for p in parts)
            touched = tuple(tuple(s) for s in sets)
            made.reservations[name] = Reservation(born, expires_at, digest, tool, kept, touched, end)
            for account, amount in given_back(kept, end, expires_at, clk):
                money = made.table.get(f"c:{account}")
                if isinstance(money, Money):
                    money.hold(name, expires_at, amount)
        return made
