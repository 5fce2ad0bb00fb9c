"""How calls look on the way to Lua and decisions on the way back; described at the head of each .lua file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgpack

from toolgate.processors.claims import Reserve, Settle
from toolgate.streams.ledger.accounts import seen_key
from toolgate.streams.ledger.answers import RESERVED, SETTLED, SPENT, Answer
from toolgate.streams.ledger.claim_terms import (
    CHARGE,
    COUNT,
    DISTINCT,
    NO_MAX,
    OWN,
    RATE,
    REMEMBER,
    SPEND,
    WIDTH,
    TermList,
    claim_of,
)
from toolgate.streams.ledger.windows import offsets
from toolgate.streams.ports import Ask

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolgate.schemas.records import Op
    from toolgate.streams.ports import Decision, Entry, Share, TopicPartition

HEAD = 16  # values of an ask before its claims
_NO_RESERVE = ("", 0, "", "")


def tp_name(tp: TopicPartition) -> str:
    """The ledger's name of a topic-partition."""
    return f"{tp[0]}:{tp[1]}"


class Call:
    """One call of `decide`: its argument, and with it the way to read what is answered."""

    def __init__(self, ctl: int, shares: Sequence[Share]) -> None:
        self._asked = [share.asks for share in shares]
        windows: set[str] = set()
        rows = [_share(share, windows) for share in shares]
        zones = {window.partition(":")[2] for window in windows} - {"", "UTC"}
        self.argument = [ctl, {zone: offsets(zone) for zone in zones}, rows]

    def decisions(self, answers: Sequence[Sequence[bytes]]) -> tuple[tuple[Decision, ...], ...]:
        """The decisions for each share's asks, in order."""
        return tuple(_decisions(asks, *one) for asks, one in zip(self._asked, answers, strict=True))


def _decisions(asks: Sequence[Ask], answer: bytes, *chunks: bytes) -> tuple[Decision, ...]:
    asked = {ask.offset: ask for ask in asks}
    new = Answer(msgpack.unpackb(answer)).decisions(asked) if answer else ()
    if not chunks:
        return tuple(new)
    known = {decision.offset: decision for chunk in chunks for decision in _stored(chunk)}
    known.update((decision.offset, decision) for decision in new)
    return tuple(known[ask.offset] for ask in asks)


def _stored(chunk: bytes) -> Iterator[Decision]:
    """The decisions of a stored chunk: the asks as they came, and what was answered then."""
    unpacker = msgpack.Unpacker(use_list=False, max_buffer_size=len(chunk))
    unpacker.feed(chunk)
    (terms, flat, settles), answer = unpacker
    asks: dict[int, Ask] = {}
    at = 0
    while at < len(flat):
        asks[flat[at]], at = _read_ask(terms, flat, settles, at)
    return Answer(answer).decisions(asks)


def _read_ask(terms: Sequence[Any], flat: Sequence[Any], settles: Sequence[Any], at: int) -> tuple[Ask, int]:
    offset, time_ms, verdict, intent_id, digest, policy, dry_run, settle = flat[at : at + 8]
    reserve, given, counts = flat[at + 8 : at + 12], flat[at + 12], flat[at + 13 : at + HEAD]
    at += HEAD
    groups: list[Any] = []
    for count in counts:
        triples = [flat[k : k + 3] for k in range(at, at + 3 * count, 3)]
        groups.append(tuple(claim_of(terms[k - 1 : k - 1 + WIDTH], name, own) for k, name, own in triples))
        at += 3 * count
    always, claims, on_deny = groups
    ask = Ask(
        *(offset, time_ms, verdict, intent_id, digest, policy, dry_run, claims, always, on_deny),
        Reserve(*reserve) if reserve[0] else None,
        _read_settle(settles[settle - 1]) if settle else None,
        given,
    )
    return ask, at


def _share(share: Share, windows: set[str]) -> list[Any]:
    flat: list[Any] = []
    settles: list[Any] = []
    terms = TermList()
    for ask in share.asks:
        if ask.settle is not None:
            settles.append(_settle(ask.settle))
        flat += _ask(ask, terms, 0 if ask.settle is None else len(settles))
    windows |= terms.windows
    packed = msgpack.packb([terms.flat, flat, settles]) if flat else ""
    return [share.topic, share.partition, share.epoch, share.expect, share.start, share.next, packed]


