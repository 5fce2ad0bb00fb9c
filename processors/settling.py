"""Settling: what an executor's end asks of the ledger. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.processors.claims import AMOUNT_MAX, ENDED, UNKNOWN, Settle
from toolgate.processors.limits import record_names
from toolgate.processors.reasons import Code
from toolgate.schemas.enums import ResultStatus
from toolgate.schemas.records import Reason

if TYPE_CHECKING:
    from toolgate.schemas.records import Result


def settle_of(result: Result) -> Settle:
    """What an end does to its command's reservation. Who does not know what happened knows no cost either."""
    unknown = result.status == ResultStatus.UNKNOWN
    return Settle(
        reservation_id=result.command_id,
        digest=result.digest,
        tool=result.tool,
        void=result.status == ResultStatus.VOID,
        actuals=() if unknown else _actuals(result),
        records=record_names(result.actual_records or ()),
        says=UNKNOWN if unknown else ENDED,
    )


def cost_fault(result: Result) -> Reason | None:
    """Why a result does not count for what it says of its cost."""
    fault = amount_fault(result.actual_cost_micros)
    return Reason(Code.COST_INVALID, "actual_cost_micros", fault) if fault else None


def amount_fault(micros: int | None) -> str:
    """Why nothing costs this, or ""; None is for who does not say."""
    return (
        "" if micros is None or 0 <= micros <= AMOUNT_MAX else f"{micros} is not between 0 and {AMOUNT_MAX}"
    )


def _actuals(result: Result) -> tuple[tuple[str, int], ...]:
    actuals = []
    if result.actual_cost_micros is not None:
        actuals.append(("usd_micros", result.actual_cost_micros))
    if result.actual_records is not None:
        actuals.append(("records", len(record_names(result.actual_records))))
    return tuple(actuals)
