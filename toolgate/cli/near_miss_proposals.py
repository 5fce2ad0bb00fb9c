"""`toolgate near-miss proposals`: what was proposed, as its folders say."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from toolgate.cli import tables
from toolgate.cli.hints import say_next
from toolgate.cli.near_miss_making import NOTE
from toolgate.cli.options import AsJson  # noqa: TC001 - typer reads the annotations at run time
from toolgate.cli.wording import safe
from toolgate.processors import loader
from toolgate.processors.amounts import amount, usd
from toolgate.processors.problems import LoadError
from toolgate.streams.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

AS_PROPOSED, EDITED, GONE = "as proposed", "edited since", "cannot be loaded"
_COLUMNS = ("folder", "made", "cluster", "change", "to approvals", "to people", "to denials", "policies")


class _Moved(msgspec.Struct, frozen=True):
    decisions: int
    cost_micros: int


class _Change(msgspec.Struct, frozen=True):
    text: str


class _Set(msgspec.Struct, frozen=True):
    digest: str


class _Noted(msgspec.Struct, frozen=True):
    """Of a proposal.json what a list shows."""

    made: str
    cluster: str
    change: _Change
    before: _Set
    after: _Set
    intents: int
    become_approvals: _Moved
    become_held_or_drafted: _Moved
    become_denials: _Moved


def proposals(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[DIR]...", help="Proposals, or folders that have some. Default: here."),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List proposals: the change, what it would have done to the recorded log, and whether anybody has edited it.

    It looks for proposal.json in each folder and in those right below it. What is in force says `toolgate policy
    history`: nothing of a proposal is, until somebody activates it. Exit code 2: a file is no proposal.
    """
    found = [(folder, _read(folder)) for folder in dict.fromkeys(_folders(folders or [Path()]))]
    rows = [(folder, noted, _state(folder, noted)) for folder, noted in found]
    if as_json:
        typer.echo(json.dumps({"proposals": [_as_json(*row) for row in rows]}))
        return
    tables.show(_COLUMNS, [_row(*row) for row in rows])
    typer.echo(
        f"{amount(len(rows), 'proposals')}, none of them in force by itself"
        if rows
        else "Nothing was proposed."
    )
    fit = [folder for folder, _, state in rows if state == AS_PROPOSED]
    if fit:
        say_next(f"toolgate policy activate {shlex.quote(safe(str(fit[-1])))} --as KID --reason ...")


def _folders(given: list[Path]) -> Iterator[Path]:
    for folder in given:
        if not folder.is_dir():
            raise SettingsError(
                "there is no such folder", where=str(folder), remedy="name folders that exist"
            )
        try:
            below = sorted(one for one in folder.iterdir() if one.is_dir())
        except OSError as error:
            raise SettingsError(
                f"this cannot be read: {error}", where=str(folder), remedy="name folders that you may read"
            ) from None
        yield from (one for one in (folder, *below) if (one / NOTE).is_file())


def _read(folder: Path) -> _Noted:
    try:
        return msgspec.json.decode((folder / NOTE).read_bytes(), type=_Noted)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"this is no proposal: {error}",
            where=str(folder / NOTE),
            remedy="make it again: toolgate near-miss propose, or remove the file",
        ) from None


def _state(folder: Path, noted: _Noted) -> str:
    try:
        digest = loader.load(folder).digest
    except LoadError:
        return GONE
    return AS_PROPOSED if digest == noted.after.digest else EDITED


def _as_json(folder: Path, noted: _Noted, state: str) -> dict[str, Any]:
    told = msgspec.to_builtins(noted)
    return {"folder": str(folder), **told, "change": noted.change.text, "policies": state}


def _row(folder: Path, noted: _Noted, state: str) -> tuple[str, ...]:
    moved = (noted.become_approvals, noted.become_held_or_drafted, noted.become_denials)
    counts = [f"{one.decisions:,} {usd(one.cost_micros)}" for one in moved]
    return safe(str(folder)), safe(noted.made), safe(noted.cluster), safe(noted.change.text), *counts, state
