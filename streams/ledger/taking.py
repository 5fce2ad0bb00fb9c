"""From claims to ops: what stands against an intent's claims, what taking them does, and what a result settles.

Reads accounts and changes nothing; claims.lua says the same in Redis. Every claim is looked at, so a refusal
names all that stood against it and how far each was from being allowed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolgate.processors.claims import (
    RELEASED,
    UNKNOWN,
    Charge,
    Claim,
    Count,
    Deadline,
    Distinct,
    Forbid,
    Own,
    Rate,
    Remember,
    Require,
    Reserve,
    Settle,
    Spend,
)
from toolgate.schemas.records import Op
from toolgate.streams.ledger.accounts import (
    RUN_SCOPE,
    Accounts,
    Arrival,
    Counter,
    Facts,
    Money,
    Owner,
    Records,
)
from toolgate.streams.ledger.windows import account_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

OWN_OTHER, OWN_ENDED = 1, 2
UNRESOLVED = "unresolved"  # the note of a result that ends its command and leaves its reservation open


def level_against(claim: Claim, accounts: Accounts, clk: int) -> int | None:
    """The level at which `claim` is refused (ports.Decision.refused), or None when it can be taken."""
    return _AGAINST[type(claim)](claim, accounts, clk)


def _charge_level(claim: Charge, accounts: Accounts, clk: int) -> int | None:
    used = _used(accounts, account_name(claim.account, claim.window, clk), clk)
    return used if used + claim.amount > claim.max else None


def _rate_level(claim: Rate, accounts: Accounts, clk: int) -> int | None:
    arrival = accounts.find(f"g:{claim.key}", clk)
    over = (arrival.tat if isinstance(arrival, Arrival) else 0) - clk * 1000 - claim.tau_us
    return over if over > 0 else None


def _distinct_level(claim: Distinct, accounts: Accounts, clk: int) -> int | None:
    count = len(_records(accounts, claim, clk) | dict.fromkeys(claim.records))
    return count if count > claim.max else None


def _count_level(claim: Count, accounts: Accounts, clk: int) -> int | None:
    if claim.max is None:
        return None
    live = _counter(accounts, claim.key, clk)[0]
    return live if live + claim.n > claim.max else None


def _require_level(claim: Require, accounts: Accounts, clk: int) -> int | None:
    live, committed = _counter(accounts, claim.key, clk)
    seen = live if claim.key.startswith(RUN_SCOPE) else committed
    return seen if seen < claim.n else None


def _forbid_level(claim: Forbid, accounts: Accounts, clk: int) -> int | None:
    live = _counter(accounts, claim.key, clk)[0]
    return live if live >= claim.n else None


def _own_level(claim: Own, accounts: Accounts, clk: int) -> int | None:
    owner = accounts.find(f"r:{claim.run_id}", clk)
    if not isinstance(owner, Owner):
        return None
    if owner.owner != claim.owner:
        return OWN_OTHER
    return OWN_ENDED if owner.at + claim.idle_ms <= clk else None


def _deadline_level(claim: Deadline, _: Accounts, clk: int) -> int | None:
    return clk - claim.at_ms if clk > claim.at_ms else None


def _facts_level(claim: Remember, accounts: Accounts, clk: int) -> int | None:
    facts = accounts.find(f"f:{claim.run_id}", clk) if claim.must else None
    full = isinstance(facts, Facts) and not facts.has_room(claim.name, claim.value)
    return facts.size if isinstance(facts, Facts) and full else None


def _never(_: Claim, __: Accounts, ___: int) -> None:
    """What is never refused."""


_AGAINST: Mapping[type[Claim], Callable[[Any, Accounts, int], int | None]] = {
    Charge: _charge_level,
    Rate: _rate_level,
    Distinct: _distinct_level,
    Count: _count_level,
    Require: _require_level,
    Forbid: _forbid_level,
    Own: _own_level,
    Deadline: _deadline_level,
    Spend: _never,
    Remember: _facts_level,
}


def _used(accounts: Accounts, name: str, clk: int) -> int:
    money = accounts.find(f"c:{name}", clk)
    return money.used + money.freed - money.expired(clk) if isinstance(money, Money) else 0


def _counter(accounts: Accounts, key: str, clk: int) -> tuple[int, int]:
    counter = accounts.find(f"n:{key}", clk)
    return (counter.live, counter.committed) if isinstance(counter, Counter) else (0, 0)


def _records(accounts: Accounts, claim: Distinct, clk: int) -> dict[str, int]:
    records = accounts.find(f"w:{claim.key}", clk)
    if not isinstance(records, Records):
        return {}
    if not claim.window_ms:
        return records.seen
    return {record: at for record, at in records.seen.items() if at > clk - claim.window_ms}


def take(  # noqa: C901 - one case a claim
    claims: Sequence[Claim], reserve: Reserve | None, accounts: Accounts, clk: int
) -> tuple[Op, ...]:
    """The ops that take every claim; to be called only when none is refused."""
    ops: list[Op] = []
    parts: list[tuple[str, str, int, int, str, int]] = []
    sets: list[tuple[str, int, int]] = []
    for claim in claims:
        match claim:
            case Charge():
                name = account_name(claim.account, claim.window, clk)
                parts.append(
                    (name, claim.label.unit, claim.amount, claim.max, claim.on_expiry, claim.keep_ms)
                )
            case Spend():
                ops += _spend(claim, accounts, clk)
            case Rate():
                ops.append(Op("rate", (claim.key, claim.increment_us, claim.keep_ms)))
            case Distinct():
                if claim.trued:
                    sets.append((claim.key, claim.window_ms, claim.keep_ms))
                if claim.records:
                    ops.append(Op("window", (claim.key, claim.records, claim.window_ms, claim.keep_ms)))
            case Count():
                ops.append(Op("count", (claim.key, claim.n, claim.keep_ms)))
            case Remember():
                kept = (claim.run_id, claim.name, claim.value, claim.trusted, clk + claim.keep_ms)
                ops.append(Op("remember", kept))
            case Own() if claim.touch or accounts.find(f"r:{claim.run_id}", clk) is None:
                ops.append(Op("own", (claim.run_id, claim.owner, claim.keep_ms)))
            case _:
                pass
    if reserve is not None:
        expires_at = clk + reserve.hold_ms
        row = (reserve.reservation_id, expires_at, reserve.digest, reserve.tool, tuple(parts), tuple(sets))
        ops.append(Op("reserve", row))
    return tuple(ops)


def _spend(claim: Spend, accounts: Accounts, clk: int) -> list[Op]:
    name = account_name(claim.account, claim.window, clk)
    spent = min(claim.amount, max(0, claim.max - _used(accounts, name, clk)))
    ops = [Op("spend", (name, spent, claim.amount - spent, claim.keep_ms))]
    if spent < claim.amount and claim.latch:
        ops.append(Op("count", (claim.latch, 1, claim.keep_ms)))
    return ops


def level_after(claim: Claim, accounts: Accounts, clk: int) -> tuple[str, int]:
    """(account, used) of a claim after the decision, for people; ("", 0) of one on no account that fills up."""
    after = _AFTER.get(type(claim))
    return after(claim, accounts, clk) if after else ("", 0)


def _money_after(claim: Charge | Spend, accounts: Accounts, clk: int) -> tuple[str, int]:
    name = account_name(claim.account, claim.window, clk)
    return name, _used(accounts, name, clk)


def _distinct_after(claim: Distinct, accounts: Accounts, clk: int) -> tuple[str, int]:
    return claim.key, len(_records(accounts, claim, clk))


def _count_after(claim: Count, accounts: Accounts, clk: int) -> tuple[str, int]:
    return claim.key, _counter(accounts, claim.key, clk)[0]


_AFTER: Mapping[type[Claim], Callable[[Any, Accounts, int], tuple[str, int]]] = {
    Charge: _money_after,
    Spend: _money_after,
    Distinct: _distinct_after,
    Count: _count_after,
}


def settle(asked: Settle, accounts: Accounts, clk: int) -> tuple[str, tuple[Op, ...]]:
    """What a result or a release does: a note for the audit and the settle op, or none where nothing is to be done.

    Notes: settled, void, late, uncovered; unknown (no such reservation), ended (an end was recorded before),
    mismatch (another digest or tool than the command's), unresolved (its executor does not know: all stays reserved,
    and then spent, until somebody does), running (people may not speak of what may still run).
    """
    found = accounts.reservation(asked.reservation_id, clk)
    if found is None:
        return "unknown", ()
    if found.end:
        return "ended", ()
    if (found.digest, found.tool) != (asked.digest, asked.tool):
        return "mismatch", ()
    alive = found.expires_at > clk
    if asked.says == RELEASED and alive:
        return "running", ()
    # What expiry would give back is spent at once: else there would be room that perhaps is none.
    if asked.says == UNKNOWN and all(part[4] != "release" for part in found.parts):
        return UNRESOLVED, ()
    actuals = dict(asked.actuals)
    wanted = [0 if asked.void else actuals.get(unit, amount) for _, unit, amount, *_ in found.parts]
    released = [not alive and part[4] == "release" for part in found.parts]
    outcome = "void" if asked.void else "settled" if alive else "late"
    if any(
        gone and wants > part[3] - _used(accounts, part[0], clk)
        for part, wants, gone in zip(found.parts, wanted, released, strict=True)
    ):
        outcome = "uncovered"
    rows = []
    for (name, _unit, amount, *_), wants, gone in zip(found.parts, wanted, released, strict=True):
        if gone:
            rows.append((name, 0, 0, wants) if outcome == "uncovered" else (name, wants, 0, 0))
        else:
            spent = min(wants, amount)
            rows.append((name, spent, amount - spent, wants - spent))
    records = () if asked.void else asked.records
    return outcome, (Op("settle", (asked.reservation_id, outcome, tuple(rows), records)),)
