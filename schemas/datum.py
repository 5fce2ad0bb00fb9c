"""Records to Avro data and back, compiled once from a schema.

Fastavro wants plain dicts and lists; records are frozen dataclasses with tuples. A record type that has a dataclass
becomes that; every other record (an operation of the ledger, and what is inside one) is a tuple in field order,
and a union of such records is an `Op` that names its branch.
"""

from __future__ import annotations

from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any

from toolgate.schemas.records import Balance, Op, Reason, Visible

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Convert = Callable[[Any], Any]
    Schema = Any

NESTED: Mapping[str, type] = {"toolgate.Reason": Reason, "toolgate.Balance": Balance, "toolgate.Visible": Visible}


def writer_of(schema: Schema, classes: Mapping[str, type]) -> Convert | None:
    """What turns a record's value into what fastavro writes; None where it may stay as it is.

    Args:
        schema: A parsed schema in which every named type is spelt out where it is used first.
        classes: Full record name to its dataclass.
    """
    return _Writers(classes).of(schema)


def reader_of(schema: Schema, classes: Mapping[str, type]) -> Convert | None:
    """What turns what fastavro read into a record's value; None where it may stay as it is."""
    return _Readers(classes).of(schema)


class _Compiler:
    """Walks a schema; remembers named types, which are spelt out once and named afterwards."""

    def __init__(self, classes: Mapping[str, type]) -> None:
        self._classes = classes
        self._named: dict[str, Convert | None] = {}

    def of(self, schema: Schema) -> Convert | None:
        if isinstance(schema, str):
            return self._named.get(schema)
        if isinstance(schema, list):
            return self._union(schema)
        kind = schema["type"]
        if kind == "array":
            return self.array(self.of(schema["items"]))
        if kind == "map":
            return self.map(self.of(schema["values"]))
        if kind == "record":
            names = [field["name"] for field in schema["fields"]]
            parts = [
                (index, convert)
                for index, field in enumerate(schema["fields"])
                if (convert := self.of(field["type"])) is not None
            ]
            made = self._named[schema["name"]] = self.record(self._classes.get(schema["name"]), names, parts)
            return made
        return None

    def _union(self, branches: list[Any]) -> Convert | None:
        records = [b for b in branches if isinstance(b, dict) and b["type"] == "record"]
        if records and len(records) == len(branches):
            return self.operation({branch["name"]: self.of(branch) for branch in records})
        [value] = [self.of(branch) for branch in branches if branch != "null"]
        return None if value is None else _unless_none(value)

    def array(self, item: Convert | None) -> Convert:
        raise NotImplementedError

    def map(self, value: Convert | None) -> Convert | None:
        return None if value is None else lambda found: {key: value(item) for key, item in found.items()}

    def record(self, cls: type | None, names: list[str], parts: list[tuple[int, Convert]]) -> Convert:
        raise NotImplementedError

    def operation(self, branches: dict[str, Convert | None]) -> Convert:
        raise NotImplementedError


class _Writers(_Compiler):
    def array(self, item: Convert | None) -> Convert:
        # A list, never a tuple: inside a union fastavro takes a tuple for (branch, value).
        return list if item is None else lambda found: [item(value) for value in found]

    def record(self, cls: type | None, names: list[str], parts: list[tuple[int, Convert]]) -> Convert:
        fetch = tuple if cls is None else attrgetter(*names)

        def write(value: Any) -> dict[str, Any]:
            values = list(fetch(value))
            for index, convert in parts:
                if values[index]:  # "", (), {} and None stay as they are
                    values[index] = convert(values[index])
            return dict(zip(names, values, strict=True))

        return write

    def operation(self, branches: dict[str, Convert | None]) -> Convert:
        by_op = {name.rpartition(".")[2].lower(): (name, convert) for name, convert in branches.items()}

        def write(op: Op) -> tuple[str, Any]:
            name, convert = by_op[op.op]
            return name, convert(op.args)  # type: ignore[misc]  # records always have one

        return write


class _Readers(_Compiler):
    def array(self, item: Convert | None) -> Convert:
        return tuple if item is None else lambda found: tuple([item(value) for value in found])

    def record(self, cls: type | None, names: list[str], parts: list[tuple[int, Convert]]) -> Convert:
        fetch = itemgetter(*names)  # by name: resolution of an older schema puts defaults last

        def read(found: dict[str, Any]) -> Any:
            values = list(fetch(found))
            for index, convert in parts:
                values[index] = convert(values[index])
            return tuple(values) if cls is None else cls(*values)

        return read

    def operation(self, branches: dict[str, Convert | None]) -> Convert:
        by_name = {name: (name.rpartition(".")[2].lower(), convert) for name, convert in branches.items()}

        def read(found: tuple[str, Any]) -> Op:
            op, convert = by_name[found[0]]
            return Op(op, convert(found[1]))  # type: ignore[misc]  # records always have one

        return read


def _unless_none(convert: Convert) -> Convert:
    return lambda value: None if value is None else convert(value)
