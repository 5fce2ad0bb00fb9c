"""The policy file: what people write about one workflow, as pydantic models.

`python -m toolgate.processors.policy_file` prints its JSON Schema, which editors use to complete and check.
"""

from __future__ import annotations

import re
import sys
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from toolgate.processors.amounts import parse_usd
from toolgate.processors.approval import Approval  # noqa: TC001 - pydantic reads the annotation
from toolgate.processors.claims import AMOUNT_MAX
from toolgate.processors.condition_syntax import TEXT_CHARS_MAX
from toolgate.processors.contract_terms import ContractTerms  # noqa: TC001 - pydantic reads the annotation
from toolgate.processors.fields import (
    MONEY_SCHEMA,
    RULES_MAX,
    TOOLS_MAX,
    Because,
    DurationMs,
    Glob,
    Id,
    Name,
    ParamPath,
    Positive,
    Ppm,
    Roles,
    StrictModel,
    Tools,
    UsdMicros,
    Whole,
    WindowMs,
    refused,
    schema_text,
)
from toolgate.processors.modes import CANARY_PATTERN, ENFORCE, MODES, WORDS, mode_fault
from toolgate.processors.names import is_unit
from toolgate.processors.objective import Objectives  # noqa: TC001 - pydantic reads the annotation
from toolgate.processors.paths import path_fault
from toolgate.processors.problems import closest, nearest
from toolgate.processors.requirement import Requirement
from toolgate.processors.tables import TABLES_MAX, Table
from toolgate.processors.tiers import TIERS

Scope = Literal["run", "workflow", "agent", "tenant", "tool", "system"]
TierName = Literal[
    "read_only_knowledge", "draft_and_suggest", "low_risk_writes", "revenue_impacting", "security_access"
]
MAX_DENIALS = 20
BUDGETS_MAX, RATES_MAX, BLAST_RADII_MAX, REQUIREMENTS_MAX, APPROVALS_MAX = 16, 16, 8, 16, 16
CEDAR_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.cedar$"
CAPTURES = ("tool_name", "params_hash", "result_summary", "params", "reason", "records", "cost")


def _captured(name: str) -> str:
    if name in CAPTURES or (name.startswith("params.") and not path_fault(name)):
        return name
    raise refused((), f"{name!r} cannot be captured", nearest(name, (*CAPTURES, "params.<path>")))


def _cedar_file(name: str) -> str:
    if re.fullmatch(CEDAR_PATTERN, name):
        return name
    raise refused(
        (), f"{name[:140]!r} is no Cedar file", "write the name of a file beside this one: desk.cedar"
    )


Share = Annotated[
    Decimal,
    BeforeValidator(lambda value: Decimal(value) if type(value) is int else value),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": 1}),
]


def _moment(text: object) -> datetime:
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise refused((), "this is no time with a zone", 'write one such as "2026-03-31T09:00:00Z"')
    return found


def _mode(value: object) -> object:
    text = value if isinstance(value, str) else ""
    if not mode_fault(text):
        return text
    shown = "a mapping" if isinstance(value, dict) else repr(value)[:80]
    hint = closest(text, MODES) or "write canary:10% to enforce one run in ten"
    raise refused((), f"mode must be one of {WORDS}, not {shown}", hint)


Mode = Annotated[
    str,
    BeforeValidator(_mode),
    WithJsonSchema(
        {"anyOf": [{"enum": list(MODES)}, {"type": "string", "pattern": CANARY_PATTERN}], "type": "string"}
    ),
]
Requirements = Annotated[list[Requirement], Field(max_length=REQUIREMENTS_MAX)]
Tables = Annotated[dict[Name, Table], Field(max_length=TABLES_MAX)]
Moment = Annotated[
    datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})
]


class Limits(StrictModel):
    """Limits of one run."""

    max_tool_calls: Whole | None = Field(default=None, description="approved commands of a run")
    max_cost_micros: UsdMicros | None = Field(
        default=None, alias="max_cost_usd", description="US dollars of a run"
    )
    max_denials: Positive = Field(default=MAX_DENIALS, description="denials after which a run is stopped")


