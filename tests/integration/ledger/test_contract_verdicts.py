"""What every ledger promises about holds, drafts and what is only recorded: claims looked at, and not taken."""

from __future__ import annotations

from typing import Any

import pytest

from toolgate.processors.claims import Charge, Claim, Count, Label, Rate, Reserve
from toolgate.schemas.frozen import changed
from toolgate.streams.ledger.memory import MemoryLedger, Store
from toolgate.streams.ledger.redis import RedisLedger, connect
from toolgate.streams.ports import Ask, Decision, Share

pytestmark = pytest.mark.real

T0 = 1_772_323_200_000
TP = ("intents", 0)
USD = Label("BUDGET_EXCEEDED", "budgets[0]", "tenant", "usd_micros")
CALLS = Label("BUDGET_EXCEEDED", "budgets[1]", "tenant", "calls")


class One:
    """A worker that owns one topic-partition of a fresh ledger."""

    def __init__(self, ledger: Any) -> None:
        self.ledger = ledger
        self.next = 0
        ledger.standing()
        ledger.claim("g1")
        ledger.wipe("g1")
        ledger.finish("g1", 0, 0, {}, {TP: 0})
        ledger.standing()
        self.epoch = ledger.take(TP, 0, ledger.owner(TP))

    def decide(self, ask: Ask) -> Decision:
        """Decide one new record; its offset is filled in."""
        at, self.next = self.next, self.next + 1
        share = Share(*TP, self.epoch, 0, at, at + 1, (changed(ask, offset=at),))
        found: Decision = self.ledger.decide(0, [share]).decisions[0][0]
        return found


@pytest.fixture(params=["memory", "redis"])
def one(request: pytest.FixtureRequest) -> One:
    """A worker on either ledger."""
    if request.param == "memory":
        return One(MemoryLedger(Store()))
    url = request.getfixturevalue("stack").redis_url
    connect(url).flushdb()
    return One(RedisLedger(url, "verdicts"))


def money(amount: int, cap: int) -> Charge:
    """A charge of the tenant's money."""
    return Charge("tenant:t:usd", amount, cap, USD)


def approved(claim: Claim, name: str) -> Ask:
    """An approved intent with this claim."""
    return Ask(0, T0, "APPROVE", name, "d", claims=(claim,), reserve=Reserve(name, 600_000, "d", "tool"))


TRY = Rate("run:r/t/w:attempts", 1_000_000, 60_000_000, CALLS)
DENIED = Count("run:r/t/w:denials", 1, None, CALLS)


def asked(verdict: str, *claims: Any, name: str = "i1", **fields: Any) -> Ask:
    """An intent that its chain did not approve, with these claims."""
    return Ask(0, T0, verdict, name, "d", claims=claims, always=(TRY,), on_deny=(DENIED,), **fields)


@pytest.mark.parametrize("verdict", ["HOLD", "DRAFT"])
def test_a_hold_or_draft_that_has_room_takes_its_attempt_alone(one: One, verdict: str) -> None:
    """Nothing is reserved for what may never happen; it is a first decision all the same, and no denial."""
    decision = one.decide(asked(verdict, money(3, 10)))
    assert (decision.verdict, decision.first, decision.refused) == (verdict, True, ())
    assert [op.args[0] for op in decision.ops] == [TRY.key]
    assert decision.after == (("tenant:t:usd", 0),)
    assert one.decide(asked(verdict, money(3, 10))).verdict == "DUPLICATE"
    assert one.decide(approved(money(10, 10), "i2")).verdict == "APPROVE"


@pytest.mark.parametrize("verdict", ["HOLD", "DRAFT"])
def test_a_hold_or_draft_that_has_no_room_is_denied(one: One, verdict: str) -> None:
    """People are not asked about what could not be done: a denial is more severe, and counts as one."""
    one.decide(approved(money(8, 10), "i0"))
    decision = one.decide(asked(verdict, money(3, 10)))
    assert (decision.verdict, decision.first, decision.refused) == ("DENY", True, ((1, 8),))
    assert [op.args[0] for op in decision.ops] == [TRY.key, DENIED.key]


@pytest.mark.parametrize("held", [0, 8])
def test_what_is_only_recorded_moves_no_account(one: One, held: int) -> None:
    """In shadow the ledger says what would have been refused, and the id is used all the same."""
    one.decide(approved(money(held, 10), "i0"))
    before = one.ledger.dump()
    ask = Ask(0, T0, "RECORDED", "i1", "d", claims=(TRY, money(3, 10)), on_deny=(DENIED,))
    decision = one.decide(ask)
    assert (decision.verdict, decision.first, decision.ops) == ("RECORDED", True, ())
    assert decision.refused == (((1, 8),) if held else ())
    after = one.ledger.dump()
    assert (after["accounts"], after["reservations"]) == (before["accounts"], before["reservations"])
    assert one.decide(ask).verdict == "DUPLICATE"
    assert one.decide(Ask(0, T0, "RECORDED", "i1", "e")).conflict


def test_a_dry_run_of_a_hold_is_no_first_decision(one: One) -> None:
    """Its claims are looked at, its id stays free."""
    decision = one.decide(asked("HOLD", money(30, 10), dry_run=True))
    assert (decision.verdict, decision.first) == ("DENY", False)
    assert [op.args[0] for op in decision.ops] == [TRY.key]
    assert one.decide(asked("HOLD", money(3, 10))).verdict == "HOLD"
