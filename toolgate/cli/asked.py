"""What is asked of people who decide, as lines: what stands now, what is asked, how to undo it, what came before."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from toolgate.cli.wording import safe
from toolgate.processors.amounts import usd
from toolgate.processors.current import UNTRUSTED
from toolgate.review.asked import earlier_of, lines_of, undo_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolgate.review.asked import Line
    from toolgate.schemas.records import Draft, Hold

_VALUE_CHARS = 60
_UNKNOWN = "not known"


def asked_lines(held: Hold | Draft) -> Iterator[str]:
    """The part of a hold or draft that says what would happen; each line does nothing but stand there."""
    rows = [("parameter", "now", "asked"), *map(_row, lines_of(held))]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for name, now, asked in rows:
        yield f"           {name:<{widths[0]}}  {now:<{widths[1]}}  {asked}".rstrip()
    touched = f", touches {', '.join(map(safe, held.records))}" if held.records else ""
    yield f"costs      {usd(held.cost_micros)}{touched}"
    if undo := undo_of(held):
        yield f"undone by  {safe(undo.tool)} {safe(_text(undo.params))}"
    for call in earlier_of(held):
        at = "" if call.result is None else f", result at {call.result}"
        yield f"earlier    {safe(call.tool)}{at}: told of {safe(', '.join(call.told))}"


def _row(line: Line) -> tuple[str, str, str]:
    now = _text(line.now) if line.now is not None else _UNKNOWN if line.source else ""
    doubt = UNTRUSTED if line.now is not None and line.source.endswith(UNTRUSTED) else ""
    return safe(line.name), safe(now, _VALUE_CHARS) + doubt, safe(_text(line.asked))


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
