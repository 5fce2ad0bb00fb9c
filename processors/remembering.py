"""Remembering: which parts of a call and of its result become facts, as the catalogue's `remember` says.

Checked at load like a condition: every path is of the tool's parameters or of the schema of its result. At a result
nothing is approved or refused, so what does not fit is not remembered, and whoever asks for it must read again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from toolgate.processors.condition_syntax import TEXT_CHARS_MAX, ConditionError
from toolgate.processors.condition_text import compile_path
from toolgate.processors.condition_types import Field as FieldType
from toolgate.processors.condition_types import Type, fits_deeply
from toolgate.processors.facts import KEY_CHARS_MAX, FactKind, Read, fact_name, fact_value
from toolgate.processors.fields import Name, StrictModel
from toolgate.processors.functions import UnfitError
from toolgate.processors.slots import CALL, CONSTANT, Missing, Slot, value_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from toolgate.processors.problems import Path

EACH_ROOT = "each"
REMEMBER_MAX = 8  # remember entries of a tool
FACTS_MAX = 64  # rows that one result tells; what is beyond is not remembered
VALUE_BYTES_MAX = 2_048
_KEPT = frozenset({"bool", "int", "double", "string", "list", "object"})
Text = Annotated[str, Field(min_length=1, max_length=TEXT_CHARS_MAX)]


class Remember(StrictModel):
    """What a call that succeeded tells about one thing, or about each of a list."""

    fact: Name = Field(description="what conditions call it: facts.<fact>[key]")
    each: Text | None = Field(
        default=None, description="a path to a list or mapping: one fact for each entry, which is then `each`"
    )
    key: Annotated[
        list[Text],
        BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
        Field(min_length=1, max_length=8),
        WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
    ] = Field(description="which one it is: a path, or several that join() puts together")
    fields: Annotated[dict[Name, Text], Field(min_length=1, max_length=64)] = Field(
        description="what is remembered of it: a path, or a function over paths, for each field"
    )
    trusted: bool = Field(
        default=False,
        description="whether what it tells may prove something: true for a system's own record, never for free text",
    )


@dataclass(frozen=True, slots=True)
class Remembering:
    """One compiled `remember`. `source` tells it from the others that tell the same fact."""

    fact: str
    source: str
    trusted: bool
    each: Slot | None
    key: tuple[Slot, ...]
    fields: tuple[tuple[str, Slot, Type], ...]
    params: frozenset[str]  # the parameters that it looks at


class RememberError(ValueError):
    """A `remember` that does not load; `path` is where in it, `at` where in that text."""

    def __init__(self, path: Path, text: str, error: ConditionError) -> None:
        super().__init__(error.what)
        self.path = path
        self.text = text
        self.error = error


def compile_remember(entry: Remember, source: str, params: Type, result: Type | None) -> Remembering:
    """Check an entry against the types of the tool's parameters and result; RememberError where it does not fit."""
    roots = {"params": params} if result is None else {"params": params, "result": result}
    each = None
    if entry.each is not None:
        each, over = _path(("each",), entry.each, roots)
        item = over.item if over.kind in {"list", "map"} else None
        while item is not None and item.kind == "list":
            item = item.item
        if item is None:
            fault = ConditionError(0, f"each goes over a list or a mapping, not over {over}")
            raise RememberError(("each",), entry.each, fault)
        roots = {**roots, EACH_ROOT: item}
    keys = []
    for place, text in enumerate(entry.key):
        key, kind = _path(("key", place), text, roots)
        if kind.kind not in {"string", "int"}:
            fault = ConditionError(0, f"a key is text or a whole number, not {kind}")
            raise RememberError(("key", place), text, fault)
        keys.append(key)
    fields = tuple((name, *_path(("fields", name), text, roots)) for name, text in entry.fields.items())
    for name, _, kind in fields:
        if kind.kind not in _KEPT or (kind.kind == "list" and (kind.item or kind).kind not in _KEPT):
            fault = ConditionError(0, f"{kind} cannot be remembered", "remember the text it is made of")
            raise RememberError(("fields", name), entry.fields[name], fault)
    slots = [slot for slot in (each, *keys, *(slot for _, slot, _ in fields)) if slot is not None]
    return Remembering(
        entry.fact,
        source,
        entry.trusted,
        each,
        tuple(keys),
        fields,
        frozenset(name for slot in slots for name in _params_of(slot)),
    )


