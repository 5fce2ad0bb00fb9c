"""Balances: where shared accounts stand and how they got there, as the audit tells people."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toolgate.schemas.records import AuditEvent

ACCOUNTS_MAX = 1_000
POINTS_MAX = 240
RUN = "run:"


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """An account after the decision at `seq`."""

    seq: int
    clk: int
    used: int
    max: int


@dataclass(slots=True)
class Account:
    """An account; its points are thinned out as they grow many, the newest stays."""

    name: str
    unit: str
    points: list[Point] = field(default_factory=list)

    @property
    def scope(self) -> str:
        """Tenant, workflow, agent, tool, system."""
        return self.name.partition(":")[0]

    @property
    def last(self) -> Point:
        """The newest, by the ledger's order: partitions of the audit are not in it."""
        return max(self.points)

    def curve(self) -> list[Point]:
        """All points in the ledger's order."""
        return sorted(self.points)

    def add(self, point: Point) -> None:
        """One more."""
        self.points.append(point)
        if len(self.points) > POINTS_MAX:
            kept = self.curve()
            self.points = [*kept[:-1:2], kept[-1]]


class Balances:
    """A fold of the audit: every account but those of single runs, which their own pages show."""

    def __init__(self) -> None:
        self._accounts: OrderedDict[str, Account] = OrderedDict()

    def take(self, event: AuditEvent) -> None:
        """The next event; what was told before is told again without harm."""
        for balance in event.balances:
            if balance.account.startswith(RUN):
                continue
            account = self._accounts.setdefault(balance.account, Account(balance.account, balance.unit))
            self._accounts.move_to_end(balance.account)
            account.add(Point(event.seq, event.clk, balance.used, balance.max))
        while len(self._accounts) > ACCOUNTS_MAX:
            self._accounts.popitem(last=False)

    def fullest(self, scope: str = "") -> list[Account]:
        """The accounts of a scope, or all, those first of which least is left."""
        found = [one for one in self._accounts.values() if scope in {"", one.scope}]
        return sorted(found, key=lambda one: (-share(one.last), one.name))


def share(point: Point) -> float:
    """How much of an account is used up; 1.0 is all."""
    return point.used / point.max if point.max else 1.0