def _ask(ask: Ask, terms: TermList, settle: int) -> list[Any]:
    reserve, always, claims, on_deny = ask.reserve, ask.always, ask.claims, ask.on_deny
    row = [
        ask.offset,
        ask.time_ms,
        ask.verdict,
        ask.intent_id,
        ask.digest,
        ask.policy_digest,
        ask.dry_run,
        settle,
    ]
    if reserve is None:
        row += _NO_RESERVE
    else:
        row += (reserve.reservation_id, reserve.hold_ms, reserve.digest, reserve.tool)
    row += (ask.given, len(always), len(claims), len(on_deny))
    row += terms.triples((*always, *claims, *on_deny))
    return row


def _settle(settle: Settle) -> list[Any]:
    actuals = dict(settle.actuals)
    return [
        settle.reservation_id,
        settle.digest,
        settle.tool,
        settle.void,
        actuals,
        settle.records,
        settle.says,
    ]


def _read_settle(row: Sequence[Any]) -> Settle:
    reservation, digest, tool, void, actuals, records, says = row
    return Settle(reservation, digest, tool, void, tuple(actuals.items()), tuple(records), says)


def entries_argument(entries: Sequence[Entry]) -> list[Any]:
    """What `apply` needs of audit events."""
    terms = TermList()
    rows = []
    for one in entries:
        key = seen_key(one.tenant, one.intent_id)
        rows.append([one.seq, one.clk, one.first, key, one.digest, *_Ops(terms, one.clk).rows(one.ops)])
    settled = [op.args[0] for one in entries for op in one.ops if op.op == "settle"]
    return [terms.flat, settled, rows]


class _Ops:
    """An event's ops as accounts.lua executes them, and an ask with their claims. Limits play no part."""

    def __init__(self, terms: TermList, clk: int) -> None:
        self._terms = terms
        self._clk = clk
        self._simple: list[Any] = []  # the ask's `always`
        self._reserved: list[Any] = []  # its claims
        self._reserve: tuple[Any, ...] = _NO_RESERVE

    def rows(self, ops: Sequence[Op]) -> tuple[list[Any], list[Any]]:
        """The ask and the ops."""
        flat = [value for op in ops for value in self._op(op)]
        counts = (len(self._simple) // 3, len(self._reserved) // 3, 0)
        ask = [0, 0, "", "", "", "", False, 0, *self._reserve, "", *counts, *self._simple, *self._reserved]
        return ask, flat

    def _op(self, op: Op) -> list[Any]:  # noqa: PLR0911 - one a kind of op
        args = op.args
        match op.op:
            case "rate":
                key, increment_us, keep = args
                return [self._claim((RATE, increment_us, keep, 0), key, 0)]
            case "count":
                key, n, keep = args
                return [self._claim((COUNT, n, keep, NO_MAX), key, 0)]
            case "own":
                run_id, owner, keep = args
                return [self._claim((OWN, 0, keep, True), run_id, owner)]
            case "window":
                key, records, window_ms, keep = args
                return [self._claim((DISTINCT, 0, keep, window_ms, False), key, records)]
            case "remember":
                run_id, name, value, trusted, expires_at = args
                return [
                    self._claim((REMEMBER, trusted, expires_at - self._clk, False), run_id, (name, value))
                ]
            case "spend":
                name, spent, uncovered, keep = args
                return [SPENT, self._claim((SPEND, 0, keep, "", ""), name, (0, "")), 0, spent, uncovered]
            case "settle":
                reservation, outcome, actuals, records = args
                parts = [value for _, *numbers in actuals for value in (0, *numbers)]
                return [SETTLED, reservation, outcome, len(actuals), *parts, len(records), *records]
            case _:
                return self._reservation(args)

    def _claim(self, terms: tuple[Any, ...], name: str, value: Any) -> int:
        """The place of a new claim."""
        self._simple += (self._terms.number(terms), name, value)
        return len(self._simple) // 3 - 1

    def _reservation(self, args: tuple[Any, ...]) -> list[Any]:
        reservation, expires_at, digest, tool, parts, sets = args
        self._reserve = (reservation, 0, digest, tool)
        number = self._terms.number
        for name, unit, amount, limit, on_expiry, keep in parts:
            self._reserved += (number((CHARGE, limit, keep, unit, "", on_expiry)), name, amount)
        for key, window_ms, keep in sets:
            self._reserved += (number((DISTINCT, 0, keep, window_ms, True)), key, ())
        return [RESERVED, expires_at, 0]
