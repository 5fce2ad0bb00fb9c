"""One worker's calls to a ledger, in memory or in Redis, one record at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolgate.processors.claims import Charge, Label, Reserve, Settle
from toolgate.streams.ports import Ask, Decision, Share

if TYPE_CHECKING:
    from collections.abc import Callable

T0 = 1_772_323_200_000
MINUTE = 60_000
USD = Label("BUDGET_EXCEEDED", "budgets[0]", "tenant", "usd_micros")
CALLS = Label("BUDGET_EXCEEDED", "budgets[1]", "tenant", "calls")
TPS = (("intents", 0), ("intents", 1), ("results", 0))


class Driver:
    """One worker that owns three topic-partitions of a fresh ledger."""

    def __init__(self, ledger: Any, lose_scripts: Callable[[], Any], url: str = "") -> None:
        self.ledger = ledger
        self.url = url
        self.lose_scripts = lose_scripts
        self.next = dict.fromkeys(TPS, 0)
        self.committed = dict.fromkeys(TPS, 0)
        self.stable = 0
        ledger.standing()
        ledger.claim("g1")
        ledger.wipe("g1")
        ledger.finish("g1", 0, 0, {}, dict.fromkeys(TPS, 0))
        ledger.standing()
        self.epochs = {tp: ledger.take(tp, 0, ledger.owner(tp)) for tp in TPS}

    def share(self, tp: tuple[str, int], **fields: Any) -> Share:
        """An idle share of a topic-partition, with some fields otherwise."""
        at = self.next[tp]
        kept = {"epoch": self.epochs[tp], "expect": self.committed[tp], "start": at, "next": at} | fields
        return Share(*tp, **kept)

    def decide(self, tp: tuple[str, int], ask: Ask | None = None, ctl: int = 0) -> Decision | None:
        """Decide one new record of `tp` (its offset is filled in), or none; all partitions are named."""
        at = self.next[tp]
        shares = [self.share(other) for other in TPS if other != tp]
        asks = () if ask is None else (Ask(**{**fields_of(ask), "offset": at}),)
        self.next[tp] += len(asks)
        reply = self.ledger.decide(ctl, [self.share(tp, start=at, next=at + len(asks), asks=asks), *shares])
        self.stable = reply.stable
        return reply.decisions[0][0] if asks else None

    def commit(self) -> None:
        """Everything decided so far is committed, and the ledger is told with the next call."""
        self.committed = dict(self.next)


def fields_of(ask: Ask) -> dict[str, Any]:
    """An ask's fields by name."""
    return {name: getattr(ask, name) for name in Ask.__slots__}


def intent(*claims: Any, name: str = "", time_ms: int = T0, hold: str = "", **fields: Any) -> Ask:
    """An approved intent with these claims; `hold` names its reservation."""
    reserve = Reserve(hold, 10 * MINUTE, "d", "tool") if hold else None
    kept = {"digest": "d", "claims": claims, "reserve": reserve} | fields
    return Ask(0, time_ms, "APPROVE", name, **kept)


def result(reservation: str, time_ms: int = T0, *, void: bool = False, **actuals: int) -> Ask:
    """The end of a reservation."""
    return Ask(0, time_ms, "RECORDED", settle=Settle(reservation, "d", "tool", void, tuple(actuals.items())))


def money(amount: int, cap: int) -> Charge:
    """A charge of the tenant's money."""
    return Charge("tenant:t:usd", amount, cap, USD)


def calls(amount: int, cap: int) -> Charge:
    """A charge of the tenant's calls, free again at expiry."""
    return Charge("tenant:t:calls", amount, cap, CALLS, on_expiry="release")


def told(reservation: str, *claims: Any, **fields: Any) -> Ask:
    """A result that tells something."""
    return Ask(**fields_of(result(reservation, **fields)) | {"claims": claims})
