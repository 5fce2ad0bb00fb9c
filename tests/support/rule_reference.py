"""What a condition comes to, said a second time in plain Python: true, false, or broken when any part of it is.

A tree is a text as policies write it and a function of (parameters, facts) that gives a bool or raises Broken. Where
the two could differ in what they call broken, this one says broken less often: a test asks only that whatever is
broken here, or true, is never approved.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from hypothesis import strategies as st

INT64 = 2**63
ELEMENTS_MAX = 256
CAPS = {"full": 50_000, "part": 5_000}


class BrokenError(Exception):
    """It cannot be said."""


Facts = dict[str, Any]  # by order, what `paid` is in its fact
Judge = Callable[[dict[str, Any], Facts], bool]


@dataclass(frozen=True, slots=True)
class Tree:
    """A condition, and what it comes to."""

    text: str
    judge: Judge


def whole(value: Any) -> int:
    """A whole number, written as one."""
    if type(value) is not int or abs(value) >= INT64:
        raise BrokenError
    return value


def number(value: Any) -> float:
    """Any number."""
    if type(value) not in {int, float}:
        raise BrokenError
    return float(value)


def text(value: Any) -> str:
    """Text."""
    if not isinstance(value, str):
        raise BrokenError
    return value


def items(value: Any) -> list[Any]:
    """A list that is not too long."""
    if not isinstance(value, list) or len(value) > ELEMENTS_MAX:
        raise BrokenError
    return value


def micros(value: Any) -> int:
    """Micro-dollars of a plain amount."""
    if not re.fullmatch(r"[0-9]+(\.[0-9]{1,6})?", text(value), re.ASCII) or len(value) > 40:
        raise BrokenError
    dollars, _, rest = value.partition(".")
    return int(dollars) * 1_000_000 + int(rest.ljust(6, "0") or 0)


def day(value: Any) -> date:
    """A date as year-month-day."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text(value), re.ASCII):
        raise BrokenError
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise BrokenError from None


def paid(facts: Facts, order: Any) -> int:
    """What is known to be paid of an order."""
    return whole(facts.get(text(order)))


def _optional(name: str, inner: Callable[[Any], bool]) -> Judge:
    return lambda params, _: name in params and inner(params[name])


def _either(params: dict[str, Any], _: Facts) -> bool:
    cents = whole(params["cents"]) > 5
    return number(params["rate"]) < 0.5 if "rate" in params else cents


LEAVES = (
    Tree("params.cents > 900", lambda p, _: whole(p["cents"]) > 900),
    Tree("params.cents * params.cents > 900", lambda p, _: whole(whole(p["cents"]) ** 2) > 900),
    Tree("params.cents % 7 == 3", lambda p, _: whole(p["cents"]) % 7 == 3),
    Tree("params.cents > tables.cap[params.kind]", lambda p, _: whole(p["cents"]) > CAPS[p["kind"]]),
    Tree('lower(params.order_id) == "void"', lambda p, _: text(p["order_id"]).lower() == "void"),
    Tree('params.order_id.contains("X")', lambda p, _: "X" in text(p["order_id"])),
    Tree("params.order_id in registry.closed", lambda p, _: text(p["order_id"]) in ("X-1", "VOID")),
    Tree("has(params.rate) && params.rate > 1.0", _optional("rate", lambda v: number(v) > 1)),
    Tree("has(params.usd) && usd(params.usd) > 5000000", _optional("usd", lambda v: micros(v) > 5_000_000)),
    Tree(
        'has(params.day) && date(params.day) < timestamp("2026-03-31T00:00:00Z")',
        _optional("day", lambda v: day(v) < date(2026, 3, 31)),
    ),
    Tree(
        "has(params.ids) && sum(params.ids) > 900",
        _optional("ids", lambda v: whole(sum(map(whole, items(v)))) > 900),
    ),
    Tree("has(params.ids) && 7 in params.ids", _optional("ids", lambda v: 7 in items(v))),
    Tree("has(params.note) && size(params.note) > 5", _optional("note", lambda v: len(text(v)) > 5)),
    Tree(
        "has(params.lines) && sum(usd(params.lines.usd)) > 7000000",
        _optional("lines", lambda v: sum(micros(line["usd"]) for line in items(v)) > 7_000_000),
    ),
    Tree(
        'has(params.lines) && params.lines.exists(one, one.sku == "x")',
        _optional("lines", lambda v: any(text(line["sku"]) == "x" for line in items(v))),
    ),
    Tree("(has(params.rate) ? params.rate < 0.5 : params.cents > 5)", _either),
    Tree(
        "facts.order[params.order_id].paid < params.cents",
        lambda p, facts: paid(facts, p["order_id"]) < whole(p["cents"]),
    ),
)


def _not(one: Tree) -> Tree:
    return Tree(f"!({one.text})", lambda p, f: not one.judge(p, f))


def _both(one: Tree, other: Tree, *, decides: bool) -> Tree:
    def judge(params: dict[str, Any], facts: Facts) -> bool:
        found = [
            one.judge(params, facts),
            other.judge(params, facts),
        ]  # no side is left out: either may be broken
        return any(found) if decides else all(found)

    return Tree(f"({one.text} {'||' if decides else '&&'} {other.text})", judge)


def _pick(condition: Tree, yes: Tree, no: Tree) -> Tree:
    def judge(params: dict[str, Any], facts: Facts) -> bool:
        branches = yes.judge(params, facts), no.judge(params, facts)
        return branches[0 if condition.judge(params, facts) else 1]

    return Tree(f"({condition.text} ? {yes.text} : {no.text})", judge)


TREES = st.recursive(
    st.sampled_from(LEAVES),
    lambda below: (
        st.builds(_not, below)
        | st.builds(_both, below, below, decides=st.booleans())
        | st.builds(_pick, below, below, below)
    ),
    max_leaves=4,
)
