"""`toolgate policy fmt`: the canonical form of policy files, in place."""

from __future__ import annotations

import json
from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import Annotated

import typer

from toolgate.cli.exits import Exit
from toolgate.cli.options import AsJson  # noqa: TC001
from toolgate.cli.replacing import replace_file
from toolgate.processors import loader
from toolgate.processors.amounts import amount
from toolgate.processors.canonical import canonical
from toolgate.processors.problems import LoadError, Problem
from toolgate.processors.registry_file import REGISTRIES
from toolgate.whatif.cases import PATTERNS

_FILES = (loader.CATALOGUE, loader.SINGLE, f"{loader.FOLDER}*.yaml", f"{REGISTRIES}*.yaml", *PATTERNS)


def fmt(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", help="Files, or folders with policies in or below them."),
    ],
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit code 10 when a file is not in its form.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Give policy files, catalogues, registries and cases their canonical form: one indentation, no stray spaces.

    Comments, quotes, order and `{flow}` stay as they are written. A file that does not load as YAML, or would lose a
    comment, is told and left as it is; then no file is written.
    """
    files = _files(paths)
    changed = _changed(files)
    if not check:
        for path, formatted in changed.items():
            replace_file(path, formatted)
    if as_json:
        typer.echo(
            json.dumps(
                {"files": len(files), "changed": [str(path) for path in changed], "written": not check}
            )
        )
    else:
        for path in changed:
            typer.echo(f"{'would format' if check else 'formatted'} {path}")
        typer.echo(f"{amount(len(files), 'files')}, {len(changed):,} {'to format' if check else 'formatted'}")
    if check and changed:
        raise typer.Exit(Exit.DIFFERENCE)


def _changed(files: list[Path]) -> dict[Path, bytes]:
    """What files would be, of those that are not in their form; LoadError tells all that have none."""
    changed: dict[Path, bytes] = {}
    problems: list[Problem] = []
    for path in files:
        try:
            text = path.read_bytes()
            formatted = canonical(str(path), text)
        except OSError as error:
            problems.append(Problem(str(path), 0, 0, f"cannot be read: {error.strerror}"))
        except LoadError as error:
            problems += error.problems
        else:
            if formatted != text:
                changed[path] = formatted
    if problems:
        raise LoadError(problems)
    return changed


def _files(paths: list[Path]) -> list[Path]:
    """Every file that is named or lies in or below a folder that is, once."""
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_file():
            found[path] = None
            continue
        below = sorted({file for pattern in _FILES for file in path.rglob(pattern) if file.is_file()})
        if not below:
            raise LoadError(
                [Problem(str(path), 0, 0, "there are no policy files here", "name a file or a folder")]
            )
        found |= dict.fromkeys(below)
    return list(found)
