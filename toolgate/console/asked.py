"""What somebody is asked to decide about, laid out: what stands now beside what is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolgate.schemas.records import Hold
from toolgate.schemas.strict_json import JsonError, loads_strict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolgate.review.waiting import Waiting

_BYTES_MAX = 1_000_000
NOTHING = object()  # there is no value, which is not null


@dataclass(frozen=True, slots=True)
class Line:
    """One value: what stands now, where that is known, and what is asked for."""

    name: str
    asked: Any
    now: Any = NOTHING

    @property
    def known(self) -> bool:
        """Whether it is known what stands now."""
        return self.now is not NOTHING

    @property
    def differs(self) -> bool:
        """Whether what is asked for is another than what stands now."""
        return self.known and self.now != self.asked


def lines(waiting: Waiting) -> list[Line]:
    """The lines of what waits, by name; none where it shows nothing."""
    text = waiting.opened.diff if isinstance(waiting.opened, Hold) else "{}"
    try:
        shown: Any = loads_strict(text, max_bytes=_BYTES_MAX)
    except JsonError:
        return []
    return list(_lines(shown)) if isinstance(shown, dict) else []


def _lines(shown: dict[str, Any]) -> Iterator[Line]:
    for name, value in sorted(shown.items()):
        if isinstance(value, dict) and "asked" in value:
            yield Line(name, value["asked"], value.get("now", NOTHING))
        elif name == "params" and isinstance(value, dict):
            yield from (Line(each, given) for each, given in sorted(value.items()))
        else:
            yield Line(name, value)
