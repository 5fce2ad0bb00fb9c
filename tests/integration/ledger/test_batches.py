"""Many records in one call: a commit in the middle of it, time that passes within it, accounts forgotten after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from toolgate.processors.claims import Charge, Count, Distinct, Label, Reserve, Settle
from toolgate.schemas.frozen import changed
from toolgate.streams.ledger.memory import MemoryLedger
from toolgate.streams.ledger.redis import RedisLedger, connect
from toolgate.streams.ledger.store import Store
from toolgate.streams.ports import Ask, Reply, Share, UnverifiedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis

    from toolgate.streams.local import Stack

pytestmark = pytest.mark.real

T0 = 1_772_323_200_000
HOUR = 3_600_000
USD = Label("BUDGET_EXCEEDED", "budgets[0]", "tenant", "usd_micros")
TP = ("intents", 0)


def started(ledger: Any) -> Any:
    """A fresh ledger with one topic-partition of ours."""
    ledger.standing()
    ledger.claim("g1")
    ledger.wipe("g1")
    ledger.finish("g1", 0, 0, {}, {TP: 0})
    ledger.standing()
    ledger.take(TP, 0, ledger.owner(TP))
    return ledger


@pytest.fixture
def client(stack: Stack) -> redis.Redis:
    """The store itself, emptied."""
    client = connect(stack.redis_url)
    client.flushdb()
    return client


@pytest.fixture(params=["memory", "redis"])
def ledger(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Either ledger."""
    if request.param == "memory":
        yield started(MemoryLedger(Store()))
        return
    request.getfixturevalue("client")
    made = RedisLedger(request.getfixturevalue("stack").redis_url, "batches")
    yield started(made)
    made.close()


def call(ledger: Any, committed: int, start: int, *asks: Ask) -> Reply:
    """One call with these asks from offset `start` on."""
    placed = tuple(changed(ask, offset=start + number) for number, ask in enumerate(asks))
    return ledger.decide(0, [Share(*TP, 1, committed, start, start + len(asks), placed)])


def paid(amount: int, hold: str, time_ms: int = T0) -> Ask:
    """An approved intent that reserves money of ten."""
    charge = Charge("tenant:t:usd", amount, 10, USD)
    return Ask(0, time_ms, "APPROVE", claims=(charge,), reserve=Reserve(hold, HOUR, "d", "tool"))


def touched(*records: str, time_ms: int) -> Ask:
    """An approved intent that touches records, three of which may be touched in an hour."""
    return Ask(0, time_ms, "APPROVE", claims=(Distinct("run:r", records, 3, USD, HOUR, 50 * HOUR),))


def result(hold: str, cost: int) -> Ask:
    """The end of a reservation."""
    actuals = (("usd_micros", cost),)
    return Ask(0, T0, "RECORDED", settle=Settle(hold, "d", "tool", void=False, actuals=actuals))


def test_a_commit_in_the_middle_of_a_call_frees_what_is_before_it(ledger: Any) -> None:
    """What the committed part gave is there, the rest is answered as before and still holds `stable` down."""
    first = call(ledger, 0, 0, paid(5, "a"), paid(5, "b"), result("a", 1), result("b", 1), paid(1, "c"))
    assert [decision.verdict for decision in first.decisions[0]] == [
        "APPROVE", "APPROVE", "RECORDED", "RECORDED", "DENY",
    ]  # fmt: skip
    middle = call(ledger, 3, 5, paid(5, "d"))
    assert middle.decisions[0][0].refused == ((0, 6),)
    assert middle.stable == 3
    again = call(ledger, 3, 3, result("b", 1), paid(1, "c"))
    assert again.decisions[0] == first.decisions[0][3:]
    with pytest.raises(UnverifiedError, match="no decision at 2"):
        call(ledger, 3, 2, result("a", 1))
    behind = call(ledger, 5, 6, paid(8, "e"))
    assert behind.decisions[0][0].verdict == "APPROVE"
    assert behind.stable == 5


def test_stored_and_new_records_may_come_in_one_call(ledger: Any) -> None:
    """Redelivered ones are answered as before, also by another call's size, and the new ones are decided."""
    one = call(ledger, 0, 0, paid(3, "a"), paid(3, "b")).decisions[0]
    two = call(ledger, 0, 2, paid(3, "c"), paid(3, "d")).decisions[0]
    again = call(ledger, 0, 1, paid(3, "b"), paid(3, "c"), paid(3, "d"), paid(1, "e")).decisions[0]
    assert again[:3] == (one[1], *two)
    assert [(decision.seq, decision.verdict) for decision in again[2:]] == [(4, "DENY"), (5, "APPROVE")]


def test_a_stored_decision_does_not_follow_the_policy_of_who_asks_again(ledger: Any) -> None:
    """Ops, levels and names are those of then, although the new ask has other claims, or none."""
    ask = changed(paid(3, "a"), claims=(*paid(3, "a").claims, Count("tenant:t:n", 2, 9, USD)))
    first = call(ledger, 0, 0, ask).decisions[0]
    for other in (paid(4, "x"), Ask(0, T0, "DENY")):
        assert call(ledger, 0, 0, other).decisions[0] == first


def test_records_leave_a_set_while_a_call_is_decided(ledger: Any) -> None:
    """A call may span more than the window: later intents of it find room that earlier ones did not."""
    call(ledger, 0, 0, touched("a", "b", time_ms=T0))
    spanning = call(
        ledger,
        1,
        1,
        touched("c", time_ms=T0 + 1),
        touched("d", time_ms=T0 + 2),
        touched("d", "e", time_ms=T0 + HOUR),
        touched("f", "g", time_ms=T0 + HOUR + 1),
    ).decisions[0]
    assert [decision.refused for decision in spanning] == [(), ((0, 4),), (), ((0, 4),)]
    late = call(ledger, 5, 5, touched("h", "i", "j", time_ms=T0 + HOUR + 2)).decisions[0][0]
    assert late.refused == ((0, 5),)
    assert ledger.dump()["accounts"]["w:run:r"][0] == {"d": T0 + HOUR, "e": T0 + HOUR}


def test_forgotten_accounts_are_deleted_with_what_lies_beside_them(stack: Stack, client: redis.Redis) -> None:
    """Memory does not grow with the runs of the past: rows, sets and the lists of what is due go."""
    ledger = started(RedisLedger(stack.redis_url, "batches"))
    part = Charge("run:r:calls", 1, 5, USD, "", "release", 2 * HOUR)
    for number, hours in enumerate((0, 1, 2)):  # touched again, it is kept for longer
        at = T0 + hours * HOUR
        ask = changed(
            touched("a", time_ms=at), claims=(part,), reserve=Reserve(str(number), HOUR, "d", "tool")
        )
        call(ledger, number, number, ask)
    call(ledger, 3, 3, touched("a", time_ms=T0))
    assert client.hlen("{batches}a:c") == client.hlen("{batches}a:w") == 1
    later = T0 + 3
    for number in range(4, 12):
        later += 24 * HOUR
        call(ledger, number, number, Ask(0, later, "DENY"))
    left = {key.decode() for key in client.keys("*")}
    assert left == {"{batches}st", "{batches}tp", "{batches}led:intents:0"}
    ledger.close()
