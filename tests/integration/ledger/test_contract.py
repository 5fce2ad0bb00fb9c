"""What every ledger promises, in memory and in Redis: each rule of the protocol as one small case."""

from __future__ import annotations

from typing import Any

import pytest
from ledger_driver import CALLS, MINUTE, T0, TPS, USD, Driver, calls, intent, money, result

from toolgate.processors.claims import (
    ENDED,
    RELEASED,
    UNKNOWN,
    Count,
    Distinct,
    Forbid,
    Own,
    Rate,
    Require,
    Settle,
)
from toolgate.streams.ledger.memory import MemoryLedger
from toolgate.streams.ledger.redis import RedisLedger
from toolgate.streams.ledger.rows import reserved
from toolgate.streams.ports import (
    Ask,
    CodeMismatchError,
    RejoinError,
    StaleControlError,
    UnavailableError,
    UnverifiedError,
)

pytestmark = pytest.mark.real

A, B, R = TPS


@pytest.mark.parametrize(
    ("fields", "error", "says"),
    [
        ({"epoch": 9}, RejoinError, "FENCED"),
        ({"expect": 5}, UnverifiedError, "committed up to 5"),
        ({"start": 4, "next": 4}, RejoinError, "GAP"),
        ({"start": 0, "next": 1, "asks": (Ask(0, T0, "DENY"),)}, UnverifiedError, "no decision at 0"),
    ],
)
def test_a_call_that_does_not_fit_changes_nothing(
    driver: Driver, fields: dict[str, Any], error: type[Exception], says: str
) -> None:
    """Another epoch, an older ledger, a lost batch and a lost decision are refused before any write."""
    driver.decide(A, intent(money(3, 10), name="i1", hold="r1"))
    driver.commit()
    driver.decide(A)
    before = driver.ledger.dump()
    good = driver.share(B, next=1, asks=(intent(money(3, 10), name="i2", hold="r2"),))
    with pytest.raises(error, match=says):
        driver.ledger.decide(0, [good, driver.share(A, **fields)])
    assert driver.ledger.dump() == before


def test_a_redelivered_record_gets_its_stored_decision(driver: Driver) -> None:
    """The same offset again: the same decision, and nothing is charged twice."""
    first = driver.decide(A, intent(money(3, 10), name="i1", hold="r1"))
    driver.next[A] = 0
    again = driver.decide(A, intent(money(3, 10), name="i1", hold="r1"))
    assert again == first
    assert driver.ledger.dump()["accounts"]["c:tenant:t:usd"][0] == 3


def test_freed_room_is_there_only_once_its_record_is_committed(driver: Driver) -> None:
    """Takes at once, gives at commit: another partition may not spend what a result that may abort has freed."""
    driver.decide(A, intent(money(10, 10), hold="r1"))
    driver.decide(R, result("r1", usd_micros=4))
    early = driver.decide(B, intent(money(6, 10), hold="r2"))
    assert (early.verdict, early.refused) == ("DENY", ((0, 10),))
    driver.commit()
    assert driver.decide(B, intent(money(6, 10), hold="r3")).verdict == "APPROVE"


def test_every_decision_says_what_became_visible_until_one_that_did_is_committed(driver: Driver) -> None:
    """The first carrier may be dropped by a recovery while a later decision used the room."""
    driver.decide(A, intent(money(10, 10), hold="r1"))
    driver.decide(R, result("r1", usd_micros=4))
    driver.commit()
    first, second = driver.decide(A, intent()), driver.decide(B, intent())
    assert [(v.topic, v.partition, v.offset) for v in first.visible] == [("results", 0, 1)]
    assert second.visible == first.visible
    driver.commit()
    assert driver.decide(A, intent()).visible == ()


def test_stable_stops_below_the_smallest_decision_of_any_partition(driver: Driver) -> None:
    """Also a partition that the call says nothing of may still publish a low seq."""
    driver.decide(B, intent())
    driver.decide(A, intent())
    driver.committed[A] = 1
    driver.ledger.decide(0, [driver.share(A)])
    assert driver.ledger.decide(0, [driver.share(A)]).stable == 0
    driver.commit()
    driver.decide(A)
    assert driver.stable == 2


