"""Quoting: whatever a page shows is text. No word of an agent becomes HTML, moves the cursor or turns the line around.

Every expression of every template passes `quoted` before it is escaped: there is no way to forget it.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from toolgate.inspection.decoding import as_time
from toolgate.inspection.wording import about, because, joined, safe
from toolgate.processors.amounts import amount, usd

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).parent
# No other: several of the library's own mark what they return as HTML, which would pass unquoted.
_FILTERS = ("capitalize", "format", "join", "length", "lower", "replace", "string")
_VALUE_CHARS_MAX = 2_000


def quoted(value: Any) -> Any:
    """Text as it is shown: what does not print, or would turn the direction of writing, stands as its escape."""
    return value if isinstance(value, Markup) else safe(str(value))


@cache
def environment() -> Environment:
    """The templates' environment, made once. Undefined names are errors, and nothing is marked as safe from outside."""
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
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
    made.globals |= {"amount": amount, "href": href}
    return made


def as_value(value: Any) -> str:
    """A value of JSON as one line; where it is cut, it says how much is not shown: nobody approves that unseen."""
    text = safe(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    more = len(text) - _VALUE_CHARS_MAX
    return text if more <= 0 else f"{text[:_VALUE_CHARS_MAX]}… {more:,} more characters are not shown"


def moment(time_ms: int) -> str:
    """An instant for people: UTC, to the second."""
    return as_time(time_ms)[:19].replace("T", " ")


def href(path: str, **query: str | None) -> str:
    """A link to one of our pages; what it names is encoded."""
    said: Mapping[str, str] = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(said)}" if said else path
