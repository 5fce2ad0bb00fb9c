"""Facts: what results have told about the world, kept for a run, as conditions look at them.

The ledger keeps texts by name. One remembering of one tool about one row is one name; the rows are put together here,
what was told later standing before what was told earlier.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolgate.processors.condition_types import INT, Field, Type, fits_deeply, map_of, record

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

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


def concerning(texts: Mapping[str, str], kinds: Collection[str]) -> dict[str, str]:
    """Of all that a run remembers, facts of these kinds."""
    return {name: text for name, text in texts.items() if name.partition(_APART)[0] in kinds}


def rows_of(texts: Mapping[str, str], kinds: Mapping[str, FactKind]) -> dict[str, dict[str, dict[str, Any]]]:
    """The facts as tables: by kind and key, the fields. What does not fit its kind is left out."""
    told: list[tuple[int, str, str, dict[str, Any]]] = []
    for name, text in texts.items():
        parts = name.split(_APART)
        if parts[0] in kinds:
            value = json.loads(text)
            told.append((value["at"], parts[0], parts[1], value["is"]))
    tables: dict[str, dict[str, dict[str, Any]]] = {kind: {} for kind in kinds}
    for _, kind, key, fields in sorted(told, key=lambda one: one[0]):
        types = dict(kinds[kind].row.fields or ())
        known = {name: value for name, value in fields.items() if name in types}
        tables[kind].setdefault(key, {}).update(
            {name: value for name, value in known.items() if fits_deeply(value, types[name].type)}
        )
    return tables


def tables_of(kinds: Mapping[str, FactKind]) -> Type:
    """The type of `facts` in a condition."""
    return Type(
        "object",
        None,
        tuple((name, Field(map_of(kind.row), required=True)) for name, kind in sorted(kinds.items())),
    )
