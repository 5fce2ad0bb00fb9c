"""Bugs of money and records: more is approved than there was room for, or the accounts do not say so."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bug import in_histories, in_tests
from universe import Universe

from toolgate.processors import amounts, chain
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Op
from toolgate.streams.ledger import judging, taking
from toolgate.streams.ledger.accounts import Records
from toolgate.streams.ledger.memory import MemoryLedger

if TYPE_CHECKING:
    import pytest


def gives_at_once(patch: pytest.MonkeyPatch) -> None:
    """What a settlement frees is used before its record is committed."""

    def execute(self: MemoryLedger, ops: Any, clk: int) -> list[Any]:
        for op in ops:
            self._image.accounts.give(self._image.accounts.execute(op, clk))
        return []

    patch.setattr(MemoryLedger, "_execute", execute)


def visible_omitted(patch: pytest.MonkeyPatch) -> None:
    """No event says that freed room became available."""
    judge = MemoryLedger._judge
    patch.setattr(MemoryLedger, "_judge", lambda self, ask, d: judge(self, ask, changed(d, visible=())))


def ended_settled_again(patch: pytest.MonkeyPatch) -> None:
    """A second end of a reservation settles it again."""

    def settle(asked: Any, accounts: Any, clk: int) -> Any:
        found = accounts.reservation(asked.reservation_id, clk)
        if found is not None:
            found.end = ""
        return taking.settle(asked, accounts, clk)

    patch.setattr(judging, "settle", settle)


def checked_then_taken(patch: pytest.MonkeyPatch) -> None:
    """All claims of a call are checked against what there was before it, and taken afterwards."""
    decide, against = MemoryLedger.decide, taking.level_against
    before: Any = None

    def first(self: MemoryLedger, ctl: int, shares: Any) -> Any:
        nonlocal before
        before = copy.deepcopy(self._image.accounts)
        return decide(self, ctl, shares)

    patch.setattr(MemoryLedger, "decide", first)
    patch.setattr(judging, "level_against", lambda claim, _accounts, clk: against(claim, before, clk))


def charged_on_denial(patch: pytest.MonkeyPatch) -> None:
    """What is refused is charged all the same."""
    claims = MemoryLedger._claims

    def charging(self: MemoryLedger, ask: Any, decision: Any) -> Any:
        made, gives = claims(self, ask, decision)
        if made.verdict == "DENY" and ask.reserve is not None:
            ops = taking.take(ask.claims, ask.reserve, self._image.accounts, made.clk)
            made, gives = changed(made, ops=made.ops + ops), gives + self._execute(ops, made.clk)
        return made, gives

    patch.setattr(MemoryLedger, "_claims", charging)


def expiry_as_an_operation(patch: pytest.MonkeyPatch) -> None:
    """What has expired is ended by whoever calls next; nothing in the log says so."""
    decide = MemoryLedger.decide

    def ending(self: MemoryLedger, ctl: int, shares: Any) -> Any:
        for reservation in self._image.accounts.reservations.values():
            if reservation.expires_at <= self._image.clk:
                reservation.end = reservation.end or "expired"
        return decide(self, ctl, shares)

    patch.setattr(MemoryLedger, "decide", ending)


def expiry_by_the_wall_clock(patch: pytest.MonkeyPatch) -> None:
    """Whether something has expired is read off the machine's clock."""
    step, wall = Universe.step, 0

    def stepping(self: Universe, worker: Any) -> str:
        nonlocal wall
        wall = self.broker.now_ms
        return step(self, worker)

    patch.setattr(Universe, "step", stepping)
    patch.setattr(
        judging, "settle", lambda asked, accounts, clk: taking.settle(asked, accounts, max(clk, wall))
    )


def settled_above_the_reserve(patch: pytest.MonkeyPatch) -> None:
    """A result that cost more than was reserved spends more, whatever room there is."""

    def settle(asked: Any, accounts: Any, clk: int) -> Any:
        outcome, ops = taking.settle(asked, accounts, clk)
        rows = [[(name, spent + over, freed, 0) for name, spent, freed, over in op.args[2]] for op in ops]
        return outcome, tuple(
            Op(op.op, (*op.args[:2], tuple(row), *op.args[3:])) for op, row in zip(ops, rows, strict=True)
        )

    patch.setattr(judging, "settle", settle)


def windows_that_stand(patch: pytest.MonkeyPatch) -> None:
    """Distinct records are counted by the hour of the clock instead of over the last hour."""

    def within(self: Records, clk: int) -> dict[str, int]:
        return {r: at for r, at in self.seen.items() if at // self.window == clk // self.window}

    def records(accounts: Any, claim: Any, clk: int) -> dict[str, int]:
        found = accounts.find(f"w:{claim.key}", clk)
        return found.within(clk) if isinstance(found, Records) else {}

    patch.setattr(Records, "within", within)
    patch.setattr(taking, "_records", records)


def money_in_floats(patch: pytest.MonkeyPatch) -> None:
    """Money is read as a floating-point number."""

    def parse(value: object) -> int:
        return int(float(value if isinstance(value, str | int | Decimal) else 0) * amounts.MICROS_PER_USD)

    patch.setattr(amounts, "parse_usd", parse)


def shadow_that_takes(patch: pytest.MonkeyPatch) -> None:
    """What is only recorded moves accounts: its attempts are taken like anybody's."""
    shadowed = chain.shadowed
    patch.setattr(chain, "shadowed", lambda case, why: changed(shadowed(case, why), always=case.always))


def settled_by_id_alone(patch: pytest.MonkeyPatch) -> None:
    """An approval is not bound to its digest: whoever names its id settles it."""

    def settle(asked: Any, accounts: Any, clk: int) -> Any:
        found = accounts.reservation(asked.reservation_id, clk)
        fitting = changed(asked, digest=found.digest, tool=found.tool) if found else asked
        return taking.settle(fitting, accounts, clk)

    patch.setattr(judging, "settle", settle)


_AMOUNTS = "unit/processors/test_amounts.py::"
BUGS = (
    *in_histories(
        gives_at_once, visible_omitted, checked_then_taken, charged_on_denial, expiry_as_an_operation,
        expiry_by_the_wall_clock, settled_above_the_reserve, windows_that_stand,
    ),
    *in_histories(ended_settled_again, result=0.15),
    *in_histories(shadow_that_takes, world="proposing"),
    in_tests(money_in_floats, _AMOUNTS + "test_reads_money_exactly", _AMOUNTS + "test_refuses_what_is_no_exact_money"),
    in_tests(settled_by_id_alone, "integration/ledger/test_contract.py::test_a_reservation_ends_once[memory]"),
)  # fmt: skip
