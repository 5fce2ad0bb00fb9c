"""A reply: what became of one call, in the form an agent works with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from toolgate.schemas.enums import ResultStatus, Verdict

if TYPE_CHECKING:
    from toolgate.schemas.records import Outcome, Result


@dataclass(frozen=True, slots=True)
class Reply:
    """The gate's decision and, where it made a command, that command's end."""

    outcome: Outcome
    result: Result | None

    @property
    def approved(self) -> bool:
        """Whether the gate allowed the call."""
        return self.outcome.verdict == Verdict.APPROVE

    @property
    def ok(self) -> bool:
        """Whether the call was allowed and the tool did what it was asked."""
        return self.result is not None and self.result.status == ResultStatus.OK

    @property
    def data(self) -> Any:
        """What the tool answered, as JSON data; None where it said nothing, or too much for a record."""
        return orjson.loads(self.result.body) if self.result is not None and self.result.body else None

    @property
    def repair(self) -> dict[str, Any]:
        """What the agent can do about it, as docs/reference/repairs.md has it; {} where there is nothing to do.

        Example: `{"do": "change", "params": [{"path": "cents", "expected": {"type": "integer"}}]}`.
        """
        found: dict[str, Any] = orjson.loads(self.outcome.repair) if self.outcome.repair else {}
        return found

    @property
    def why(self) -> str:
        """Why it is not ok, in a line: the gate's reason codes, or the tool's word; "" if it is.

        Example: `DENY: TOOL_DENIED`, `HOLD: HELD_BY_RULE`,
        `error: no such invoice`, `void: expired before this executor could run it`.
        """
        if self.ok:
            return ""
        if self.result is not None:
            return f"{self.result.status}: {self.result.error or 'no reason given'}"
        if self.approved:
            return "" if self.outcome.dry_run else "approved without a command"
        return f"{self.outcome.verdict}: {', '.join(self.outcome.codes) or 'no reason given'}"