class Budget(StrictModel):
    """An amount that everything in a scope shares."""

    scope: Scope = Field(description="who shares it")
    window: Literal["none", "1h", "1d", "calendar_month"] = Field(
        default="none",
        description="fixed; after it the whole amount is there again; none: it is never refilled",
    )
    unit: str = Field(
        default="usd", description="usd, calls, records, or a unit that tools of the catalogue use"
    )
    max: Annotated[
        int, WithJsonSchema({"anyOf": [*MONEY_SCHEMA["anyOf"], {"type": "integer", "minimum": 0}]})
    ] = Field(description="US dollars for usd, else a whole number")
    warn_at: Share | None = Field(default=None, description="share of max from which people are warned")
    on_expiry: Literal["spend", "release"] = Field(
        default="spend", description="what becomes of a reservation that no result settles in time"
    )
    tz: str = Field(default="UTC", description="IANA time zone in which windows begin")

    @model_validator(mode="before")
    @classmethod
    def _read_max(cls, data: Any) -> Any:
        """Money for usd, a whole number for every other unit."""
        if not isinstance(data, dict) or "max" not in data:
            return data
        if data.get("unit", "usd") != "usd":
            if isinstance(data["max"], Decimal | str):
                raise refused(("max",), f"max of unit {data['unit']} is a whole number")
            return data
        try:
            return {**data, "max": parse_usd(data["max"])}
        except ValueError as error:
            raise refused(("max",), str(error)) from None

    @model_validator(mode="after")
    def _check(self) -> Budget:
        if not 0 <= self.max <= AMOUNT_MAX:
            raise refused(("max",), "max is between 0 and 2^53 - 1")
        if is_unit(self.unit) is None:
            raise refused(("unit",), f"unit {self.unit!r} is no name", "use small letters, digits and _")
        if self.warn_at is not None and not 0 < self.warn_at <= 1:
            raise refused(
                ("warn_at",), f"warn_at {self.warn_at} is no share of max", "write a number such as 0.8"
            )
        if self.window == "none" and self.tz != "UTC":
            raise refused(("tz",), "tz has no meaning without a window", "remove it, or give a window")
        try:
            ZoneInfo(self.tz)
        except (ValueError, OSError, LookupError):
            raise refused(
                ("tz",), f"time zone {self.tz!r} is unknown", 'write an IANA name such as "Europe/Berlin"'
            ) from None
        return self


class Rate(StrictModel):
    """How fast calls may come: `max` a period, `burst` of them at once."""

    scope: Scope = Field(description="who shares it")
    max: Annotated[int, Field(ge=1, le=1_000_000)] = Field(description="approved calls in a period")
    per_ms: DurationMs = Field(alias="per", description="the period: a number with ms, s, m, h or d")
    burst: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        default=None, description="how many at once; default: max"
    )


class BlastRadius(StrictModel):
    """How many distinct records may be touched."""

    scope: Scope = Field(description="whose records are counted together")
    records: ParamPath | None = Field(
        default=None, description="a path into the parameters; default: the tool's records"
    )
    max: Whole = Field(description="distinct records that may be touched")
    window_ms: WindowMs = Field(
        default=0,
        alias="window",
        description="sliding; none: as long as the scope's account is kept",
        json_schema_extra={"default": "none"},
    )


class Rule(StrictModel):
    """Something that a call must not be: where the condition holds, it is denied, held or drafted."""

    id: Id = Field(description="how denials name it")
    tools: Tools = Field(
        default_factory=lambda: ["*"],
        description="names or patterns of the tools it is about; default: all allowed",
    )
    when: Annotated[str, Field(min_length=1, max_length=TEXT_CHARS_MAX)] = Field(
        description="a condition in CEL over params, facts, history, tables, registry, contract, intent, workflow, "
        "agent and now"
    )
    then: Literal["deny", "read_first", "hold", "draft"] = Field(
        default="deny",
        description="what becomes of a call for which it holds: denied, denied until something was read, held for "
        "people, or, of a write, made a draft",
    )
    mode: Literal["enforce", "shadow"] = Field(
        default="enforce", description="shadow: the audit shows what it would have done, and it does nothing"
    )
    roles: Roles | None = Field(
        default=None, description="where it holds calls, of which an approver needs one; default: approver"
    )
    missing: Literal["read_first", "deny", "hold"] = Field(
        default="read_first",
        description="what becomes of a call when a fact is not known: the agent is told to read first, or the call is "
        "denied, or held for people",
    )
    untrusted: list[Name] = Field(
        default_factory=list, description="facts that the rule may look at although nothing vouches for them"
    )
    because: Because = Field(description="why, in a sentence for people")

    @property
    def holds(self) -> bool:
        """Whether calls may be held by it."""
        return "hold" in {self.then, self.missing}

    @model_validator(mode="after")
    def _check_roles(self) -> Rule:
        if self.roles is not None and not self.holds:
            hint = "remove it, or say then: hold or missing: hold"
            raise refused(("roles",), "roles are of people who decide on holds", hint)
        return self


class AttemptRate(StrictModel):
    """How fast intents may come, approved or not."""

    max: Annotated[int, Field(ge=1, le=1_000_000)] = Field(description="intents in a period")
    per_ms: DurationMs = Field(alias="per", description="the period: a number with ms, s, m, h or d")
    burst: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        default=None, description="how many at once; default: max"
    )


