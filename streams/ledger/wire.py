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
from toolgate.streams.ledger.windows import offsets
from toolgate.streams.ports import Ask, Decision, Share, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolgate.schemas.records import AuditEvent

NO_MAX = -1


def tp_name(tp: TopicPartition) -> str:
    """The ledger's name of a topic-partition."""
    return f"{tp[0]}:{tp[1]}"


_CLAIMS: dict[type[Any], Callable[[Any], list[Any]]] = {
    Charge: lambda c: [1, c.account, c.label.unit, c.amount, c.max, c.window, c.on_expiry, c.keep_ms],
    Spend: lambda c: [2, c.account, c.label.unit, c.amount, c.max, c.window, c.latch, c.keep_ms],
    Rate: lambda c: [3, c.key, c.increment_us, c.tau_us, c.keep_ms],
    Distinct: lambda c: [4, c.key, c.records, c.max, c.window_ms, c.keep_ms, c.trued],
    Count: lambda c: [5, c.key, c.n, NO_MAX if c.max is None else c.max, c.keep_ms],
    Require: lambda c: [6, c.key, c.n, c.keep_ms],
    Forbid: lambda c: [7, c.key, c.n, c.keep_ms],
    Own: lambda c: [8, c.run_id, c.owner, c.idle_ms, c.keep_ms],
    Deadline: lambda c: [9, c.at_ms],
}


def _claims(claims: Sequence[Claim], zones: dict[str, Any]) -> list[list[Any]]:
    for claim in claims:
        if isinstance(claim, (Charge, Spend)) and claim.window:
            tz = claim.window.partition(":")[2]
            if tz not in {"", "UTC"} and tz not in zones:
                zones[tz] = offsets(tz)
    return [_CLAIMS[type(claim)](claim) for claim in claims]


def _ask(ask: Ask, zones: dict[str, Any]) -> list[Any]:
    reserve, settle = ask.reserve, ask.settle
    return [
        ask.offset,
        ask.time_ms,
        ask.verdict,
        ask.intent_id,
        ask.digest,
        ask.dry_run,
        _claims(ask.claims, zones),
        _claims(ask.always, zones),
        _claims(ask.on_deny, zones),
        [reserve.reservation_id, reserve.hold_ms, reserve.digest, reserve.tool] if reserve else False,
        _settle(settle) if settle else False,
        ask.policy_digest,
    ]


def _settle(settle: Settle) -> list[Any]:
    actuals = dict(settle.actuals)
    return [settle.reservation_id, settle.digest, settle.tool, settle.void, actuals, settle.records]


def decide_argument(ctl: int, shares: Sequence[Share]) -> list[Any]:
    """The argument of `decide`."""
    zones: dict[str, Any] = {}
    packed = [
        [s.topic, s.partition, s.epoch, s.expect, s.start, s.next, [_ask(ask, zones) for ask in s.asks]]
        for s in shares
    ]
    return [ctl, zones, packed]


def decision(raw: bytes) -> Decision:
    """A decision from its packed row."""
    row = msgpack.unpackb(raw, raw=False, use_list=False)
    offset, seq, clk, ctl, verdict, first, refused, ops, after, visible, first_seq, conflict, note, policy = (
        row
    )
    return Decision(
        offset=offset,
        seq=seq,
        clk=clk,
        ctl=ctl,
        verdict=verdict,
        first=first,
        refused=refused,
        ops=tuple([Op(op[0], op[1:]) for op in ops]),
        after=after,
        visible=tuple([Visible(*one) for one in visible]),
        first_seq=None if first_seq < 0 else first_seq,
        conflict=conflict,
        note=note,
        policy_digest=policy,
    )


def event_row(event: AuditEvent) -> list[Any]:
    """What `apply` needs of an audit event."""
    ops = [[op.op, *op.args] for op in event.ops]
    return [event.seq, event.clk, event.first, event.intent_id, event.digest, ops]


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