def test_what_another_partition_counted_permits_only_once_committed(driver: Driver) -> None:
    """`require` reads what is committed, `forbid` reads at once; a run's own counters are read at once."""
    count = Count("tenant:t:seen", 1, None, CALLS)
    own = Count("run:r:seen", 1, None, CALLS)
    driver.decide(A, intent(count, own))
    needs = Require("tenant:t:seen", 1, CALLS)
    assert driver.decide(B, intent(needs)).refused == ((0, 0),)
    assert driver.decide(B, intent(Forbid("tenant:t:seen", 1, CALLS))).refused == ((0, 1),)
    assert driver.decide(A, intent(Require("run:r:seen", 1, CALLS))).verdict == "APPROVE"
    driver.commit()
    assert driver.decide(B, intent(needs)).verdict == "APPROVE"


def test_expiry_is_a_rule_on_the_clock_and_no_op(driver: Driver) -> None:
    """Released calls are free at their time although nothing said so; money stays spent until a result refunds."""
    driver.decide(A, intent(calls(1, 1), money(10, 10), hold="r1"))
    late = T0 + 11 * MINUTE
    denied = driver.decide(A, intent(calls(2, 1), time_ms=late))
    assert (denied.refused, denied.ops) == (((0, 0),), ())
    again = driver.decide(B, intent(calls(1, 1), hold="r2", time_ms=late))
    assert (again.verdict, [op.op for op in again.ops]) == ("APPROVE", ["reserve"])
    assert driver.decide(B, intent(money(1, 10), time_ms=late)).verdict == "DENY"
    settled = driver.decide(R, result("r1", late, usd_micros=4, calls=1))
    assert settled.note == "uncovered"
    driver.commit()
    assert driver.decide(B, intent(money(6, 10), time_ms=late)).verdict == "APPROVE"


def test_the_clock_never_runs_back(driver: Driver) -> None:
    """Partitions lag each other: a late record is decided at the ledger's time, not its own."""
    assert driver.decide(A, intent(time_ms=T0 + 5)).clk == T0 + 5
    assert driver.decide(B, intent(time_ms=T0)).clk == T0 + 5


def test_a_reservation_ends_once(driver: Driver) -> None:
    """A second end, an unknown command, another digest and another tool change nothing."""
    driver.decide(A, intent(money(8, 10), hold="r1"))
    wrong = Ask(0, T0, "RECORDED", settle=Settle("r1", "other", "tool", void=False))
    assert driver.decide(R, wrong).note == "mismatch"
    assert driver.decide(R, result("r1", usd_micros=12)).note == "settled"
    for reservation, note in (("r1", "ended"), ("r9", "unknown")):
        again = driver.decide(R, result(reservation, void=True))
        assert (again.note, again.ops) == (note, ())
    used, uncovered, *_ = driver.ledger.dump()["accounts"]["c:tenant:t:usd"]
    assert (used, uncovered) == (8, 4)


def test_an_end_that_nobody_knows_leaves_the_reservation_to_people(driver: Driver) -> None:
    """What it tells is remembered; people speak once its time is over, and once, as a late result would."""
    driver.decide(A, intent(money(8, 10), hold="r1"))
    landed = Count("run:r:landed", 1, None, CALLS)
    told = Ask(0, T0, "RECORDED", settle=settling("r1", UNKNOWN), claims=(landed,))
    unknown = driver.decide(R, told)
    assert (unknown.note, [op.op for op in unknown.ops]) == ("unresolved", ["count"])
    late = T0 + 10 * MINUTE
    for time_ms, settle, note, ops in (
        (late - 1, settling("r1", RELEASED), "running", 0),
        (late, settling("r1", RELEASED, digest="e"), "mismatch", 0),
        (late, settling("r1", RELEASED, actuals=(("usd_micros", 3),)), "late", 1),
        (late, settling("r1", RELEASED), "ended", 0),
        (late, settling("r1", ENDED), "ended", 0),
        (late, settling("r1", UNKNOWN), "ended", 0),
        (late, settling("r9", RELEASED), "unknown", 0),
    ):
        said = driver.decide(R, Ask(0, time_ms, "RECORDED", settle=settle))
        assert (said.note, len(said.ops)) == (note, ops)
    driver.commit()
    driver.decide(A)
    assert driver.ledger.dump()["accounts"]["c:tenant:t:usd"][0] == 3


def test_an_end_that_nobody_knows_keeps_what_expiry_would_give_back(driver: Driver) -> None:
    """It is spent at once: else there would be room that perhaps is none."""
    driver.decide(A, intent(calls(1, 1), money(8, 10), hold="r1"))
    unknown = driver.decide(R, Ask(0, T0, "RECORDED", settle=settling("r1", UNKNOWN)))
    assert (unknown.note, [op.args[1] for op in unknown.ops]) == ("settled", ["settled"])
    late = T0 + 11 * MINUTE
    assert driver.decide(A, intent(calls(1, 1), time_ms=late)).verdict == "DENY"
    assert driver.decide(R, Ask(0, late, "RECORDED", settle=settling("r1", RELEASED))).note == "ended"


