"""A script: which agents there are, what each works on in which order, and how each goes on from what it is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from toolgate.schemas.enums import ResultStatus, Verdict

if TYPE_CHECKING:
    from toolgate.sdk import Outcome, Result


@dataclass(frozen=True, slots=True)
class Ask:
    """What an agent wants next. `again`: its client sends the same intent twice, as impatient ones do."""

    tool: str
    params: dict[str, Any]
    again: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """What an agent hears: the gate's decision and, where a command was made, how it ended."""

    outcome: Outcome
    result: Result | None = None

    @property
    def approved(self) -> bool:
        """Whether the call was allowed."""
        return self.outcome.verdict == Verdict.APPROVE

    @property
    def done(self) -> bool:
        """Whether it was allowed and the tool did it."""
        return self.result is not None and self.result.status == ResultStatus.OK

    @property
    def body(self) -> Any:
        """What the tool gave back; None when it gave nothing."""
        return json.loads(self.result.body) if self.result is not None and self.result.body else None


Agent = Generator[Ask, Told, None]


@dataclass(frozen=True, slots=True)
class Task:
    """What one run is about.

    `step` says how far an agent that changes from task to task has come, and `variant` which of several ways it takes.
    """

    run_id: str
    invoices: tuple[str, ...]
    step: int = 0
    variant: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """One run: a task, and the agent that works on it."""

    task: Task
    agent: Callable[[Task], Agent]


@dataclass(frozen=True, slots=True)
class Lane:
    """Parts that one agent plays one after the other; lanes are played at the same time."""

    kind: str
    agent_id: str
    parts: tuple[Part, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Step:
    """One call that was played: who asked, what the answer was, and when it came (seconds of a monotonic clock)."""

    kind: str
    agent_id: str
    run_id: str
    intent_id: str
    tool: str
    told: Told
    decided_at_s: float
