"""Facts: what results have told about the world, kept for a run, as conditions look at them.

The ledger keeps texts by name. One remembering of one tool about one row is one name; the rows are put together here,
what was told later standing before what was told earlier.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from toolgate.processors.condition_types import INT, Field, Type, fits_deeply, map_of, record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

KEY_CHARS_MAX = 256
HISTORY: Type = record(landed=INT, failed=INT, landed_writes=INT, failed_writes=INT)
_APART = "\x1f"


@dataclass(frozen=True, slots=True)
class Read:
    """A call that tells a fact: of which tool, and which parameter names the row ("": no single one does)."""

    tool: str
    param: str
    whole: bool  # whether that parameter is a whole number


@dataclass(frozen=True, slots=True)
class FactKind:
    """What is known of one thing. `trusted`: everything that tells it is a system of record, not free text."""

    name: str
    trusted: bool
    row: Type  # an object; any of its fields may be unknown as yet
    reads: tuple[Read, ...]  # what tells it without changing anything
    types: Mapping[str, Type] = field(init=False, repr=False, compare=False)  # of the row's fields

    def __post_init__(self) -> None:
        """Find the fields' types once."""
        types = {name: one.type for name, one in self.row.fields or ()}
        object.__setattr__(self, "types", types)

    def fitting(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Of what was told, the fields that the row has, where they are of its types."""
        types = self.types
        return {
            name: value for name, value in fields.items() if name in types and fits_deeply(value, types[name])
        }


def fact_name(fact: str, key: str, source: str) -> str:
    """The ledger's name of what `source` told about the row `key`."""
    return _APART.join((fact, key, source))


def fact_value(fields: Mapping[str, Any], offset: int) -> str:
    """What the ledger keeps under that name: the fields, and the offset of the result that told them."""
    return json.dumps({"at": offset, "is": fields}, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def history_keys(run_id: str, tool: str, params_digest: str) -> dict[str, str]:
    """The ledger's counters of what became of a run's calls: of this very one, and of all its writes."""
    stem, own = f"run:{run_id}", f"{tool}:{params_digest}"
    return {
        "landed": f"{stem}:landed:{own}",
        "failed": f"{stem}:failed:{own}",
        "landed_writes": f"{stem}:landed_writes",
        "failed_writes": f"{stem}:failed_writes",
    }


def fields_of(text: str) -> frozenset[str]:
    """The fields that a text which the ledger keeps tells."""
    return frozenset(_read(text)["is"])


def told_by_source(name: str, fact: str, source: str) -> bool:
    """Whether a name of the ledger is of this fact, told by this source."""
    return name.startswith(fact + _APART) and name.endswith(_APART + source)


def names_of(texts: Iterable[str], fact: str, key: str) -> list[str]:
    """Of the ledger's names, those that tell about a row, whoever told it; about any row of the fact for key ""."""
    stem = f"{fact}{_APART}{key}{_APART}" if key else f"{fact}{_APART}"
    return [name for name in texts if name.startswith(stem)]


def concerning(texts: Mapping[str, str], kinds: Collection[str]) -> dict[str, str]:
    """Of all that a run remembers, facts of these kinds."""
    return {name: text for name, text in texts.items() if name.partition(_APART)[0] in kinds}


def sources_of(texts: Mapping[str, str]) -> Iterator[tuple[int, str, str]]:
    """Of all facts that a run remembers: the offset of the result that told it, the tool, and the kind of fact."""
    for name, text in texts.items():
        fact, *key, source = name.split(_APART)
        if key:
            yield _read(text)["at"], source.rpartition("#")[0], fact


class Told(dict[str, dict[str, Any]]):
    """The rows of `rows_of` by their place, each read when it is asked for; KeyError where nothing tells of it.

    A row that was told once is as it was told: whether its fields fit their kind, whoever looks at them must see.
    """

    def __init__(self, texts: Mapping[str, str], kinds: Mapping[str, FactKind]) -> None:
        super().__init__()
        self._kinds = kinds
        self._texts: dict[str, list[str]] = {}
        for name, text in texts.items():
            place = name.rpartition(_APART)[0]
            if place in self._texts:
                self._texts[place].append(text)
            else:
                self._texts[place] = [text]

    @staticmethod
    def place(kind: str, key: str) -> str:
        """Where a row stands."""
        return f"{kind}{_APART}{key}"

    def __missing__(self, place: str) -> dict[str, Any]:
        """Read a row."""
        texts = self._texts[place]
        if len(texts) == 1:
            row: dict[str, Any] = _read(texts[0])["is"]
            self[place] = row
            return row
        row, kind = {}, self._kinds[place.partition(_APART)[0]]
        for told in sorted(map(_read, texts), key=lambda one: one["at"]):
            row |= kind.fitting(told["is"])
        self[place] = row
        return row


def rows_of(texts: Mapping[str, str], kinds: Mapping[str, FactKind]) -> dict[str, dict[str, dict[str, Any]]]:
    """The facts as tables: by kind and key, the fields. What does not fit its kind is left out."""
    told: list[tuple[int, str, str, dict[str, Any]]] = []
    for name, text in texts.items():
        parts = name.split(_APART)
        if parts[0] in kinds:
            value = _read(text)
            told.append((value["at"], parts[0], parts[1], value["is"]))
    tables: dict[str, dict[str, dict[str, Any]]] = {kind: {} for kind in kinds}
    for _, kind, key, fields in sorted(told, key=lambda one: one[0]):
        tables[kind].setdefault(key, {}).update(kinds[kind].fitting(fields))
    return tables


def _read(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:  # an infinite sum, which only Python's own JSON knows
        return json.loads(text)


def tables_of(kinds: Mapping[str, FactKind]) -> Type:
    """The type of `facts` in a condition."""
    return Type(
        "object",
        None,
        tuple((name, Field(map_of(kind.row), required=True)) for name, kind in sorted(kinds.items())),
    )
