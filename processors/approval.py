"""Approvals as the policy file has them: which calls people are asked about first, who they are, and for how long."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from toolgate.processors.claims import DAY_MS
from toolgate.processors.fields import RULES_MAX, DurationMs, Id, Roles, StrictModel, Tools, refused

APPROVERS_MAX = 8
WAIT_MS_MIN, WAIT_MS_MAX = 60_000, DAY_MS
ANSWER_MS = 3_600_000  # within which somebody should answer, where no policy says it


def _wait(wait_ms: int) -> int:
    if WAIT_MS_MIN <= wait_ms <= WAIT_MS_MAX:
        return wait_ms
    raise refused((), "people have between 1m and 24h to decide", "write a duration such as 4h")


Wait = Annotated[DurationMs, AfterValidator(_wait)]


class Approval(StrictModel):
    """Calls that people decide on. Without `rules` every call of its tools is held; with them nothing more is held."""

    tools: Tools | None = Field(
        default=None,
        description="names or patterns of the tools it is about; default: all allowed that write, or with `rules` all "
        "that these are about",
    )
    rules: Annotated[list[Id], Field(min_length=1, max_length=RULES_MAX)] | None = Field(
        default=None,
        description="rules that hold calls: it holds none itself, and says what those that they hold need",
    )
    approvers: Annotated[int, Field(ge=1, le=APPROVERS_MAX)] | None = Field(
        default=None, description="how many different people must approve; default: as the tier says, else 1"
    )
    roles: Roles | None = Field(
        default=None,
        description="of which each approver needs one; default: those of the rules about the tool, else approver",
    )
    expires_ms: Wait | None = Field(
        default=None,
        alias="expires",
        description="how long after the append of the intent it can be approved, 1m to 24h; default: 24h",
    )

    owner: Id | None = Field(
        default=None,
        description="who sees to it that somebody answers: a team or a person, shown in the queue; default: the roles",
    )
    answer_ms: Wait | None = Field(
        default=None,
        alias="answer_within",
        description="how long after the append of the intent somebody should have answered, 1m to 24h: what waits "
        "longer is overdue; default: 1h, or until it expires where that is sooner",
    )

    @model_validator(mode="after")
    def _says_something(self) -> Approval:
        said = (self.approvers, self.roles, self.expires_ms, self.owner, self.answer_ms)
        if self.rules is not None and not any(said):
            what = "an entry with rules holds nothing itself, and this one says nothing of what they hold"
            raise refused((), what, "add approvers, roles or expires, or remove it")
        return self
