"""The audit event, as far as the laws look at it, and how it and other records are read.

From bytes only the fields that are looked at are made; the others are stepped over. That is most of the time that a
long log takes. From an export the same values are made of JSON, with every type checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolgate.schemas import registry as registries
from toolgate.schemas.bundle import schemas, subject_of
from toolgate.schemas.frozen import frozen, names_of
from toolgate.schemas.reading import reader
from toolgate.schemas.records import AuditEvent, Op
from toolgate.verification.skipping import skipper

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from toolgate.schemas.registry import Registry

    Step = tuple[bool, Callable[[bytes, int], Any]]

_HEADER_BYTES = 5


@frozen
class Event:
    """Fields of AuditEvent under their names, in their order.

    `visible` are (topic, partition, offset); `balances` are (account, unit, used, max); the args of `ops` are tuples in
    the order of their schema.
    """

    seq: int
    gen: str
    ctl: int
    clk: int
    stable: int
    visible: tuple[tuple[str, int, int], ...]
    topic: str
    partition: int
    offset: int
    append_time: int
    first: bool
    verdict: str
    intent_id: str
    digest: str
    tenant: str
    workflow_id: str
    run_id: str
    agent_id: str
    tool: str
    dry_run: bool
    command_id: str
    ops: tuple[Op, ...]
    balances: tuple[tuple[str, str, int, int], ...]
    kid: str
    note: str
    after: int | None
    first_seq: int | None
    would_have: str = ""


class UnreadableError(ValueError):
    """A record that cannot be read as its topic's."""


class Picker:
    """Reads some fields of one topic's records.

    Args:
        record_type: of `toolgate.schemas.records`.
        names: the fields that are wanted; they come in the order of the schema.
        registry: where schema ids come from; the bundled ones by default.
        whole: whether bytes are read to their end, also behind the last field that is wanted.
    """

    def __init__(
        self,
        record_type: type,
        names: Sequence[str],
        registry: Registry | None = None,
        *,
        whole: bool = True,
    ) -> None:
        self._subject = subject_of(record_type)
        self._registry = registry or registries.bundled()
        self._wanted = frozenset(names)
        self._whole = whole
        self._steps: dict[bytes, list[Step]] = {}
        self._newest = schemas(self._subject.stem)[-1].runtime

    def pick(self, value: bytes | None) -> list[Any]:
        """The wanted fields of a value; those that a later version of the schema has brought may be missing at its end.

        Raises:
            UnreadableError: it is no value of this topic.
            RegistryError: the registry does not answer.
        """
        if value is None:
            raise UnreadableError("a record without a value")
        header = value[:_HEADER_BYTES]
        steps = self._steps.get(header) or self._learn(header)
        found, at = [], _HEADER_BYTES
        try:
            for wanted, step in steps:
                if wanted:
                    one, at = step(value, at)
                    found.append(one)
                else:
                    at = step(value, at)
        except Exception as error:
            raise UnreadableError(f"{type(error).__name__}: {error}") from error
        if at > len(value) or (self._whole and at < len(value)):
            raise UnreadableError("the body is not of its schema's length")
        return found

    def pick_plain(self, value: Any) -> list[Any]:
        """The same of a value as `toolgate tail --json` prints it.

        Raises:
            UnreadableError: a field is missing or has a wrong type.
        """
        try:
            fields = self._newest["fields"]
            return [
                _unplain(value[field["name"]], field["type"], {})
                for field in fields
                if field["name"] in self._wanted
            ]
        except KeyError as error:
            raise UnreadableError(f"{error} is missing") from None
        except (TypeError, AttributeError):
            raise UnreadableError("a value is of another type than its schema says") from None

    def _learn(self, header: bytes) -> list[Step]:
        schema = self._registry.find(int.from_bytes(header[1:], "big")) if header[:1] == b"\x00" else None
        if schema is None or schema.subject is not self._subject:
            raise UnreadableError(f"begins with {header.hex()}, which is no schema of {self._subject.topic}")
        named: dict[str, Any] = {}
        steps: list[Step] = []
        for field in schema.runtime["fields"]:
            kind, wanted = _spelt(field["type"], named), field["name"] in self._wanted
            steps.append((wanted, reader(kind, {}) if wanted else skipper(kind)))
        while not self._whole and not steps[-1][0]:
            steps.pop()
        self._steps[header] = steps
        return steps


class Events:
    """Reads audit events."""

    def __init__(self, registry: Registry | None = None) -> None:
        self._picker = Picker(AuditEvent, names_of(Event), registry)

    def of_value(self, value: bytes | None) -> Event:
        """The event of a value; raises as `Picker.pick`."""
        return Event(*self._picker.pick(value))

    def of_plain(self, value: Any) -> Event:
        """The event of a printed value; raises as `Picker.pick_plain`."""
        return Event(*self._picker.pick_plain(value))


def _spelt(schema: Any, named: dict[str, Any]) -> Any:
    """The schema with every name spelt out, so that each field can be read by itself."""
    if isinstance(schema, str):
        return named.get(schema, schema)
    if isinstance(schema, list):
        return [_spelt(branch, named) for branch in schema]
    made = {
        key: _spelt(part, named) if key in {"items", "values", "type"} else part
        for key, part in schema.items()
    }
    if "fields" in schema:
        made["fields"] = [{**field, "type": _spelt(field["type"], named)} for field in schema["fields"]]
    if "name" in schema:
        named[schema["name"]] = made
    return made


_TYPES: dict[str, type] = {"int": int, "long": int, "string": str, "boolean": bool}


def _unplain(value: Any, schema: Any, named: dict[str, Any]) -> Any:  # noqa: PLR0911 - one a type
    """A value of JSON as `schemas.reading` would have read it."""
    if isinstance(schema, list):
        return _of_union(value, schema, named)
    if isinstance(schema, str):
        if schema in named:
            return _unplain(value, named[schema], named)
        if type(value) is not _TYPES[schema]:
            raise TypeError
        return value
    match schema["type"]:
        case "array":
            return tuple([_unplain(item, schema["items"], named) for item in _listed(value)])
        case "record":
            named[schema["name"]] = schema
            return tuple([_unplain(value[field["name"]], field["type"], named) for field in schema["fields"]])
        case "enum":
            if value not in schema["symbols"]:
                raise TypeError
            return value
        case other:
            return _unplain(value, other, named)


def _of_union(value: Any, branches: list[Any], named: dict[str, Any]) -> Any:
    if "null" in branches:
        [branch] = [branch for branch in branches if branch != "null"]
        return None if value is None else _unplain(value, branch, named)
    by_name = {branch["name"].rpartition(".")[2].lower(): branch for branch in branches}
    return Op(value["op"], _unplain(value, by_name[value["op"]], named))


def _listed(value: Any) -> list[Any]:
    if type(value) is not list:
        raise TypeError
    return value
