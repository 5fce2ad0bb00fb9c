"""How calls and decisions look on the way to and from Lua: msgpack arrays, described at the head of each .lua file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgpack

from toolgate.processors.claims import (
    Charge,
    Claim,
    Count,
    Deadline,
    Distinct,
    Forbid,
    Own,
    Rate,
    Require,
    Settle,
    Spend,
)
from toolgate.schemas.records import Op, Visible
from toolgate.streams.ledger.accounts import seen_key
from toolgate.streams.ledger.windows import offsets
from toolgate.streams.ports import Ask, Decision, Seen, Share, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from toolgate.schemas.records import AuditEvent

NO_MAX = -1


def tp_name(tp: TopicPartition) -> str:
    """The ledger's name of a topic-partition."""
    return f"{tp[0]}:{tp[1]}"


# A claim's own values, and its terms: what intents under one policy share, sent once for a call. claims.lua.
Split = tuple[tuple[Any, ...], tuple[Any, ...]]
_CLAIMS: dict[type[Any], Callable[[Any], Split]] = {
    Charge: lambda c: ((c.account, c.amount), (1, c.label.unit, c.max, c.window, c.on_expiry, c.keep_ms)),
    Spend: lambda c: ((c.account, c.amount, c.latch), (2, c.label.unit, c.max, c.window, c.keep_ms)),
    Rate: lambda c: ((c.key,), (3, c.increment_us, c.tau_us, c.keep_ms)),
    Distinct: lambda c: ((c.key, c.records), (4, c.max, c.window_ms, c.keep_ms, c.trued)),
    Count: lambda c: ((c.key,), (5, c.n, NO_MAX if c.max is None else c.max, c.keep_ms)),
    Require: lambda c: ((c.key,), (6, c.n, c.keep_ms)),
    Forbid: lambda c: ((c.key,), (7, c.n, c.keep_ms)),
    Own: lambda c: ((c.run_id, c.owner), (8, c.idle_ms, c.keep_ms, c.touch)),
    Deadline: lambda c: ((c.at_ms,), (9,)),
}


class _Call:
    """What the asks of one call have in common."""

    def __init__(self) -> None:
        self.zones: dict[str, Any] = {}
        self.terms: dict[tuple[Any, ...], int] = {}

    def claims(self, claims: Sequence[Claim]) -> list[tuple[Any, ...]]:
        """Claims as Lua takes them."""
        known, rows = self.terms, []
        for claim in claims:
            own, terms = _CLAIMS[type(claim)](claim)
            number = known.get(terms)
            if number is None:
                number = known[terms] = len(known) + 1
                if isinstance(claim, (Charge, Spend)):
                    self._zone(claim.window)
            rows.append((number, *own))
        return rows

    def _zone(self, window: str) -> None:
        tz = window.partition(":")[2]
        if tz not in {"", "UTC"}:
            self.zones[tz] = offsets(tz)


def _ask(ask: Ask, call: _Call) -> list[Any]:
    reserve, settle = ask.reserve, ask.settle
    return [
        ask.offset,
        ask.time_ms,
        ask.verdict,
        ask.intent_id,
        ask.digest,
        ask.dry_run,
        call.claims(ask.claims),
        call.claims(ask.always),
        call.claims(ask.on_deny),
        [reserve.reservation_id, reserve.hold_ms, reserve.digest, reserve.tool] if reserve else False,
        _settle(settle) if settle else False,
        ask.policy_digest,
    ]


def _settle(settle: Settle) -> list[Any]:
    actuals = dict(settle.actuals)
    return [settle.reservation_id, settle.digest, settle.tool, settle.void, actuals, settle.records]


def decide_argument(ctl: int, shares: Sequence[Share]) -> list[Any]:
    """The argument of `decide`."""
    call = _Call()
    packed = [
        [s.topic, s.partition, s.epoch, s.expect, s.start, s.next, [_ask(ask, call) for ask in s.asks]]
        for s in shares
    ]
    return [ctl, call.zones, packed, list(call.terms)]


def decisions(packed: bytes) -> Iterator[Decision]:
    """The decisions of a reply, in order."""
    rows = msgpack.Unpacker(raw=False, use_list=False, max_buffer_size=len(packed) or 1)
    rows.feed(packed)
    for offset, seq, clk, ctl, verdict, first, refused, ops, after, visible, *rest in rows:
        first_seq, conflict, note, policy_digest = rest
        yield Decision(
            offset,
            seq,
            clk,
            ctl,
            verdict,
            first,
            refused,
            tuple([Op(op[0], op[1:]) for op in ops]),
            after,
            tuple([Visible(*one) for one in visible]),
            None if first_seq < 0 else first_seq,
            conflict,
            note,
            policy_digest,
        )


def event_row(event: AuditEvent) -> list[Any]:
    """What `apply` needs of an audit event."""
    ops = [[op.op, *op.args] for op in event.ops]
    return [event.seq, event.clk, event.first, seen_key(event.tenant, event.intent_id), event.digest, ops]


def seen_row(seen: Seen) -> list[Any]:
    """What `apply` needs of an id that was used."""
    return [seen.seq, seen.clk, True, seen_key(seen.tenant, seen.intent_id), seen.digest, []]


def account_row(name: str, row: list[Any]) -> list[Any]:
    """An account of a canonical state as `load` takes it: name, the stored text, and a set's members."""
    match name[0]:
        case "c":
            return [name, f"{row[2]} {row[3]} {row[0]} 0 {row[1]} 0", []]
        case "n":
            return [name, f"{row[1]} {row[2]} {row[0]} {row[0]}", []]
        case "w":
            members = [value for pair in row[0].items() for value in pair]
            return [name, f"{row[2]} {row[3]} {row[1]}", members]
        case _:
            return [name, f"{row[1]} {row[2]} {row[0]}", []]


def parse_account(name: str, text: str) -> list[Any]:
    """The stored text of an account: at, keep, then the kind's own values."""
    if name[0] == "r":
        at, keep, owner = text.split(" ", 2)
        return [int(at), int(keep), owner]
    return [int(word) for word in text.split()]