def remembered(
    entries: Iterable[Remembering], params: Mapping[str, Any], result: Any, offset: int
) -> dict[str, tuple[str, bool]]:
    """The facts that a result tells: by the ledger's name its text and whether it is trusted, at most FACTS_MAX."""
    found: dict[str, tuple[str, bool]] = {}
    for entry in entries:
        roots: dict[str, Any] = {"params": params, "result": result}
        for one in _each(entry, roots):
            if len(found) >= FACTS_MAX:
                return found
            key = [_value(slot, {**roots, EACH_ROOT: one}) for slot in entry.key]
            text = " ".join(map(str, key))
            if not all(type(part) in {str, int} for part in key) or len(text) > KEY_CHARS_MAX:
                continue
            values = {
                name: _value(slot, {**roots, EACH_ROOT: one}, kind) for name, slot, kind in entry.fields
            }
            value = fact_value({name: it for name, it in values.items() if it is not None}, offset)
            if len(value.encode()) <= VALUE_BYTES_MAX and text.isprintable():
                found[fact_name(entry.fact, text, entry.source)] = (value, entry.trusted)
    return found


def key_told(entry: Remembering, params: Mapping[str, Any]) -> str:
    """The key of the row that a call tells about; "": only its result will say which, or which ones."""
    keys = [_value(slot, {"params": params}) for slot in entry.key] if _told_by_params(entry) else [None]
    return " ".join(map(str, keys)) if all(type(part) in {str, int} for part in keys) else ""


def _told_by_params(entry: Remembering) -> bool:
    return entry.each is None and all(_only_params(slot) for slot in entry.key)


def _only_params(slot: Slot) -> bool:
    return slot.root in {"params", CALL, CONSTANT} and all(map(_only_params, slot.inputs))


def fact_kinds(entries: Iterable[tuple[str, Remembering]]) -> dict[str, FactKind]:
    """All facts there are, of entries with the name of the tool that reads ("" for one that writes)."""
    kinds: dict[str, FactKind] = {}
    for tool, entry in entries:
        before = kinds.get(entry.fact, FactKind(entry.fact, trusted=True, row=Type("object"), reads=()))
        fields = dict(before.row.fields or ())
        for name, _, kind in entry.fields:
            fields.setdefault(name, FieldType(kind, required=True))
        kinds[entry.fact] = FactKind(
            entry.fact,
            before.trusted and entry.trusted,
            Type("object", None, tuple(fields.items())),
            (*before.reads, *([_read(tool, entry)] if tool else ())),
        )
    return kinds


def _read(tool: str, entry: Remembering) -> Read:
    key = entry.key[0]
    named = len(entry.key) == 1 and key.root == "params" and len(key.path) == 1 and not key.functions
    return Read(tool, key.path[0] if named else "", whole=named and key.type.kind == "int")


def at_odds(entry: Remembering, kinds: Mapping[str, FactKind]) -> Iterator[tuple[str, str]]:
    """Fields that another tool remembers as something else, each with what is wrong."""
    known = dict(kinds[entry.fact].row.fields or ())
    for name, _, kind in entry.fields:
        if known[name].type != kind:
            yield name, f"{entry.fact}.{name} is {kind} here and {known[name].type} at another tool"


def _path(path: Path, text: str, roots: Mapping[str, Type]) -> tuple[Slot, Type]:
    try:
        return compile_path(text, roots)
    except ConditionError as error:
        raise RememberError(path, text, error) from None


def _each(entry: Remembering, roots: Mapping[str, Any]) -> Iterator[Any]:
    if entry.each is None:
        yield None
        return
    value = _value(entry.each, roots)
    yield from _flat(list(value.values()) if isinstance(value, dict) else value)


def _flat(value: Any) -> Iterator[Any]:
    for item in value if isinstance(value, list) else ():
        yield from _flat(item) if isinstance(item, list) else (item,)


def _value(slot: Slot, roots: Mapping[str, Any], kind: Type | None = None) -> Any:
    """What stands there, or None."""
    try:
        value = value_of(slot, roots)
    except UnfitError:
        return None
    if isinstance(value, Missing) or (kind is not None and not fits_deeply(value, kind)):
        return None
    return value


def _params_of(slot: Slot) -> Iterator[str]:
    if slot.root == "params" and slot.path:
        yield slot.path[0]
    for one in slot.inputs:
        yield from _params_of(one)
