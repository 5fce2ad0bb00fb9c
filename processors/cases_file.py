"""The cases file: what a policy is expected to say, as people write it beside the policy.

`python -m toolgate.processors.cases_file` prints its JSON Schema, which editors use to complete and check.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from toolgate.processors.amounts import parse_duration_ms
from toolgate.processors.fields import (
    MONEY_SCHEMA,
    DurationMs,
    Id,
    Name,
    Positive,
    Roles,
    StrictModel,
    UsdMicros,
    Whole,
    refused,
    schema_text,
)
from toolgate.processors.policy_file import Moment  # noqa: TC001 - pydantic reads the annotation
from toolgate.processors.problems import nearest
from toolgate.processors.reasons import Code

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolgate.processors.policy import PolicySet
    from toolgate.processors.problems import Path, Problem
    from toolgate.processors.strict_yaml import Document

TIMES_MAX = 10_000
CODE_FORMAT = "reason-code"
BEGIN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
_ASKS = ("call", "spend_usd", "finish")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(9000, 1, 1, tzinfo=UTC)  # what windows and steps add to a time must still be one
_MS = timedelta(milliseconds=1)


def _offset(text: object) -> int:
    try:
        if isinstance(text, str) and text.startswith("+"):
            return parse_duration_ms(text[1:])
    except ValueError:
        pass
    raise refused(
        (), "at is how long after the case begins, such as +5m", "write + and a duration: +30s, +1h, +2d"
    )


def _code(text: object) -> str:
    if not isinstance(text, str) or text not in Code.__members__:
        raise refused(
            (), f"there is no code {text}", nearest(str(text), Code.__members__) or "see reason codes"
        )
    return text


def _in_reach(begin: datetime) -> datetime:
    if not _EPOCH <= begin < _LATEST:
        raise refused(
            (), "a case begins between the years 1970 and 9000", "leave begin out, or take a time of today"
        )
    return begin


Offset = Annotated[
    int,
    BeforeValidator(_offset),
    WithJsonSchema({"type": "string", "pattern": r"^\+[1-9][0-9]{0,8}(ms|s|m|h|d)$"}),
]
CodeName = Annotated[
    str,
    BeforeValidator(_code),
    WithJsonSchema({"type": "string", "format": CODE_FORMAT, "enum": [code.value for code in Code]}),
]
Distance = Annotated[
    int | Decimal | str, WithJsonSchema({"anyOf": [*MONEY_SCHEMA["anyOf"], {"type": "integer"}]})
]


class Came(StrictModel):
    """What comes back of an approved call."""

    status: Literal["ok", "error", "unknown", "void"] = Field(
        default="ok", description="how the command ended; void: the effect never happened"
    )
    body: Any = Field(default=None, description="what the tool returned, as data")
    cost_micros: UsdMicros | None = Field(
        default=None, alias="cost_usd", description="US dollars it really cost; default: what was reserved"
    )
    records: list[str] | None = Field(
        default=None, description="records it really touched; default: those of the call"
    )


class Step(StrictModel):
    """One intent: a call, model spend, or the end of the run; and what is expected of it."""

    call: Id | None = Field(default=None, description="the tool that is called")
    params: dict[str, Any] = Field(default_factory=dict, description="the call's parameters")
    spend_micros: UsdMicros | None = Field(
        default=None, alias="spend_usd", description="instead of a call: US dollars of model spend"
    )
    finish: Literal["succeeded", "failed", "abandoned"] | None = Field(
        default=None, description="instead of a call: the run ends so"
    )
    at_ms: Offset | None = Field(
        default=None, alias="at", description="how long after the case begins; default: with the step before"
    )
    times: Annotated[int, Field(ge=1, le=TIMES_MAX)] = Field(
        default=1, description="how often it is sent, each with an id of its own"
    )
    run: Id = Field(default="run-1", description="the run it belongs to")
    agent: Id = Field(default="agent-1", description="the agent that sends it")
    workflow: Id | None = Field(default=None, description="default: the case's")
    version: Id | None = Field(default=None, description="the version of the tool that it insists on")
    cost_micros: UsdMicros | None = Field(
        default=None, alias="cost_usd", description="US dollars that the agent declares"
    )
    records: list[str] = Field(default_factory=list, description="records that the agent declares")
    reason: str = Field(default="", description="the agent's own words")
    ttl_ms: DurationMs | None = Field(default=None, alias="ttl", description="how long it may wait")
    dry_run: bool = Field(default=False, description="ask only: nothing is taken, nothing happens")
    expect: Literal["approve", "deny", "hold", "draft"] = Field(default="approve", description="the verdict")
    result: Came | Literal["none"] = Field(
        default_factory=Came, description="what comes back if it is approved; none: nothing as yet"
    )

    @model_validator(mode="before")
    @classmethod
    def _asks_one(cls, data: Any) -> Any:
        asked = [key for key in _ASKS if isinstance(data, dict) and key in data]
        if isinstance(data, dict) and len(asked) != 1:
            what = f"a step has {' and '.join(asked)}" if asked else "a step asks for nothing"
            raise refused((), what, f"write one of {', '.join(_ASKS)}")
        return data


class CaseContract(StrictModel):
    """The contract of the case's run, as whoever starts it would publish it before the first step."""

    tools: Annotated[list[Id], Field(min_length=1)] = Field(description="the tools that the task needs")
    values: dict[Name, list[str]] = Field(
        default_factory=dict, description="by name, the values that the request names"
    )
    max_cost_micros: UsdMicros | None = Field(
        default=None, alias="max_cost_usd", description="US dollars that the run may cost"
    )
    max_calls: Whole | None = Field(default=None, description="approved calls that the run may make")
    deadline_ms: Offset | None = Field(
        default=None,
        alias="deadline",
        description="how long after the case begins nothing is approved any more",
    )
    owner: Id = Field(default="case", description="who answers for the run")


