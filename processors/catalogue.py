"""The tool catalogue (`tools.yaml`): what each tool takes, what it does to the world, what a call costs.

`python -m toolgate.processors.catalogue` prints its JSON Schema, which editors use to complete and check.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from toolgate.processors.condition_syntax import TEXT_CHARS_MAX, ConditionError
from toolgate.processors.condition_types import of_schema
from toolgate.processors.current import CURRENT_MAX, compile_current
from toolgate.processors.fields import (
    MONEY_SCHEMA,
    Id,
    ParamPath,
    Positive,
    StrictModel,
    UsdMicros,
    refused,
    schema_text,
)
from toolgate.processors.names import is_unit
from toolgate.processors.param_schema import ParamSchema, SchemaError, plain_schema
from toolgate.processors.paths import steps, values_at
from toolgate.processors.problems import nearest
from toolgate.processors.remembering import (
    REMEMBER_MAX,
    Remember,
    RememberError,
    at_odds,
    compile_remember,
    fact_kinds,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from toolgate.processors.current import Current
    from toolgate.processors.facts import FactKind
    from toolgate.processors.paths import Steps
    from toolgate.processors.problems import Path, Problem
    from toolgate.processors.remembering import Remembering
    from toolgate.processors.strict_yaml import Document

CurrentPath = Annotated[str, Field(min_length=1, max_length=TEXT_CHARS_MAX)]
READ, IRREVERSIBLE = "read", "irreversible"
PROPOSAL = "proposal"
_OWN_UNITS = frozenset({"usd", "usd_micros", "calls", "records"})


class Cost(StrictModel):
    """What one call costs: a fixed amount, or a price by the value at a path of the parameters."""

    usd: UsdMicros | None = Field(default=None, description="what every call costs, in US dollars")
    path: ParamPath | None = Field(default=None, description="the parameter that the price depends on")
    prices: Annotated[dict[str, UsdMicros], Field(min_length=1)] | None = Field(
        default=None, description="US dollars by that parameter's value; one that is not listed is denied"
    )

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        """`cost: 0.01` is `cost: {usd: 0.01}`."""
        return data if isinstance(data, dict) else {"usd": data}

    @model_validator(mode="after")
    def _check_form(self) -> Cost:
        table = self.path is not None and self.prices is not None
        partly = self.path is not None or self.prices is not None
        if partly != table or table == (self.usd is not None):
            raise refused(
                (), "a cost is an amount, or a table of path and prices", "write usd, or path and prices"
            )
        return self


class Inverse(StrictModel):
    """How to undo a call: the tool, and which of its parameters comes from which path of the call's."""

    tool: Id = Field(description="another tool of the catalogue")
    params: dict[str, ParamPath] = Field(
        default_factory=dict, description="its parameters, each with a path into those of the call"
    )


class ToolEntry(StrictModel):
    """One tool as the catalogue file has it."""

    name: Id = Field(description="what agents and policies call it")
    version: Id = Field(default="1", description="an intent may insist on one")
    description: str = Field(default="", description="for people")
    params: dict[str, Any] = Field(
        description="JSON Schema (2020-12) of the parameters; closed unless it says otherwise"
    )
    effect: Literal["read", "write", "irreversible"] = Field(description="what a call does to its system")
    system: Id | None = Field(
        default=None, description="the system of record it works on: a scope, and what an operator can stop"
    )
    cost: Cost | None = Field(default=None, description="what one call costs; none: nothing")
    records: list[ParamPath] | None = Field(
        default=None, description="paths of the records that a call touches; [] for none"
    )
    usage: dict[str, Positive] = Field(
        default_factory=dict, description="amounts of other units that a call uses"
    )
    inverse: Inverse | None = Field(default=None, description="how to undo a call")
    draft: Id | None = Field(
        default=None, description='the tool that makes a draft of this call, or "proposal"'
    )
    redact: list[ParamPath] = Field(
        default_factory=list, description="paths never shown outside the intent itself"
    )
    idempotent: bool = Field(
        default=False,
        description="whether a call may be run again after a crash; otherwise it is run at most once",
    )

    result: dict[str, Any] | None = Field(
        default=None, description="JSON Schema of what a call returns, as far as it is remembered"
    )
    remember: Annotated[list[Remember], Field(max_length=REMEMBER_MAX)] = Field(
        default_factory=list, description="what a call that succeeded tells the rules of later calls"
    )
    current: Annotated[dict[str, CurrentPath], Field(max_length=CURRENT_MAX)] = Field(
        default_factory=dict,
        description="what stands now where a call changes something: by parameter, facts.<fact>[params.<key>].<field>",
    )

    @model_validator(mode="after")
    def _check_units(self) -> ToolEntry:
        for unit in self.usage:
            if unit in _OWN_UNITS:
                raise refused(
                    ("usage", unit), f"unit {unit} is counted by the gate itself", "use cost or records"
                )
            if is_unit(unit) is None:
                raise refused(("usage", unit), f"unit {unit!r} is no name", "use small letters, digits and _")
        return self


