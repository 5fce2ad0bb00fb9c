"""Claims as accounts.lua takes them: three values each, and the terms that many claims of a batch share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolgate.processors.claims import (
    Charge,
    Count,
    Deadline,
    Distinct,
    Forbid,
    Label,
    Own,
    Rate,
    Remember,
    Require,
    Spend,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolgate.processors.claims import Claim

NO_MAX = -1
WIDTH = 6  # values of one entry in the list of terms
CHARGE, SPEND, RATE, DISTINCT, COUNT, REQUIRE, FORBID, OWN, DEADLINE, REMEMBER = range(1, 11)

Terms = tuple[Any, ...]

# Each claim as its terms, its name and its own value.
_SPLITS: dict[type[Any], Callable[[Any], tuple[Terms, str, Any]]] = {
    Charge: lambda c: (
        (CHARGE, c.max, c.keep_ms, c.label.unit, c.window, c.on_expiry),
        c.account,
        c.amount,
    ),
    Spend: lambda c: (
        (SPEND, c.max, c.keep_ms, c.label.unit, c.window),
        c.account,
        (c.amount, c.latch),
    ),
    Rate: lambda c: ((RATE, c.increment_us, c.keep_ms, c.tau_us), c.key, 0),
    Distinct: lambda c: ((DISTINCT, c.max, c.keep_ms, c.window_ms, c.trued), c.key, c.records),
    Count: lambda c: ((COUNT, c.n, c.keep_ms, NO_MAX if c.max is None else c.max), c.key, 0),
    Require: lambda c: ((REQUIRE, c.n, c.keep_ms), c.key, 0),
    Forbid: lambda c: ((FORBID, c.n, c.keep_ms), c.key, 0),
    Own: lambda c: ((OWN, c.idle_ms, c.keep_ms, c.touch), c.run_id, c.owner),
    Deadline: lambda c: ((DEADLINE,), "", c.at_ms),
    Remember: lambda c: ((REMEMBER, c.trusted, c.keep_ms, c.must), c.run_id, (c.name, c.value)),
}


class TermList:
    """The terms of a call's claims, each once, known by where they begin."""

    def __init__(self) -> None:
        self.flat: list[Any] = []
        self.windows: set[str] = set()
        self._numbers: dict[Terms, int] = {}
        self._last: dict[
            int, tuple[Terms, int]
        ] = {}  # by label: a policy's claims nearly always come with its own

    def triples(self, claims: Sequence[Claim]) -> list[Any]:
        """Terms, name and value of each claim, behind each other."""
        values: list[Any] = []
        last = self._last
        for claim in claims:
            terms, name, value = _SPLITS[type(claim)](claim)
            label = id(claim.label)
            known = last.get(label)
            if known is None or known[0] != terms:
                known = last[label] = (terms, self.number(terms))
            values += (known[1], name, value)
        return values

    def number(self, terms: Terms) -> int:
        """Where these terms begin in the list."""
        number = self._numbers.get(terms)
        if number is None:
            number = self._numbers[terms] = len(self.flat) + 1
            self.flat += terms + (0,) * (WIDTH - len(terms))
            if terms[0] in {CHARGE, SPEND} and terms[4]:
                self.windows.add(terms[4])
        return number


# ... and back, for a claim of which only what the ledger was told is left.
_JOINS: dict[int, Callable[[Sequence[Any], str, Any, Label], Claim]] = {
    CHARGE: lambda t, name, amount, label: Charge(name, amount, t[1], label, t[4], t[5], t[2]),
    SPEND: lambda t, name, own, label: Spend(name, own[0], t[1], label, t[4], own[1], t[2]),
    RATE: lambda t, name, _, label: Rate(name, t[1], t[3], label, t[2]),
    DISTINCT: lambda t, name, records, label: Distinct(name, records, t[1], label, t[3], t[2], t[4]),
    COUNT: lambda t, name, _, label: Count(name, t[1], None if t[3] == NO_MAX else t[3], label, t[2]),
    REQUIRE: lambda t, name, _, label: Require(name, t[1], label, t[2]),
    FORBID: lambda t, name, _, label: Forbid(name, t[1], label, t[2]),
    OWN: lambda t, name, owner, label: Own(name, owner, label, t[1], t[2], t[3]),
    DEADLINE: lambda _t, _name, at_ms, label: Deadline(at_ms, label),
    REMEMBER: lambda t, name, own, label: Remember(name, own[0], own[1], t[1], label, t[2], t[3]),
}


def claim_of(terms: Sequence[Any], name: str, value: Any) -> Claim:
    """The claim that was split into these; how it is called for people does not come back."""
    code = terms[0]
    unit = terms[3] if code in {CHARGE, SPEND} else ""
    return _JOINS[code](terms, name, value, Label("", "", "", unit))