class Needs(StrictModel):
    """What people must do about a call that is held; what is left out is not looked at."""

    approvers: Positive | None = Field(default=None, description="how many different people must approve")
    roles: Roles | None = Field(default=None, description="of which each needs one, in any order")
    expires_ms: DurationMs | None = Field(
        default=None, alias="expires", description="how long after the append of the intent"
    )


class CaseEntry(Step):
    """A case: what happened before, an intent, and what is expected of it. Each case begins with empty accounts."""

    name: Annotated[str, Field(min_length=1, max_length=200)] = Field(
        description="what it shows, in a sentence"
    )
    workflow: Id | None = Field(default=None, description="needed where the folder has several policies")
    tenant: Id = Field(default="default", description="whose workflow it is")
    begin: Annotated[Moment, AfterValidator(_in_reach)] = Field(
        default=BEGIN, description="when it begins", json_schema_extra={"default": BEGIN.isoformat()}
    )
    contract: CaseContract | None = Field(default=None, description="the contract of the case's run")
    before: list[Step] = Field(default_factory=list, description="what happened before, in order")
    expect: Literal["approve", "deny", "hold", "draft"] = Field(description="the verdict")
    codes: list[CodeName] | None = Field(default=None, description="all reason codes, in any order")
    rules: list[str] | None = Field(
        default=None, description="all rules and limits that spoke, in any order: an id, budgets[0], ..."
    )
    distances: dict[str, Distance] | None = Field(
        default=None, description="by rule: how far from being allowed, in its unit; money in US dollars"
    )
    needs: Needs | None = Field(default=None, description="what people must do, where the call is held")

    @model_validator(mode="after")
    def _needs_a_hold(self) -> CaseEntry:
        if self.needs is not None and (self.expect != "hold" or self.dry_run):
            what = "only a call that is held needs anything of people, and a dry run asks nobody"
            raise refused(("needs",), what, "say expect: hold, or remove it")
        return self

    @property
    def begin_ms(self) -> int:
        """Epoch milliseconds at which the case begins."""
        return (self.begin - _EPOCH) // _MS

    def steps(self) -> Iterator[tuple[Path, Step]]:
        """Every step in order, the case's own last, each with its place within the case."""
        yield from ((("before", place), step) for place, step in enumerate(self.before))
        yield (), self


class CasesFile(StrictModel):
    """One file of cases."""

    cases: Annotated[list[CaseEntry], Field(min_length=1)] = Field(description="the cases")


def check_cases(document: Document, file: CasesFile, policies: PolicySet) -> Iterator[Problem]:
    """What is wrong with the cases in the light of the policies."""
    first: dict[str, int] = {}
    for place, case in enumerate(file.cases):
        here = ("cases", place)
        if first.setdefault(case.name, place) != place:
            yield document.problem((*here, "name"), "a case of this name is there twice", "name it otherwise")
        now_ms = 0
        for at, step in case.steps():
            if step.at_ms is not None and step.at_ms < now_ms:
                what = "this step lies before the one that stands above it"
                yield document.problem((*here, *at, "at"), what, "write steps in the order of their times")
            now_ms = max(now_ms, step.at_ms or 0)
            yield from _check_workflow(
                document, (*here, *at), workflow_of(case, step, policies), case, policies
            )


def workflow_of(case: CaseEntry, step: Step, policies: PolicySet) -> str | None:
    """The workflow that sends a step; None where the case names none and there are several."""
    named = step.workflow or case.workflow
    known = [workflow for _, workflow in policies.workflows]
    return named or (known[0] if len(known) == 1 else None)


def _check_workflow(
    document: Document, path: Path, named: str | None, case: CaseEntry, policies: PolicySet
) -> Iterator[Problem]:
    known = [workflow for tenant, workflow in policies.workflows if tenant == case.tenant]
    if named is None:
        yield document.problem(path, "the case names no workflow", nearest("", known))
    elif named not in known:
        what = f"there is no policy for workflow {named} of tenant {case.tenant}"
        yield document.problem((*path, "workflow"), what, nearest(named, known))


def json_schema() -> str:
    """The JSON Schema of a cases file, as the committed page has it."""
    return schema_text(CasesFile.model_json_schema(by_alias=True), "toolgate cases")


if __name__ == "__main__":
    sys.stdout.write(json_schema())