class Attempts(StrictModel):
    """Every intent counts here, also a denied one; by default 120 a minute for a run, 600 for an agent."""

    run: AttemptRate | None = Field(default=None, description="of one run; default: 120 a minute")
    agent: AttemptRate | None = Field(default=None, description="of one agent; default: 600 a minute")


Captured = Annotated[str, AfterValidator(_captured)]


class Logging(StrictModel):
    """What the audit shows beside digests and amounts, and for how long."""

    capture: list[Captured] = Field(
        default_factory=list, description=f"{', '.join(CAPTURES)}, or `params.<path>`"
    )
    retention_days: Annotated[int, Field(ge=1, le=36_500)] | None = Field(
        default=None, description="how long what is captured is to be kept"
    )


class Policy(StrictModel):
    """What one workflow of one tenant may do. Not listed is denied; a write is listed by its exact name."""

    workflow_id: Id = Field(description="the workflow it is written for; one policy each")
    tenant: Id = Field(default="default", description="whose workflow it is")
    tier: TierName | None = Field(
        default=None, description="how much autonomy: sets the defaults, and what the policy must have"
    )
    mode: Mode = Field(
        default=ENFORCE,
        description="read_only denies writes, draft_only makes them drafts, shadow records verdicts and commands "
        "nothing, `canary:10%` enforces one run in ten and has the others in shadow; a tier has its own default",
    )
    show_limits: bool = Field(
        default=False, description="whether agents are told limits and distances in what they can repair"
    )
    allowed_tools: Tools = Field(
        description="names, or patterns with * and ?, which allow only tools that read"
    )
    denied_tools: Annotated[list[Glob], Field(max_length=TOOLS_MAX)] = Field(
        default_factory=list, description="deny wins over allow"
    )
    limits: Limits = Field(default_factory=Limits, description="what one run may do")
    # How many there may be bounds what an approval writes (size.py), and what it costs to decide.
    budgets: list[Budget] = Field(
        default_factory=list, max_length=BUDGETS_MAX, description="amounts that a scope shares"
    )
    rates: list[Rate] = Field(
        default_factory=list, max_length=RATES_MAX, description="how fast calls may come"
    )
    blast_radius: list[BlastRadius] = Field(
        default_factory=list,
        max_length=BLAST_RADII_MAX,
        description="how many distinct records may be touched",
    )
    rules: Annotated[list[Rule], Field(min_length=1, max_length=RULES_MAX)] = Field(
        default_factory=list, description="what calls must not be, beyond what the tool's schema says"
    )
    requires: Requirements = Field(
        default_factory=list,
        description="what a run must have done before, and how often or for how much it may",
    )
    approvals: Annotated[list[Approval], Field(max_length=APPROVALS_MAX)] = Field(
        default_factory=list,
        description="which calls people are asked about first, how many must approve, and until when",
    )
    contract: ContractTerms | None = Field(
        default=None, description="what is wanted of the contract of a run; default: it takes none"
    )
    tables: Tables = Field(default_factory=dict, description="constants that rules look up by key")
    now: Moment | None = Field(
        default=None,
        description="a fixed time that rules see as now, for recorded runs; default: the intent's own",
    )
    cedar: (
        Annotated[
            str,
            AfterValidator(_cedar_file),
            WithJsonSchema({"type": "string", "pattern": CEDAR_PATTERN}),
        ]
        | None
    ) = Field(default=None, description="a file of Cedar policies beside this one; needs the extra `cedar`")
    on_breach: Objectives = Field(
        default_factory=list,
        description="what the workflow should achieve, and what the watch does when it does not: alert, or tighten",
    )
    review_share_ppm: Ppm | None = Field(
        default=None,
        alias="review_share",
        description="share of completed commands that people look at afterwards; default: as the tier says, else none",
    )
    attempts: Attempts = Field(default_factory=Attempts, description="how fast intents may come")
    logging: Logging = Field(default_factory=Logging, description="what the audit shows")
    redact: list[ParamPath] = Field(
        default_factory=list, description="paths never shown outside the intent itself"
    )

    @model_validator(mode="before")
    @classmethod
    def _mode_of_tier(cls, data: Any) -> Any:
        """The tier's mode, where the policy names none."""
        tier = TIERS.get(str(data.get("tier"))) if isinstance(data, dict) and "mode" not in data else None
        return data if tier is None else {**data, "mode": tier.mode}


class PolicyFile(StrictModel):
    """One policy file."""

    policy: Policy


def json_schema() -> str:
    """The JSON Schema of a policy file, as the committed page has it."""
    return schema_text(PolicyFile.model_json_schema(by_alias=True), "toolgate policy")


if __name__ == "__main__":
    sys.stdout.write(json_schema())
