"""`toolgate tools`: take tools over from a server, see how they stand to the lock, accept what changed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from toolgate.cli import tables
from toolgate.cli.exits import Exit
from toolgate.cli.hints import say_next
from toolgate.cli.options import AsJson, PolicyFolder  # noqa: TC001
from toolgate.cli.replacing import replace_file
from toolgate.cli.wording import safe
from toolgate.processors import loader
from toolgate.processors.amounts import amount
from toolgate.processors.catalogue import CatalogueFile, ToolEntry
from toolgate.processors.catalogue_text import merged
from toolgate.processors.mcp_tools import imported
from toolgate.processors.problems import LoadError, Problem, nearest
from toolgate.processors.tool_lock import ACCEPTED, GONE, LOCK, digest_of, render, states
from toolgate.processors.written_file import read_file
from toolgate.schemas.strict_json import JsonError, loads_strict
from toolgate.streams.errors import SettingsError

app = typer.Typer(no_args_is_help=True, help="Import tools, and accept what changed in them.")
UNLOCKED = "unlocked"
_LIST_BYTES_MAX = 16 * 1024 * 1024
_HERE = Path()


@app.callback()
def tools() -> None:
    """Import tools, and accept what changed in them."""


@app.command("import", epilog="Example: toolgate tools import tools-list.json --out policies/tools.yaml")
def import_(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="The answer of an MCP server to tools/list, as JSON; - for stdin."
        ),
    ],
    *,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="The catalogue to write or to bring up to date. Default: stdout."
        ),
    ] = None,
    trust_hints: Annotated[
        bool, typer.Option("--trust-hints", help="Believe what the server says its tools do.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make catalogue entries of a server's tools; what you wrote about a tool in --out stays.

    Every tool writes until you say otherwise: a server's hints count only with --trust-hints. Schemas are closed. A
    tool whose schema or name cannot be checked is told and left out; then the exit code is 7. Where a lock lies beside
    the catalogue, what is new or has changed stays frozen until it is accepted.
    """
    name = "stdin" if file == "-" else file
    found, problems = imported(name, _list(file, name), trust_hints=trust_hints)
    before = out.read_bytes() if out is not None and out.exists() else None
    made = merged(str(out or loader.CATALOGUE), before, found)
    if out is not None:
        replace_file(out, made.text)
    if as_json:
        rows = [
            {"name": tool.name, "state": made.states[tool.name], "notes": list(tool.notes)} for tool in found
        ]
        left = [str(problem) for problem in problems]
        said = {"tools": rows, "left_out": left, "unlisted": list(made.unlisted)}
        typer.echo(json.dumps(said | ({} if out else {"catalogue": made.text.decode()})))
    elif out is None:
        typer.echo(made.text.decode(), nl=False)
    else:
        tables.show(
            ("tool", "", "note"), ((t.name, made.states[t.name], safe("; ".join(t.notes))) for t in found)
        )
    if made.unlisted and not as_json:
        typer.echo(f"not in the server's list: {', '.join(made.unlisted)}", err=True)
    for tool in found if out is None and not as_json else ():
        for note in tool.notes:
            typer.echo(f"{tool.name}: {safe(note)}", err=True)
    if problems and as_json:
        raise typer.Exit(Exit.FILES)
    if problems:
        raise LoadError(problems)
    if out is not None:
        say_next(f"toolgate tools accept --policy {out.parent}", as_json=as_json)


@app.command("list", epilog="Example: toolgate tools list --policy examples/small")
def list_(*, policy: PolicyFolder = _HERE, as_json: AsJson = False) -> None:
    """List the tools of a catalogue with how they stand to its lock: accepted, changed, new, or gone.

    Calls of a tool that is changed or new are denied (TOOL_FROZEN). Without a lock every tool is unlocked: none is.
    """
    entries, accepted = _read(policy)
    found = {entry.name: entry for entry in entries}
    stand = dict.fromkeys(found, UNLOCKED) if accepted is None else states(entries, accepted)
    if as_json:
        rows = [_row_json(name, state, found.get(name)) for name, state in stand.items()]
        typer.echo(json.dumps({"locked": accepted is not None, "tools": rows}))
        return
    tables.show(
        ("tool", "", "effect", "version", "description"), (_row(n, s, found.get(n)) for n, s in stand.items())
    )
    frozen = [name for name, state in stand.items() if state not in {ACCEPTED, GONE, UNLOCKED}]
    typer.echo(f"\n{amount(len(found), 'tools')}, {len(frozen):,} frozen")
    if frozen:
        say_next(f"toolgate tools accept {' '.join(frozen)} --policy {policy}")


