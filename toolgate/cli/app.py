"""The `toolgate` command: finds a subcommand's module when it is asked for, and turns errors into exits."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from toolgate.cli.exits import Exit, exit_for

# Each module has an `app: typer.Typer`; one command in it makes a plain command, several make a group. They
# are imported when they are asked for, so that `--version` and each command load only what they need.
COMMANDS: dict[str, str] = {
    "demo": "toolgate.cli.demo",
    "dev": "toolgate.cli.dev",
    "gate": "toolgate.cli.gate",
    "keys": "toolgate.cli.keys",
    "snapshot": "toolgate.cli.snapshot",
    "topics": "toolgate.cli.topics",
}


class _LateGroup(TyperGroup):
    """Knows the names of its commands, imports them late."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the framework's signature
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command = typer.main.get_command(importlib.import_module(COMMANDS[cmd_name]).app)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=_LateGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - the framework calls it
    if wanted:
        from toolgate import __version__  # noqa: PLC0415 - reads the installed package's metadata

        typer.echo(f"toolgate {__version__}")
        raise typer.Exit


@app.callback()
def toolgate(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """A gate between AI agents and production: intents in; approved commands, denials and audit out."""


def main() -> None:
    """Run the command line; every failure ends with a message and a code of `toolgate.cli.exits.Exit`."""
    try:
        app()
    except Exception as error:  # noqa: BLE001 - the one place where whatever went wrong is told
        raise SystemExit(report(error)) from None


def report(error: Exception) -> Exit:
    """Tell on stderr what went wrong; with a traceback only when TOOLGATE_DEBUG=1.

    Args:
        error: whatever reached the top.

    Returns:
        The code to exit with.
    """
    code = exit_for(error)
    if os.environ.get("TOOLGATE_DEBUG") == "1":
        traceback.print_exception(error)
    if code is Exit.INTERNAL:
        print(f"error: internal: {type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201
        print("  do:    run it again with TOOLGATE_DEBUG=1 and report the traceback", file=sys.stderr)  # noqa: T201
    else:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
    return code
