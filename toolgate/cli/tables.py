"""Tables for people: names are never cut, and what goes into a pipe is as wide as it needs to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_PIPE_WIDTH = 1000


def show(names: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows under their names, if any has one; nothing without rows."""
    table = Table(box=None, pad_edge=False, show_header=any(names))
    for name in names:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # as it is: brackets are no markup here
    if table.row_count:
        console = Console(highlight=False)
        console = console if console.is_terminal else Console(highlight=False, width=_PIPE_WIDTH)
        console.print(table)