@app.command(epilog="Example: toolgate tools accept issue_refund --policy policies")
def accept(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME...", help="The tools to accept. Default: all.")
    ] = None,
    *,
    policy: PolicyFolder = _HERE,
    as_json: AsJson = False,
) -> None:
    """Accept tools as the catalogue has them now: name, version, description, effect and schema, by digest.

    Writes tools.lock beside tools.yaml. From then on a tool that is not as it was accepted is frozen. The lock is one
    of the files of the policy set: review it and keep it with them. With names, the others stay as they were: frozen,
    if they were never accepted.
    """
    entries, before = _read(policy)
    known = {entry.name: entry for entry in entries}
    for name in names or ():
        if name not in known:
            raise SettingsError(
                f"the catalogue has no tool {name}",
                where=str(policy),
                remedy=nearest(name, known) or "look at it",
            )
    stand = states(entries, before or {})
    chosen = names or list(known)
    kept = {name: digest for name, digest in (before or {}).items() if name in known}
    accepted = kept | {name: digest_of(known[name]) for name in chosen}
    replace_file(policy / LOCK, render(accepted).encode())
    changed = {
        name: state
        for name, state in stand.items()
        if state != ACCEPTED and (name in chosen or state == GONE)
    }
    frozen = [name for name, state in states(entries, accepted).items() if state != ACCEPTED]
    if as_json:
        typer.echo(json.dumps({"lock": str(policy / LOCK), "accepted": changed, "frozen": frozen}))
        return
    tables.show(("tool", "was"), changed.items())
    typer.echo(f"{policy / LOCK}: {amount(len(accepted), 'tools')} accepted, {len(frozen):,} frozen")


def _read(policy: Path) -> tuple[list[ToolEntry], dict[str, str] | None]:
    """The entries of a folder's catalogue, and what its lock accepts; None where there is no lock.

    Raises:
        LoadError: one of the two files cannot be read; the policies are not looked at.
    """
    texts: dict[str, bytes] = {}
    for name in (loader.CATALOGUE, LOCK):
        try:
            texts[name] = (policy / name).read_bytes()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise LoadError(
                [Problem(str(policy / name), 0, 0, f"cannot be read: {error.strerror}")]
            ) from None
    where = str(policy / loader.CATALOGUE)
    if loader.CATALOGUE not in texts:
        raise LoadError([Problem(where, 0, 0, "there is no tool catalogue", "name its folder with --policy")])
    _, model, problems = read_file(where, texts[loader.CATALOGUE], CatalogueFile)
    accepted, found = loader.load_lock(texts[LOCK]) if LOCK in texts else (None, [])
    if problems or found or model is None:
        raise LoadError([*problems, *found])
    return model.tools, accepted


def _list(file: str, name: str) -> dict[str, object]:
    try:
        text = sys.stdin.buffer.read(_LIST_BYTES_MAX + 1) if file == "-" else Path(file).read_bytes()
        if text.lstrip()[:1] == b"[":
            text = b'{"tools":' + text + b"}"
        return loads_strict(text, max_bytes=_LIST_BYTES_MAX)
    except OSError as error:
        raise LoadError(
            [Problem(name, 0, 0, f"cannot be read: {error.strerror}", "name a file, or -")]
        ) from None
    except JsonError as error:
        raise LoadError(
            [Problem(name, 0, 0, error.detail, "save the answer to tools/list as JSON")]
        ) from None


def _row(name: str, state: str, entry: ToolEntry | None) -> tuple[str, ...]:
    if entry is None:
        return name, state, "", "", ""
    first = entry.description.strip().partition("\n")[0]
    return name, state, entry.effect, entry.version, safe(first, 80)


def _row_json(name: str, state: str, entry: ToolEntry | None) -> dict[str, object]:
    if entry is None:
        return {"name": name, "state": state}
    return {
        "name": name,
        "state": state,
        "effect": entry.effect,
        "version": entry.version,
        "description": entry.description,
        "digest": digest_of(entry),
    }