class CatalogueFile(StrictModel):
    """The catalogue file."""

    tools: Annotated[list[ToolEntry], Field(min_length=1)] = Field(description="every tool there is")


class CostError(Exception):
    """The cost of a call cannot be told."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a call costs: `fixed_micros`, or the price of the value at `path`."""

    fixed_micros: int = 0
    path: Steps = ()
    by_value: Mapping[str, int] = field(default_factory=dict)

    def of(self, params: dict[str, Any]) -> int:
        """Micro-dollars of a call; CostError when its value has no price."""
        if not self.path:
            return self.fixed_micros
        found = values_at(params, self.path)
        path = ".".join(self.path)
        if len(found) != 1:
            raise CostError(f"the price depends on {path}, which has {len(found)} values")
        value = found[0]
        name = str(value).lower() if isinstance(value, bool) else str(value)
        if isinstance(value, dict | list | None | float) or name not in self.by_value:
            raise CostError(f"the catalogue has no price for this value of {path}")
        return self.by_value[name]


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as the chain uses it."""

    name: str
    version: str
    effect: str  # "read", "write", "irreversible"
    system: str  # "" when the catalogue names none
    schema: ParamSchema
    price: Price
    records: tuple[Steps, ...] | None  # None: the catalogue does not say
    usage: tuple[tuple[str, int], ...]  # (unit, amount a call), sorted
    inverse: tuple[str, tuple[tuple[str, Steps], ...]] | None
    draft: str  # tool, "proposal" or ""
    redact: tuple[Steps, ...]
    idempotent: bool
    description: str = ""
    remember: tuple[Remembering, ...] = ()
    current: tuple[Current, ...] = ()
    frozen: str = ""  # how it differs from what the lock accepts (changed, new); "": it does not

    @property
    def writes(self) -> bool:
        """Whether a call changes anything."""
        return self.effect != READ


def compile_tools(document: Document, file: CatalogueFile) -> tuple[dict[str, Tool], list[Problem]]:
    """The tools of a catalogue by name, and what is wrong with them; one with a broken schema is left out."""
    tools: dict[str, Tool] = {}
    problems: list[Problem] = []
    for place, entry in enumerate(file.tools):
        here = ("tools", place)
        if entry.name in tools:
            problems.append(
                document.problem((*here, "name"), f"tool {entry.name} is there twice", "keep one of them")
            )
            continue
        try:
            schema = ParamSchema.compile(entry.params)
        except SchemaError as error:
            problems.append(
                document.problem(
                    (*here, "params", *error.path), f"params of {entry.name}: {error}", error.hint
                )
            )
            continue
        remember, found = _remember(document, here, entry, schema)
        problems += found
        tools[entry.name] = tool = _tool(entry, schema, remember)
        problems += (
            document.problem(
                (*here, *at), f"tool {entry.name} has no parameter {path}", nearest(path, schema.names)
            )
            for at, path in _paths(entry)
            if not tool.schema.may_have(steps(path))
        )
    problems += _at_odds(document, file, tools)
    problems += _compile_current(document, file, tools)
    broken = len(tools) != len(file.tools)
    for place, entry in enumerate(file.tools):
        problems += _check_links(document, ("tools", place), entry, tools, complete=not broken)
    return tools, problems


def facts_of(tools: Iterable[Tool]) -> dict[str, FactKind]:
    """The facts that tools tell."""
    return fact_kinds(("" if tool.writes else tool.name, entry) for tool in tools for entry in tool.remember)


def _remember(
    document: Document, here: Path, entry: ToolEntry, schema: ParamSchema
) -> tuple[tuple[Remembering, ...], list[Problem]]:
    """What a tool remembers, and what is wrong with it."""
    params = of_schema(schema.document)
    try:
        result = None if entry.result is None else of_schema(plain_schema(entry.result))
    except SchemaError as error:
        what = f"result of {entry.name}: {error}"
        return (), [document.problem((*here, "result", *error.path), what, error.hint)]
    found: list[Remembering] = []
    problems: list[Problem] = []
    for place, one in enumerate(entry.remember):
        try:
            found.append(compile_remember(one, f"{entry.name}#{place}", params, result))
        except RememberError as error:
            path = (*here, "remember", place, *error.path)
            fault = error.error
            path = path if path in document.values else path[:-1]  # a key that is no list
            problems.append(document.problem_within(path, error.text, fault.at, fault.what, fault.hint))
    return tuple(found), problems


def _at_odds(document: Document, file: CatalogueFile, tools: Mapping[str, Tool]) -> Iterator[Problem]:
    kinds = facts_of(tools.values())
    for place, entry in enumerate(file.tools):
        tool = tools.get(entry.name)
        for number, one in enumerate(
            tool.remember if tool and len(tool.remember) == len(entry.remember) else ()
        ):
            for name, what in at_odds(one, kinds):
                path = ("tools", place, "remember", number, "fields", name)
                yield document.problem(path, what, "give it another name, or the same type")


def _compile_current(document: Document, file: CatalogueFile, tools: dict[str, Tool]) -> Iterator[Problem]:
    """Give tools what they compare with facts, which only all tools together say; and what is wrong with it."""
    kinds = facts_of(tools.values())
    for place, entry in enumerate(file.tools):
        tool = tools.get(entry.name)
        if tool is None or not entry.current:
            continue
        found: list[Current] = []
        for param, text in entry.current.items():
            path = ("tools", place, "current", param)
            if not tool.schema.may_have((param,)):
                what = f"tool {entry.name} has no parameter {param}"
                yield document.problem(path, what, nearest(param, tool.schema.names))
                continue
            try:
                found.append(compile_current(param, text, of_schema(tool.schema.document), kinds))
            except ConditionError as error:
                yield document.problem_within(path, text, error.at, error.what, error.hint)
        tools[entry.name] = replace(tool, current=tuple(found))


def _tool(entry: ToolEntry, schema: ParamSchema, remember: tuple[Remembering, ...]) -> Tool:
    cost, inverse = entry.cost or Cost(usd=0), entry.inverse
    return Tool(
        name=entry.name,
        version=entry.version,
        effect=entry.effect,
        system=entry.system or "",
        schema=schema,
        price=Price(cost.usd or 0, steps(cost.path) if cost.path else (), cost.prices or {}),
        records=None if entry.records is None else tuple(steps(path) for path in entry.records),
        usage=tuple(sorted(entry.usage.items())),
        inverse=(inverse.tool, tuple((k, steps(v)) for k, v in sorted(inverse.params.items())))
        if inverse
        else None,
        draft=entry.draft or "",
        redact=tuple(steps(path) for path in entry.redact),
        idempotent=entry.idempotent,
        description=entry.description,
        remember=remember,
    )


def _paths(entry: ToolEntry) -> Iterator[tuple[Path, str]]:
    """Every path that an entry names, with its own place within the entry."""
    yield from ((("records", place), path) for place, path in enumerate(entry.records or ()))
    yield from ((("redact", place), path) for place, path in enumerate(entry.redact))
    if entry.cost and entry.cost.path:
        yield ("cost", "path"), entry.cost.path
    if entry.inverse:
        yield from ((("inverse", "params", name), path) for name, path in entry.inverse.params.items())


def _check_links(
    document: Document, here: Path, entry: ToolEntry, tools: dict[str, Tool], *, complete: bool
) -> list[Problem]:
    """What is wrong with the other tools that an entry names; unknown ones only when all could be read."""
    problems: list[Problem] = []
    links: list[tuple[Path, str]] = [(("inverse", "tool"), entry.inverse.tool)] if entry.inverse else []
    if entry.draft and entry.draft != PROPOSAL:
        links.append((("draft",), entry.draft))
    for at, name in links:
        if name not in tools and complete:
            problems.append(document.problem((*here, *at), f"there is no tool {name}", nearest(name, tools)))
    if entry.inverse and (undo := tools.get(entry.inverse.tool)):
        problems += (
            document.problem(
                (*here, "inverse", "params", name),
                f"tool {undo.name} has no parameter {name}",
                nearest(name, undo.schema.names),
            )
            for name in entry.inverse.params
            if not undo.schema.may_have((name,))
        )
    return problems


def json_schema() -> str:
    """The JSON Schema of a catalogue file, as the committed page has it."""
    schema = CatalogueFile.model_json_schema(by_alias=True)
    cost = schema["$defs"][ToolEntry.__name__]["properties"]["cost"]
    cost["anyOf"] = [*MONEY_SCHEMA["anyOf"], *cost["anyOf"]]  # an amount alone, as Cost reads it
    return schema_text(schema, "toolgate tools")


if __name__ == "__main__":
    sys.stdout.write(json_schema())
