"""The `toolgate` command: finds a subcommand's module when it is asked for, and turns errors into exits."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from toolgate.cli.exits import Exit, exit_for
from toolgate.processors.problems import closest

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the table of contents, and where its command is."""

    module: str
    panel: str
    summary: str


# Each module has an `app: typer.Typer`; one command in it makes a plain command, several make a group. They are
# imported when they are asked for, so that `--version`, `--help` and each command load only what they need.
COMMANDS: dict[str, Entry] = {
    "demo": Entry("toolgate.cli.demo", "Try it", "See the gate at work on a real Kafka and Redis."),
    "dev": Entry("toolgate.cli.dev", "Try it", "Run a Kafka and a Redis on this machine."),
    "submit": Entry("toolgate.cli.submit", "Try it", "Send one intent and wait for the verdict."),
    "gate": Entry("toolgate.cli.gate", "Run it", "Decide: one worker, or several."),
    "snapshot": Entry("toolgate.cli.snapshot", "Run it", "Write snapshots, so that recovery is quick."),
    "notify": Entry("toolgate.cli.notify", "Run it", "Tell other systems by signed webhooks."),
    "watch": Entry(
        "toolgate.cli.watch", "Run it", "Objectives, alerts, and a tighter mode where they break."
    ),
    "contract": Entry("toolgate.cli.contract", "Run it", "Say what one run may touch."),
    "tail": Entry("toolgate.cli.tail", "Look", "Read a topic: denials, audit, commands, ..."),
    "explain": Entry("toolgate.cli.explain", "Look", "Everything the log knows of one intent."),
    "slo": Entry("toolgate.cli.slo", "Look", "How workflows do: objectives, budgets, autonomy."),
    "near-miss": Entry("toolgate.cli.near_miss", "Look", "Denials by effect; reports, tests, proposals."),
    "replay": Entry("toolgate.cli.replay", "Look", "Decide the whole log again, and compare."),
    "verify": Entry("toolgate.cli.verify", "Look", "Check that a history keeps every promise."),
    "export": Entry("toolgate.cli.export", "Look", "Write the topics to a file."),
    "kill": Entry("toolgate.cli.kill", "People", "Stop something at once."),
    "lift": Entry("toolgate.cli.lift", "People", "Let go what was stopped."),
    "grant": Entry("toolgate.cli.grant", "People", "Allow for a short time what a policy does not."),
    "revoke": Entry("toolgate.cli.revoke", "People", "End a grant before its time."),
    "grant-report": Entry("toolgate.cli.grant_report", "People", "Everything that was done under a grant."),
    "queue": Entry("toolgate.cli.queue", "People", "What waits for people."),
    "take": Entry("toolgate.cli.take", "People", "Say that you see to what waits."),
    "give-back": Entry("toolgate.cli.give_back", "People", "No longer see to it."),
    "approve": Entry("toolgate.cli.approve", "People", "Approve a held call."),
    "promote": Entry("toolgate.cli.promote", "People", "Let a draft happen."),
    "reject": Entry("toolgate.cli.reject", "People", "Decide against what waits."),
    "release": Entry("toolgate.cli.release", "People", "Say what really happened."),
    "review": Entry("toolgate.cli.review", "People", "Look at completed work that was drawn."),
    "withdraw": Entry("toolgate.cli.withdraw", "People", "Take back what a run has asked for."),
    "console": Entry("toolgate.cli.console", "People", "The queue and what belongs to it, in a browser."),
    "policy": Entry("toolgate.cli.policy", "Policies", "Check, test, compare policies, put them in force."),
    "tools": Entry("toolgate.cli.tools", "Policies", "Import tools, and accept what changed in them."),
    "mode": Entry("toolgate.cli.mode", "Policies", "Order a mode for a workflow."),
    "topics": Entry("toolgate.cli.topics", "Administer", "Create, check and list the topics."),
    "keys": Entry("toolgate.cli.keys", "Administer", "Who may write what: make and list keys."),
    "acl": Entry("toolgate.cli.acl", "Administer", "The rights that each role needs on Kafka."),
    "exits": Entry("toolgate.cli.exits", "Administer", "List the exit codes."),
}
_COMPLETION = {"install_completion", "show_completion"}


class _LateGroup(TyperGroup):
    """Knows its commands by the table above, imports them late."""

    _listing = False

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the framework's signature
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        if self._listing:
            return TyperCommand(cmd_name, help=entry.summary, rich_help_panel=entry.panel)
        command = typer.main.get_command(importlib.import_module(entry.module).app)
        command.name = cmd_name
        # the framework gives these to every app, but completion is the whole command line's
        command.params = [param for param in command.params if param.name not in _COMPLETION]
        return command

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        typed = args[0] if args else ""
        if typed not in COMMANDS and not ctx.resilient_parsing and (hint := closest(typed, COMMANDS)):
            ctx.fail(f"No such command {typed!r}: {hint}")
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        with self._as_listed():
            super().format_help(ctx, formatter)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        with self._as_listed():
            return list(super().shell_complete(ctx, incomplete))

    @contextmanager
    def _as_listed(self) -> Iterator[None]:
        """Commands are only named meanwhile: to print a list, or to complete a word, none is imported."""
        self._listing = True
        try:
            yield
        finally:
            self._listing = False


app = typer.Typer(
    cls=_LateGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="First steps: `toolgate dev`, then `toolgate demo`. Settings: options, TOOLGATE_* variables, --config "
    "FILE. Exit codes: `toolgate exits`. Completion of your shell: `toolgate --install-completion`.",
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
        _be_text(sys.argv[1:])
        app()
    except Exception as error:  # noqa: BLE001 - the one place where whatever went wrong is told
        raise SystemExit(report(error)) from None


def _be_text(words: list[str]) -> None:
    """Refuse what no record can hold: bytes of another encoding, which Python keeps as surrogates."""
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            from toolgate.streams.errors import SettingsError  # noqa: PLC0415 - commands load only what they need

            raise SettingsError(
                "an argument is not valid UTF-8",
                where=word.encode(errors="backslashreplace").decode(),
                remedy="write it in UTF-8, as the terminal should",
            ) from None


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
