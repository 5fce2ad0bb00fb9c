"""Decisions as decide.lua says them: values behind each other, to be read beside the asks that they answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolgate.processors.claims import Charge, Claim, Count, Distinct, Own, Rate, Remember, Spend
from toolgate.schemas.records import Op, Visible
from toolgate.streams.ports import Decision

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from toolgate.streams.ports import Ask

HEAD = 9
SPENT, LATCHED, RESERVED, SETTLED = -1, -2, -3, -4
FIRST, CONFLICT = 1, 2
_NO_LEVEL = ("", 0)

# The ops that a claim alone says, at a time of the ledger's clock.
_OPS: dict[type[Any], Callable[[Any, int], Op]] = {
    Rate: lambda c, _: Op("rate", (c.key, c.increment_us, c.keep_ms)),
    Count: lambda c, _: Op("count", (c.key, c.n, c.keep_ms)),
    Distinct: lambda c, _: Op("window", (c.key, c.records, c.window_ms, c.keep_ms)),
    Own: lambda c, _: Op("own", (c.run_id, c.owner, c.keep_ms)),
    Remember: lambda c, clk: Op("remember", (c.run_id, c.name, c.value, c.trusted, clk + c.keep_ms)),
}


class Answer:
    """An unpacked answer: what was decided on one topic-partition in one call."""

    def __init__(self, packed: Sequence[Any]) -> None:
        self._ctl, visible, names, self._seq, self._values = packed
        self._visible = tuple([Visible(*one) for one in visible])
        self._names: list[str] = ["", *names]  # numbered from 1 on; 0 stands for the claim's own name

    def decisions(self, asks: Mapping[int, Ask]) -> Iterator[Decision]:
        """The decisions in order; `asks` by offset are those that were asked."""
        values, ctl, visible, seq = self._values, self._ctl, self._visible, self._seq
        at, end = 0, len(values)
        while at < end:
            _, offset, clk, verdict, flags, note, first_seq, policy, count = values[at : at + HEAD]
            at += HEAD
            refused: tuple[tuple[int, int], ...] = ()
            if count:
                levels = values[at : at + 2 * count]
                refused = tuple(zip(levels[::2], levels[1::2], strict=True))
                at += 2 * count
            ask = asks[offset]
            ops, at = self._read_ops(ask, at, clk)
            after: tuple[tuple[str, int], ...] = ()
            at += 1
            if values[at - 1]:
                after, at = self._read_levels(ask.claims, at)
            yield Decision(
                offset,
                seq,
                clk,
                ctl,
                verdict,
                flags == FIRST,
                refused,
                ops,
                after,
                visible,
                None if first_seq < 0 else first_seq,
                flags == CONFLICT,
                note,
                policy,
                ask.given,
            )
            seq += 1

    def _read_ops(self, ask: Ask, at: int, clk: int) -> tuple[tuple[Op, ...], int]:
        values = self._values
        claims = (*ask.always, *ask.claims, *ask.on_deny)
        ops = []
        count = values[at]
        at += 1
        for _ in range(count):
            place = values[at]
            if place >= 0:
                claim = claims[place]
                ops.append(_OPS[type(claim)](claim, clk))
                at += 1
            else:
                op, at = self._special(place, ask, claims, at)
                ops.append(op)
        return tuple(ops), at

    def _special(self, code: int, ask: Ask, claims: tuple[Claim, ...], at: int) -> tuple[Op, int]:
        if code == RESERVED:
            return self._reserve(ask, at)
        if code == SETTLED:
            return self._settle(at)
        spend: Any = claims[self._values[at + 1]]
        if code == LATCHED:
            return Op("count", (spend.latch, 1, spend.keep_ms)), at + 2
        label, spent, uncovered = self._values[at + 2 : at + 5]
        return Op("spend", (self._names[label] or spend.account, spent, uncovered, spend.keep_ms)), at + 5

    def _reserve(self, ask: Ask, at: int) -> tuple[Op, int]:
        reserve, names, values = ask.reserve, self._names, self._values
        if reserve is None:
            raise AssertionError(f"a reservation for offset {ask.offset}, which asked for none")
        expires_at, behind = values[at + 1], at + 3 + values[at + 2]
        at += 3
        parts, sets = [], []
        for claim in ask.claims:
            if type(claim) is Charge:
                name = names[values[at]] or claim.account
                parts.append(
                    (name, claim.label.unit, claim.amount, claim.max, claim.on_expiry, claim.keep_ms)
                )
                at += 1
            elif type(claim) is Distinct and claim.trued:
                sets.append((claim.key, claim.window_ms, claim.keep_ms))
        args = (
            reserve.reservation_id,
            expires_at,
            reserve.digest,
            reserve.tool,
            tuple(parts),
            tuple(sets),
        )
        return Op("reserve", args), behind

    def _settle(self, at: int) -> tuple[Op, int]:
        values, names = self._values, self._names
        _, reservation, outcome, count = values[at : at + 4]
        at += 4
        parts = tuple([(names[values[k]], *values[k + 1 : k + 4]) for k in range(at, at + 4 * count, 4)])
        at += 4 * count
        records = tuple(values[at + 1 : at + 1 + values[at]])
        return Op("settle", (reservation, outcome, parts, records)), at + 1 + len(records)

    def _read_levels(self, claims: Sequence[Claim], at: int) -> tuple[tuple[tuple[str, int], ...], int]:
        values, names = self._values, self._names
        levels = []
        for claim in claims:
            kind = type(claim)
            if kind is Charge or kind is Spend:
                levels.append((names[values[at]] or claim.account, values[at + 1]))  # type: ignore[union-attr]
                at += 2
            elif kind is Count or kind is Distinct:
                levels.append((claim.key, values[at]))  # type: ignore[union-attr]
                at += 1
            else:
                levels.append(_NO_LEVEL)
        return tuple(levels), at
