"""What a tool gives back: an answer with what it really cost, or its word that it refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from toolgate.processors.claims import AMOUNT_MAX
from toolgate.schemas.records import Command
from toolgate.sdk.errors import AnswerError

RECORDS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool gave back, when there is more to say than plain data.

    `body` is plain JSON data; one above 64 KiB is reported by its digest alone, so keep it where `body_uri`
    says. `actual_cost_micros` and `actual_records` replace what was reserved; None: as reserved.

    Example:
        >>> Answer({"invoice": "INV-1001"}, actual_cost_micros=1_200).actual_cost_micros
        1200

    Raises:
        AnswerError: a cost that is no whole number from 0 to 2^53 - 1, or more than 2,000 records. Raised within a
            tool, it ends the command as `unknown`.
    """

    body: Any = None
    body_uri: str = ""
    actual_cost_micros: int | None = None
    actual_records: tuple[str, ...] | None = None
    provider_call_id: str = ""

    def __post_init__(self) -> None:
        cost, records = self.actual_cost_micros, self.actual_records
        if cost is not None and (type(cost) is not int or not 0 <= cost <= AMOUNT_MAX):
            raise AnswerError(
                f"actual_cost_micros is {cost!r}, not a whole number from 0 to 2^53 - 1",
                remedy="give micro-dollars, or None for as much as was reserved",
            )
        if records is not None and len(records) > RECORDS_MAX:
            raise AnswerError(
                f"actual_records has {len(records):,} entries, at most {RECORDS_MAX:,} are allowed",
                remedy="make such a tool's calls smaller: nothing counts what cannot be named",
            )


class ToolError(Exception):
    """The tool refused or failed, and says so: the command ends with status `error` and this text.

    Raise it only where it is known what happened; any other exception ends the command as `unknown`.
    `answer` may say what the attempt cost.
    """

    def __init__(self, message: str, answer: Answer | None = None) -> None:
        super().__init__(message)
        self.answer = answer or Answer()


Handler = Callable[[Command], Any]
"""One tool: takes the command, gives back an `Answer` or plain JSON data."""
