"""The templates of the console: quoted as all pages are, and with links to its own pages."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from toolgate.inspection import quoting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Environment

FOLDER = Path(__file__).parent


@cache
def environment() -> Environment:
    """The templates' environment, made once."""
    made = quoting.environment(FOLDER / "templates")
    made.globals["href"] = href
    return made


def href(path: str, **query: str | None) -> str:
    """A link to one of our pages; what it names is encoded."""
    said: Mapping[str, str] = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(said)}" if said else path
