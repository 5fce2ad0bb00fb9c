"""What somebody is asked to decide about, laid out: what stands now beside what is asked, and how to undo it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolgate.schemas.strict_json import JsonError, loads_strict

if TYPE_CHECKING:
    from toolgate.schemas.records import Draft, Hold

_BYTES_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class Line:
    """One parameter: what is asked, and what stands now by `source`; None where that is not known."""

    name: str
    asked: Any
    now: Any = None
    source: str = ""

    @property
    def differs(self) -> bool:
        """Whether what is asked is another than what stands now."""
        return self.now is not None and self.now != self.asked


@dataclass(frozen=True, slots=True)
class Undo:
    """The call that undoes it."""

    tool: str
    params: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Earlier:
    """A call that the run has made before, what it told, and where on its partition of results; None: not said."""

    tool: str
    told: tuple[str, ...]
    result: int | None = None


def lines_of(opened: Hold | Draft) -> list[Line]:
    """The parameters of what waits, by name; none where it shows nothing."""
    shown = _object(opened.diff)
    if isinstance(params := shown.get("params"), dict) and "asked" not in params:
        return [Line(name, value) for name, value in sorted(params.items())]
    return [
        Line(name, one["asked"], one.get("now"), str(one.get("from", "")))
        for name, one in sorted(shown.items())
        if isinstance(one, dict) and "asked" in one
    ]


def undo_of(opened: Hold | Draft) -> Undo | None:
    """How to undo it; None where the catalogue names nothing."""
    shown = _object(opened.inverse)
    params = shown.get("params")
    return Undo(str(shown["tool"]), params if isinstance(params, dict) else {}) if "tool" in shown else None


def earlier_of(opened: Hold | Draft) -> list[Earlier]:
    """What its run has called before, the earliest first."""
    rows = _read(opened.earlier)
    return [
        Earlier(str(row["tool"]), tuple(map(str, row.get("told", ()))), row.get("result"))
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, dict) and "tool" in row
    ]


def _object(text: str) -> dict[str, Any]:
    found = _read(text)
    return found if isinstance(found, dict) else {}


def _read(text: str) -> Any:
    try:
        # the strict reader takes objects, and one of these is a list
        return loads_strict(f'{{"it":{text}}}', max_bytes=_BYTES_MAX)["it"]
    except JsonError:
        return None  # "" for none; only the gate writes here
