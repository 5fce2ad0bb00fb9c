"""The next command to type: said on stderr, to people only."""

from __future__ import annotations

import typer


def say_next(*commands: str, as_json: bool = False) -> None:
    """Say what is sensible to type next; nothing where the output is for a program."""
    if as_json:
        return
    for place, command in enumerate(commands):
        typer.echo(("next:  " if place == 0 else "       ") + command, err=True)