def settling(reservation: str, says: int, digest: str = "d", actuals: Any = ()) -> Settle:
    """Whose word it is on a reservation."""
    return Settle(reservation, digest, "tool", void=False, actuals=actuals, says=says)


def test_a_result_may_name_more_records_than_lua_can_unpack(driver: Driver) -> None:
    """An executor's long list settles its command; it must not fail the call, which would come again for ever."""
    touched = Distinct("workflow:w", ("a",), 9, CALLS, MINUTE, MINUTE)
    driver.decide(A, intent(touched, money(3, 10), hold="r1"))
    many = tuple(str(n) for n in range(16_000))
    ended = driver.decide(
        R, Ask(0, T0, "RECORDED", settle=Settle("r1", "d", "tool", void=False, records=many))
    )
    assert (ended.note, ended.ops[0].args[3]) == ("settled", many)


def test_only_first_decisions_are_remembered(driver: Driver) -> None:
    """A duplicate names the first decision; the same id with other content is refused; a dry run leaves no id."""
    dry = driver.decide(A, intent(money(1, 10), name="i1", dry_run=True, hold="r0"))
    first = driver.decide(A, intent(money(1, 10), name="i1", hold="r1"))
    twin = driver.decide(B, intent(money(1, 10), name="i1", hold="r2"))
    other = driver.decide(B, intent(money(1, 10), name="i1", digest="e", hold="r3"))
    third = driver.decide(B, intent(money(1, 10), name="i1", hold="r4"))
    assert (dry.first, first.first, twin.first, other.first, third.first) == (
        False,
        True,
        False,
        False,
        False,
    )
    assert (twin.verdict, twin.first_seq, third.first_seq) == ("DUPLICATE", first.seq, first.seq)
    assert (other.verdict, other.conflict) == ("DENY", True)
    assert driver.ledger.dump()["accounts"]["c:tenant:t:usd"][0] == 1


def test_a_denial_takes_no_claim_but_counts(driver: Driver) -> None:
    """All claims or none; the attempt and the denial are counted whatever the verdict."""
    tries = Rate("run:r:attempts", 1_000_000, 0, CALLS)
    ask = intent(
        money(3, 10),
        calls(9, 1),
        hold="r1",
        always=(tries,),
        on_deny=(Count("run:r:denials", 1, None, CALLS),),
    )
    assert driver.decide(A, ask).verdict == "DENY"
    assert set(driver.ledger.dump()["accounts"]) == {"g:run:r:attempts", "n:run:r:denials"}


def test_a_run_belongs_to_its_first_owner_and_ends_by_idleness(driver: Driver) -> None:
    """Level 1: another's run. Level 2: a day without an approval. After two days it is forgotten."""
    day = 86_400_000
    mine, theirs = Own("r", "t/w/a", USD), Own("r", "t/w/b", USD)
    assert driver.decide(A, intent(mine)).verdict == "APPROVE"
    assert driver.decide(A, intent(theirs)).refused == ((0, 1),)
    assert driver.decide(A, intent(mine, time_ms=T0 + day)).refused == ((0, 2),)
    assert driver.decide(A, intent(theirs, time_ms=T0 + 2 * day)).verdict == "APPROVE"


def test_control_is_applied_at_one_seq_by_whoever_comes_first(driver: Driver) -> None:
    """Only from the position before it; asked again, the stored seq; a batch judged before it is sent back."""
    driver.decide(A, intent())
    with pytest.raises(StaleControlError) as stale:
        driver.ledger.apply_control(7, 5)
    assert stale.value.ctl == 0
    assert driver.ledger.apply_control(2, 0) == 1
    with pytest.raises(StaleControlError) as newer:
        driver.ledger.decide(0, [driver.share(A)])
    assert newer.value.ctl == 3
    driver.decide(A, intent(), ctl=3)
    assert driver.ledger.apply_control(2, 0) == 1


def test_a_store_that_lost_its_scripts_is_not_trusted(driver: Driver) -> None:
    """A restarted or promoted store never knew this generation's scripts: nobody decides, nobody reloads."""
    driver.lose_scripts()
    for call in (
        lambda: driver.ledger.decide(0, [driver.share(A)]),
        lambda: driver.ledger.take(A, 1, (0, 1)),
        lambda: driver.ledger.apply_control(0, 0),
    ):
        with pytest.raises(UnverifiedError):
            call()


