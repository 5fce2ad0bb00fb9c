"""Whether two versions of a schema understand each other.

Every version must read what every other version wrote: gates, agents and executors are never upgraded at one
moment, and the audit log is kept for ever. So a new version may add and drop fields that have defaults, and
little else: no renames, no other types, no new or fewer union branches or enum symbols (unless a default says
what strangers read as), and no change of a default (two readers would read two things).
"""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PROMOTIONS = {  # what a reader of the value may call it
    "int": {"int", "long", "float", "double"},
    "long": {"long", "float", "double"},
    "float": {"float", "double"},
    "string": {"string", "bytes"},
    "bytes": {"bytes", "string"},
}


def breaks(versions: Sequence[Any]) -> tuple[str, ...]:
    """What keeps any of the versions from reading any other; () when nothing does.

    Args:
        versions: Parsed schemas, oldest first.
    """
    found: list[str] = []
    for (old, writer), (new, reader) in permutations(enumerate(versions, 1), 2):
        found += [f"v{new} reading v{old}: {what}" for what in unreadable(reader, writer)]
        found += [f"v{old} and v{new}: {what}" for what in _moved_defaults(reader, writer) if old < new]
    return tuple(found)


def unreadable(reader: Any, writer: Any) -> tuple[str, ...]:
    """What keeps `reader` from reading all that `writer` may write: Avro's schema resolution as rules.

    Args:
        reader: A parsed schema: full names, each named type spelt out where it is used first.
        writer: Likewise.
    """
    return tuple(_Resolution(_named(reader), _named(writer)).differences(reader, writer, ""))


def samples(schema: Any) -> Iterator[Any]:
    """Data for a parsed schema in which every enum symbol and every union branch occurs, and empty lists too.

    In the form that fastavro writes: dicts, and (name, value) for a record in a union.
    """
    named = _named(schema)
    turns = max((len(branches) for branches in _choices(schema)), default=1)
    for turn in range(turns + 1):
        yield _sample(schema, named, turn, "")


class _Resolution:
    def __init__(self, readers: dict[str, Any], writers: dict[str, Any]) -> None:
        self._readers = readers
        self._writers = writers

    def differences(self, reader: Any, writer: Any, path: str) -> Iterator[str]:
        reader, writer = self._readers.get(_key(reader), reader), self._writers.get(_key(writer), writer)
        if isinstance(writer, list):
            for branch in writer:
                yield from self.differences(reader, branch, path)
        elif isinstance(reader, list):
            yield from self._into_union(reader, writer, path)
        else:
            yield from self._alike(reader, writer, path)

    def _into_union(self, reader: list[Any], writer: Any, path: str) -> Iterator[str]:
        closest: list[str] | None = None
        for branch in reader:
            found = list(self.differences(branch, writer, path))
            if not found:
                return
            if _key(branch) == _key(writer):
                closest = found
        yield from closest or [f"{path or 'the top'}: no branch for {_show(writer)}"]

    def _alike(self, reader: Any, writer: Any, path: str) -> Iterator[str]:
        kind, written = _kind(reader), _kind(writer)
        if kind not in _PROMOTIONS.get(written, {written}):
            yield f"{path or 'the top'}: {_show(writer)} became {_show(reader)}"
        elif kind in ("array", "map"):
            part = "items" if kind == "array" else "values"
            yield from self.differences(reader[part], writer[part], f"{path}[]")
        elif kind in ("record", "enum", "fixed"):
            yield from self._named_alike(reader, writer, path)

    def _named_alike(self, reader: Any, writer: Any, path: str) -> Iterator[str]:
        kind, name = reader["type"], writer["name"]
        if reader["name"] != name:
            yield f"{path or 'the top'}: {name} became {reader['name']}"
        elif kind == "record":
            yield from self._fields(reader, writer, path or name)
        elif kind == "fixed" and reader["size"] != writer["size"]:
            yield f"{path}: {name} of {writer['size']} bytes became {reader['size']}"
        elif kind == "enum" and "default" not in reader:
            missing = [symbol for symbol in writer["symbols"] if symbol not in reader["symbols"]]
            if missing:
                yield f"{path}: {name} has no symbol {', '.join(missing)} and no default"

    def _fields(self, reader: Any, writer: Any, path: str) -> Iterator[str]:
        written = {field["name"]: field for field in writer["fields"]}
        for field in reader["fields"]:
            where = f"{path}.{field['name']}"
            if field["name"] in written:
                yield from self.differences(field["type"], written[field["name"]]["type"], where)
            elif "default" not in field:
                yield f"{where}: was not written and has no default"


def _moved_defaults(reader: Any, writer: Any) -> Iterator[str]:
    new, old = _defaults(reader), _defaults(writer)
    for where in sorted(new.keys() & old.keys()):
        if new[where] != old[where]:
            yield f"{where}: the default {old[where]!r} became {new[where]!r}"


def _defaults(schema: Any) -> dict[str, Any]:
    return {
        f"{record['name']}.{field['name']}": field["default"]
        for record in _named(schema).values()
        for field in record.get("fields", ())
        if "default" in field
    }


def _named(schema: Any) -> dict[str, Any]:
    """All named types of a schema by full name."""
    return {part["name"]: part for part in _parts(schema) if isinstance(part, dict) and "name" in part}


def _choices(schema: Any) -> Iterator[list[Any]]:
    for part in _parts(schema):
        if isinstance(part, list):
            yield part
        elif isinstance(part, dict) and part["type"] == "enum":
            yield part["symbols"]


def _parts(schema: Any) -> Iterator[Any]:
    yield schema
    if isinstance(schema, list):
        below = schema
    elif isinstance(schema, dict):
        below = [field["type"] for field in schema.get("fields", ())]
        below += [schema[part] for part in ("items", "values") if part in schema]
    else:
        below = []
    for part in below:
        yield from _parts(part)


def _kind(schema: Any) -> str:
    return schema if isinstance(schema, str) else str(schema["type"])


def _key(schema: Any) -> str:
    """A name for a named type, the kind of any other."""
    if isinstance(schema, list):
        return "union"
    return str(schema["name"]) if isinstance(schema, dict) and "name" in schema else _kind(schema)


def _show(schema: Any) -> str:
    return "|".join(map(_key, schema)) if isinstance(schema, list) else _key(schema)


def _sample(schema: Any, named: dict[str, Any], turn: int, at: str) -> Any:
    schema = named.get(_key(schema), schema)
    if isinstance(schema, list):
        branch = schema[turn % len(schema)]
        value = _sample(branch, named, turn, at)
        return (_key(branch), value) if _kind(named.get(_key(branch), branch)) == "record" else value
    match _kind(schema):
        case "record":
            return {
                field["name"]: _sample(field["type"], named, turn, field["name"])
                for field in schema["fields"]
            }
        case "array":
            return [_sample(schema["items"], named, turn + step, at) for step in range(turn)]
        case "map":
            return {f"{at}-{step}": _sample(schema["values"], named, turn + step, at) for step in range(turn)}
        case "enum":
            return schema["symbols"][turn % len(schema["symbols"])]
        case primitive:
            return _PRIMITIVES[primitive](turn, at)


_PRIMITIVES: dict[str, Any] = {
    "null": lambda _turn, _at: None,
    "boolean": lambda turn, _at: turn % 2 == 1,
    "int": lambda turn, _at: (-1) ** turn * turn * 1_000_003,
    "long": lambda turn, _at: (-1) ** turn * turn * 1_000_000_000_039,
    "string": lambda turn, at: f"{at} {turn} \N{SNOWMAN}" if turn else "",
}
