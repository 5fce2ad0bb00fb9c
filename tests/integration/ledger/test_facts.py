"""What runs remember, in both ledgers: each rule as one small case."""

from __future__ import annotations

import pytest
from ledger_driver import CALLS, T0, TPS, Driver, intent, money, told

from toolgate.processors.claims import FACT_BYTES_MAX, FACTS_MAX, RUN_KEEP_MS, Count, Remember, Settle
from toolgate.streams.ports import Ask, Look, UnverifiedError

pytestmark = pytest.mark.real
A, _, R = TPS


def test_what_a_result_tells_is_remembered_when_it_ends_something(driver: Driver) -> None:
    """Not when it names nothing, is another's, or comes again: the first END wins."""
    fact, counts = Remember("r", "f", "1"), Count("run:r:landed", 1, None, CALLS)
    driver.decide(R, told("r1", fact, counts))
    driver.decide(A, intent(money(1, 10), hold="r1"))
    other = Settle("r1", "d", "other", void=False)
    driver.decide(R, Ask(0, T0, "RECORDED", settle=other, claims=(fact, counts)))
    assert driver.ledger.look(["r"], ["run:r:landed"]) == Look({}, {})
    driver.decide(R, told("r1", fact, counts))
    driver.decide(R, told("r1", Remember("r", "f", "2"), counts))
    assert driver.ledger.look(["r", "s"], ["run:r:landed"]) == Look({"r": {"f": "1"}}, {"run:r:landed": 1})


def test_facts_are_there_at_once_and_an_empty_text_forgets(driver: Driver) -> None:
    """Only the run's own partition looks at them, in its order."""
    driver.decide(A, intent(Remember("r", "f", "1"), Remember("r", "g", "2")))
    driver.decide(A, intent(Remember("r", "f", "")))
    assert driver.ledger.look(["r"], []).facts == {"r": {"g": "2"}}


def test_facts_are_not_taken_by_what_is_not_approved(driver: Driver) -> None:
    """A denied call leaves nothing for its result, and neither does a dry run."""
    driver.decide(A, intent(money(11, 10), Remember("r", "f", "1")))
    driver.decide(A, intent(Remember("r", "f", "1"), dry_run=True))
    assert driver.ledger.look(["r"], []).facts == {}


@pytest.mark.parametrize(
    ("before", "name", "text", "kept"),
    [
        ({}, "f", "x" * FACT_BYTES_MAX, True),
        ({}, "f", "x" * (FACT_BYTES_MAX + 1), False),
        ({"f": "old"}, "f", "\u00e9" * (FACT_BYTES_MAX // 2 + 1), False),
        ({f"n{n}": "x" for n in range(FACTS_MAX)}, "f", "x", False),
        ({f"n{n}": "x" for n in range(FACTS_MAX)}, "n0", "y", True),
        ({f"n{n}": "x" * 4_000 for n in range(16)}, "f", "x" * 1_600, False),
        ({f"n{n}": "x" * 4_000 for n in range(16)}, "f", "x" * 1_400, True),
    ],
)
def test_a_run_remembers_only_so_much(
    driver: Driver, before: dict[str, str], name: str, text: str, *, kept: bool
) -> None:
    """What is too much is not remembered, and what it would have replaced is no longer true."""
    driver.decide(A, intent(*(Remember("r", *one) for one in before.items())))
    driver.decide(A, intent(Remember("r", name, text)))
    expected = {key: value for key, value in before.items() if key != name} | ({name: text} if kept else {})
    assert driver.ledger.look(["r"], []).facts == {"r": expected}


def test_a_run_forgets_when_it_was_idle_for_long_enough(driver: Driver) -> None:
    """And begins anew, without what lay there before."""
    driver.decide(A, intent(Remember("r", "f", "1")))
    later = T0 + RUN_KEEP_MS
    driver.decide(A, intent(time_ms=later))
    assert driver.ledger.look(["r"], []).facts == {}
    driver.decide(A, intent(Remember("r", "g", "2"), time_ms=later))
    assert driver.ledger.look(["r"], []).facts == {"r": {"g": "2"}}
    assert driver.ledger.dump()["accounts"]["f:r"][0] == {"g": "2"}


def test_a_redelivered_record_gets_what_it_was_judged_with(driver: Driver) -> None:
    """Its publisher may know more by then, and must come to the same."""
    driver.decide(A, intent(money(3, 10), name="i1", given="first"))
    driver.next[A] = 0
    again = driver.decide(A, intent(money(3, 10), name="i1", given="later"))
    assert again is not None
    assert again.given == "first"


def test_many_full_accounts_are_loaded_again(driver: Driver) -> None:
    """Twenty megabytes of what runs remember: no call of a rebuild holds Redis up for all of it."""
    texts = {f"n{number:02}": "x" * 4_000 for number in range(16)}
    accounts = {f"f:r{n}": [texts, T0, RUN_KEEP_MS] for n in range(300)}
    driver.ledger.claim("g2")
    driver.ledger.wipe("g2")
    driver.ledger.load("g2", T0, accounts, ())
    driver.ledger.finish("g2", 0, 0, {}, dict.fromkeys(TPS, 0))
    assert driver.ledger.dump()["accounts"] == dict(sorted(accounts.items()))


def test_only_a_verified_ledger_is_looked_into(driver: Driver) -> None:
    """One that was restarted may have forgotten what the log says."""
    driver.lose_scripts()
    with pytest.raises(UnverifiedError):
        driver.ledger.look(["r"], [])


def test_whoever_takes_a_partition_learns_what_was_decided_there(driver: Driver) -> None:
    """Committed or not: results must be published again before anything is judged by what they told."""
    assert driver.ledger.decided(R) == 0
    driver.decide(R, told("r1"))
    assert driver.ledger.decided(R) == 1
