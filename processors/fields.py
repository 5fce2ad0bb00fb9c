"""Field types and the strict base of the files that people write, and its errors as places and sentences."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from toolgate.processors.amounts import parse_duration_ms, parse_share_ppm, parse_usd
from toolgate.processors.claims import AMOUNT_MAX
from toolgate.processors.names import glob_fault, id_fault, name_fault
from toolgate.processors.paths import path_fault
from toolgate.processors.problems import Problem, closest, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from toolgate.processors.problems import Path
    from toolgate.processors.strict_yaml import Document

BECAUSE_CHARS_MAX = 200


_OURS = frozenset({"name", "amount"})
_TYPES = {
    "string_type": ("text", "put it in quotes"),
    "int_type": ("a whole number", "write it without quotes or decimals"),
    "bool_type": ("true or false", "write it without quotes"),
    "list_type": ("a list", "write [a, b]"),
    "dict_type": ("a mapping", "write {key: value}"),
    "model_type": ("a mapping", "give it keys, or remove it"),
}


class StrictModel(BaseModel):
    """A mapping in a file: unknown keys and values of another type are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=False)


def _checked(fault: Callable[[str], str]) -> Callable[[str], str]:
    def check(text: str) -> str:
        if what := fault(text):
            raise PydanticCustomError("name", "{text} {what}", {"text": repr(text[:140]), "what": what})
        return text

    return check


def _parsed(parse: Callable[[object], int]) -> Callable[[object], int]:
    def read(value: object) -> int:
        try:
            return parse(value)
        except ValueError as error:
            raise PydanticCustomError("amount", "{what}", {"what": str(error)}) from None

    return read


MONEY_SCHEMA = {
    "description": "US dollars, at most 6 decimals",
    "anyOf": [
        {"type": "number", "minimum": 0},
        {"type": "string", "pattern": r"^[0-9]{1,16}(\.[0-9]{1,6})?$"},
    ],
}
Id = Annotated[
    str,
    AfterValidator(_checked(id_fault)),
    WithJsonSchema({"type": "string", "pattern": r"^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}$"}),
]
Name = Annotated[
    str,
    AfterValidator(_checked(name_fault)),
    WithJsonSchema({"type": "string", "pattern": r"^[a-z][a-z0-9_]{0,63}$"}),
]
Glob = Annotated[
    str,
    AfterValidator(_checked(glob_fault)),
    WithJsonSchema({"type": "string", "pattern": r"^[A-Za-z0-9*?][A-Za-z0-9._:@+*?-]{0,127}$"}),
]
PATH_FORMAT = "parameter-path"
ParamPath = Annotated[
    str, AfterValidator(_checked(path_fault)), WithJsonSchema({"type": "string", "format": PATH_FORMAT})
]
UsdMicros = Annotated[int, BeforeValidator(_parsed(parse_usd)), WithJsonSchema(MONEY_SCHEMA)]
Ppm = Annotated[
    int,
    BeforeValidator(_parsed(parse_share_ppm)),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1}),
]
DurationMs = Annotated[
    int,
    BeforeValidator(_parsed(parse_duration_ms)),
    WithJsonSchema(
        {"type": "string", "pattern": "^[1-9][0-9]{0,8}(ms|s|m|h|d)$", "examples": ["1m", "1h", "7d"]}
    ),
]
WindowMs = Annotated[
    int,
    BeforeValidator(_parsed(lambda value: 0 if value == "none" else parse_duration_ms(value))),
    WithJsonSchema(
        {"type": "string", "pattern": "^(none|[1-9][0-9]{0,8}(ms|s|m|h|d))$", "examples": ["none", "1d"]}
    ),
]
# Lists that several mappings have, and how long they may be.
TOOLS_MAX, RULES_MAX, ROLES_MAX = 1_024, 128, 8
Tools = Annotated[list[Glob], Field(min_length=1, max_length=TOOLS_MAX)]
Roles = Annotated[list[Id], Field(min_length=1, max_length=ROLES_MAX)]
Because = Annotated[str, Field(min_length=1, max_length=BECAUSE_CHARS_MAX)]
Whole = Annotated[int, Field(ge=0, le=AMOUNT_MAX)]
Positive = Annotated[int, Field(ge=1, le=AMOUNT_MAX)]


