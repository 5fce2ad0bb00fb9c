"""What is asked of people who decide, as lines: what stands now, what is asked, how to undo it, what came before."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from toolgate.cli.wording import safe
from toolgate.processors.amounts import usd
from toolgate.processors.current import UNTRUSTED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolgate.schemas.records import Draft, Hold

_VALUE_CHARS = 60
_UNKNOWN = "not known"


def asked_lines(held: Hold | Draft) -> Iterator[str]:
    """The part of a hold or draft that says what would happen; each line does nothing but stand there."""
    rows = [("parameter", "now", "asked"), *_rows(held.diff)]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for name, now, asked in rows:
        yield f"           {name:<{widths[0]}}  {now:<{widths[1]}}  {asked}".rstrip()
    touched = f", touches {', '.join(map(safe, held.records))}" if held.records else ""
    yield f"costs      {usd(held.cost_micros)}{touched}"
    if held.inverse:
        undo = json.loads(held.inverse)
        yield f"undone by  {safe(undo['tool'])} {safe(_text(undo['params']))}"
    for call in json.loads(held.earlier) if held.earlier else ():
        told = ", ".join(call["told"])
        yield f"earlier    {safe(call['tool'])}, result at {call['result']}: told of {safe(told)}"


def _rows(diff: str) -> Iterator[tuple[str, str, str]]:
    for name, row in json.loads(diff).items():
        if not isinstance(row, dict) or "asked" not in row:
            # as it was written before holds compared anything
            yield safe(name), "", safe(_text(row))
            continue
        now = _text(row["now"]) if row["now"] is not None else _UNKNOWN if row["from"] else ""
        doubt = UNTRUSTED if row["now"] is not None and row["from"].endswith(UNTRUSTED) else ""
        yield safe(name), safe(now, _VALUE_CHARS) + doubt, safe(_text(row["asked"]))


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
