"""Quoting: whatever a page shows is text. No word of an agent becomes HTML, moves the cursor or turns the line around.

Every expression of every template passes `quoted` before it is escaped: there is no way to forget it. Needs jinja2.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from toolgate.inspection.decoding import as_time
from toolgate.inspection.wording import about, because, joined, safe
from toolgate.processors.amounts import amount, usd

if TYPE_CHECKING:
    from pathlib import Path

# No other: several of the library's own mark what they return as HTML, which would pass unquoted.
_FILTERS = ("capitalize", "format", "join", "length", "lower", "replace", "string")
_VALUE_CHARS_MAX = 2_000


def quoted(value: Any) -> Any:
    """Text as it is shown: what does not print, or would turn the direction of writing, stands as its escape."""
    return value if isinstance(value, Markup) else safe(str(value))


def environment(folder: Path) -> Environment:
    """An environment for the templates of a folder. Undefined names are errors, nothing is marked as safe."""
    made = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=quoted,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters = {name: made.filters[name] for name in _FILTERS} | {
        "usd": usd,
        "about": about,
        "time": as_time,
        "moment": moment,
        "because": because,
        "joined": joined,
        "value": as_value,
    }
    made.globals["amount"] = amount
    return made


def as_value(value: Any) -> str:
    """A value of JSON as one line; where it is cut, it says how much is not shown: nobody approves that unseen."""
    text = safe(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    more = len(text) - _VALUE_CHARS_MAX
    return text if more <= 0 else f"{text[:_VALUE_CHARS_MAX]}… {more:,} more characters are not shown"


def moment(time_ms: int) -> str:
    """An instant for people: UTC, to the second."""
    return as_time(time_ms)[:19].replace("T", " ")