def schema_text(schema: dict[str, Any], title: str) -> str:
    """The JSON Schema of a file, as text that is the same every time."""
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": title}
    return json.dumps(whole, indent=2, sort_keys=True) + "\n"


def refused(at: Path, what: str, hint: str = "") -> PydanticCustomError:
    """An error that a validator of a whole model raises about the part of it at `at`."""
    return PydanticCustomError("refused", "{what}", {"what": what, "hint": hint, "at": at})


def problems(document: Document, model: type[BaseModel], error: ValidationError) -> list[Problem]:
    """A validation error of a whole document as problems."""
    items = error.errors(include_url=False)
    return [_problem(document, model, item) for item in items if not _was_not_meant(item, items)]


def _was_not_meant(item: Any, items: Iterable[Any]) -> bool:
    """Whether it misses a word where a mapping stands, which could be one and whose own mistakes are told."""
    *place, branch = item["loc"] or ("",)  # of the whole file: no place
    return (
        str(branch).startswith("literal[")
        and isinstance(item["input"], dict)
        and any(other is not item and other["loc"][: len(place)] == tuple(place) for other in items)
    )


def _problem(document: Document, model: type[BaseModel], item: Any) -> Problem:
    kind, context = item["type"], item.get("ctx") or {}
    path: Path = (*(step for step in item["loc"] if step != "[key]"), *context.get("at", ()))
    name = str(path[-1]) if path else ""
    if kind == "extra_forbidden":
        known = _keys(_model_at(model, item["loc"][:-1]))
        return document.problem(path, f"unknown key {name!r}", nearest(name, known), at_key=True)
    if kind == "missing":
        return document.problem(path[:-1], f"{name} is missing", f"add {name}")
    if kind == "refused":
        return document.problem(path, context["what"], context["hint"])
    return document.problem(path, *_value_fault(model, item, path))


def _value_fault(model: type[BaseModel], item: Any, path: Path) -> tuple[str, str]:
    """What is wrong with a value, and what to do about it."""
    value, kind = item["input"], item["type"]
    names = [step for step in path if isinstance(step, str)]
    name = names[-1] if names else "the file"
    if kind in _OURS:
        return f"{name}: {item['msg']}", ""
    if kind == "literal_error":
        choices = [str(choice) for choice in _choices(model, item["loc"])]
        return f"{name} must be one of {', '.join(choices)}, not {_shown(value)}", closest(
            str(value), choices
        )
    if kind == "too_short":
        return f"{name} is empty", "give it at least one entry"
    if kind == "too_long":
        most = item["ctx"]["max_length"]
        return f"{name} has {len(value)} entries, at most {most} are allowed", "keep those that are needed"
    what, hint = _TYPES.get(kind, ("", ""))
    return f"{name} must be {what or _sentence(item['msg'])}, not {_shown(value)}", hint


def _sentence(message: str) -> str:
    return message.removeprefix("Input should be ")


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    return "nothing" if value is None else (repr(value) if isinstance(value, str) else str(value))[:80]


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_at(model: type[BaseModel], loc: tuple[str | int, ...]) -> type[BaseModel]:
    for step in loc:
        annotation = _annotation(model, step)
        model = next(iter(_models(annotation)), model)
    return model


def _choices(model: type[BaseModel], loc: tuple[str | int, ...]) -> tuple[Any, ...]:
    names = [step for step in loc if isinstance(step, str)]
    owner = _model_at(model, tuple(names[:-1]))
    return _literals(_annotation(owner, names[-1]))


def _annotation(model: type[BaseModel], step: str | int) -> Any:
    for name, field in model.model_fields.items():
        if step in {field.alias, name}:
            return field.annotation
    return None


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in _models(part)]


def _literals(annotation: Any) -> tuple[Any, ...]:
    parts = get_args(annotation)
    if parts and all(isinstance(part, str) for part in parts):
        return parts
    return tuple(found for part in parts for found in _literals(part))