def test_the_last_claimer_of_a_recovery_wins(driver: Driver) -> None:
    """From the claim on nobody decides, and an overtaken recovery writes nothing more."""
    driver.ledger.claim("g2")
    with pytest.raises(UnverifiedError):
        driver.ledger.decide(0, [driver.share(A)])
    driver.ledger.claim("g3")
    for step in (
        lambda: driver.ledger.wipe("g2"),
        lambda: driver.ledger.load("g2", 0, {"g:x": [1, 2, 0]}, ()),
        lambda: driver.ledger.finish("g2", 0, 0, {}, {}),
    ):
        with pytest.raises(UnverifiedError):
            step()
    driver.ledger.wipe("g3")
    assert driver.ledger.standing().gen == ""
    driver.ledger.finish("g3", 7, 3, {2: 5}, dict.fromkeys(TPS, 4))
    standing = driver.ledger.standing()
    assert (standing.gen, standing.seq, standing.ctl, standing.rec) == ("g3", 7, 3, "")
    assert driver.ledger.apply_control(2, 0) == 5


def test_a_ledger_of_other_scripts_is_left_alone(driver: Driver) -> None:
    """Old and new scripts would rebuild against each other for ever; only a take-over switches."""
    ledger = driver.ledger
    if isinstance(ledger, MemoryLedger):
        other: Any = MemoryLedger(ledger._store, "newer")
    else:
        other = RedisLedger(driver.url, "contract", ledger.lua + "\n-- newer\n")
    with pytest.raises(CodeMismatchError):
        other.claim("g2")
    assert ledger.standing().gen == "g1"
    driver.decide(A, intent())
    other.claim("g2", take_over_code=True)
    with pytest.raises(UnverifiedError):
        driver.decide(A, intent())


def test_a_dump_can_be_loaded_again(driver: Driver) -> None:
    """What a snapshot holds is enough: accounts, reservations and what will expire."""
    driver.decide(
        A,
        intent(
            money(3, 10), calls(1, 2), Count("tenant:t:n", 2, None, CALLS), Own("r", "t/w/a", USD), hold="r1"
        ),
    )
    driver.decide(R, result("r1", usd_micros=1, calls=1))
    driver.decide(B, intent(money(3, 10), calls(1, 2), hold="r2"))
    before = driver.ledger.dump()
    driver.ledger.claim("g2")
    driver.ledger.wipe("g2")
    held = reserved(before["reservations"].items(), before["clk"], 1)
    driver.ledger.load("g2", before["clk"], before["accounts"], held)
    driver.ledger.finish("g2", 3, 0, {}, dict.fromkeys(TPS, 9))
    after = driver.ledger.dump()
    assert (after["accounts"], after["reservations"]) == (before["accounts"], before["reservations"])
    driver.ledger.standing()
    driver.next = dict.fromkeys(TPS, 9)
    driver.commit()
    driver.epochs = {tp: driver.ledger.take(tp, 0, driver.ledger.owner(tp)) for tp in TPS}
    expired = driver.decide(A, intent(calls(1, 2), time_ms=T0 + 11 * MINUTE))
    assert expired.verdict == "APPROVE"


@pytest.mark.parametrize(
    "asks",
    [
        lambda ledger: ledger.standing(),
        lambda ledger: ledger.owner(A),
        lambda ledger: ledger.take(A, 0, (0, 0)),
        lambda ledger: ledger.decided(A),
        lambda ledger: ledger.release(A, 0, 1),
        lambda ledger: ledger.decide(0, []),
        lambda ledger: ledger.look(["r"], []),
        lambda ledger: ledger.apply_control(0, 0),
        lambda ledger: ledger.claim("g"),
        lambda ledger: ledger.beat("g"),
        lambda ledger: ledger.wipe("g"),
        lambda ledger: ledger.load("g", T0, {}, []),
        lambda ledger: ledger.finish("g", 0, 0, {}, {}),
    ],
)
def test_redis_out_of_reach_is_not_an_answer(asks: Any) -> None:
    """No connection: unavailable, whatever is asked, which approves nothing and begins again."""
    ledger = RedisLedger("redis://127.0.0.1:1", "nowhere", timeout_s=0.2)
    with pytest.raises(UnavailableError):
        asks(ledger)
