"""The pages docs/reference/cli.md and exits.md, made from the commands themselves.

`python -m toolgate.cli.reference cli` or `exits` prints one of them.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import typer

from toolgate.cli.app import COMMANDS, app
from toolgate.cli.exits import as_markdown as exits_page

if TYPE_CHECKING:
    from collections.abc import Iterator

_INTRO = """# Command line

Made from `toolgate/cli` by `python -m toolgate.cli.reference cli`; do not edit.

`toolgate --help` is the table of contents, `toolgate COMMAND --help` has what stands here.

**Where Kafka is.** Every command takes its [settings](settings.md) from options, then `TOOLGATE_*` variables, then the
TOML file of `--config`. A command that was told no address at all uses the `toolgate dev` that runs in its folder or in
one above it, and says so on stderr.

**For programs.** With `--json`, stdout holds JSON and nothing else: one object, or one object a line where records are
read. Hints about what to type next, logs and errors go to stderr. [Exit codes](exits.md) are stable.

**When something fails**, stderr says what happened, where, and what to do. `TOOLGATE_DEBUG=1` adds the traceback.

**Completion.** `toolgate --install-completion` installs it for the shell it is typed in (bash, zsh, fish, PowerShell);
`toolgate --show-completion` prints it instead. Commands, options and the topics of `tail` are completed.
"""


def as_markdown() -> str:
    """The page docs/reference/cli.md."""
    group = typer.main.get_command(app)
    parts = [_INTRO]
    panel = ""
    with typer.Context(group, info_name="toolgate") as root:
        for name, entry in COMMANDS.items():
            if entry.panel != panel:
                panel = entry.panel
                parts.append(f"\n## {panel}\n")
            command = group.get_command(root, name)  # type: ignore[attr-defined]
            parts += _sections(command, f"toolgate {name}", root)
    return "".join(parts)


def _sections(command: Any, name: str, parent: Any) -> Iterator[str]:
    """A command's section; of a group, one for each of its commands, and its own where it does something itself."""
    with typer.Context(command, info_name=name, parent=parent) as context:
        if hasattr(command, "list_commands"):
            if command.invoke_without_command:
                yield from _section(command, name)
            for each in command.list_commands(context):
                yield from _sections(command.get_command(context, each), f"{name} {each}", context)
            return
    yield from _section(command, name)


def _section(command: Any, name: str) -> Iterator[str]:
    words = [name, *(_argument(param) for param in command.params if param.param_type_name == "argument")]
    options = [
        param for param in command.params if param.param_type_name == "option" and param.name != "help"
    ]
    if options:
        words.append("[OPTIONS]")
    yield f"\n### {name}\n\n```sh\n{' '.join(words)}\n```\n\n{_prose(command.help)}\n"
    if command.epilog:
        yield f"\n{command.epilog.replace(': ', ': `', 1)}`\n"
    rows = [param for param in command.params if param.param_type_name == "argument"]
    if rows + options:
        yield "\n| | |\n| --- | --- |\n"
        for param in rows:
            yield f"| `{_argument(param)}` | {_cell(param.help)} |\n"
        for param in options:
            yield f"| {_option(param)} | {_about(param)} |\n"


def _argument(param: Any) -> str:
    shown = param.metavar or param.name.upper()
    return shown if param.required else f"[{shown}]"


def _option(param: Any) -> str:
    value = "" if param.is_flag else f" {(param.metavar or param.name).upper()}"
    return ", ".join(f"`{name}{value}`" for name in param.opts)


def _about(param: Any) -> str:
    said = _cell(param.help)
    extra = []
    if param.required:
        extra.append("Required.")
    elif param.default not in (None, False, ()) and not param.multiple and "efault:" not in said:
        extra.append(f"Default: {param.default}.")
    if param.envvar:
        extra.append(f"Variable: `{param.envvar}`.")
    return " ".join([said, *extra]).strip()


def _prose(text: str | None) -> str:
    return "\n\n".join(" ".join(part.split()) for part in (text or "").split("\n\n"))


def _cell(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


if __name__ == "__main__":
    pages = {"cli": as_markdown, "exits": exits_page}
    typer.echo(pages[sys.argv[1]](), nl=False)
