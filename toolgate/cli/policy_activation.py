"""`toolgate policy activate` and `history`: which policy set is in force, and since when."""

from __future__ import annotations

import json
from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolgate import __version__
from toolgate.cli import connection, logs, signing, tables
from toolgate.cli.hints import say_next
from toolgate.cli.options import KEYRING, AsJson, Bootstrap, Config, KeysFile, Prefix
from toolgate.cli.signing import Signers, Why  # noqa: TC001
from toolgate.cli.wording import located, safe
from toolgate.inspection.decoding import as_time
from toolgate.processors import loader
from toolgate.processors.control_state import ACTIVATE, ALL
from toolgate.processors.policy_store import FILE_BYTES_MAX, loader_of
from toolgate.processors.problems import LoadError, Problem
from toolgate.review.orders import control_id
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Control

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolgate.streams.operating import Said


def activate(  # noqa: PLR0913 - one parameter for each option
    directory: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="Folder with tools.yaml, and policy.yaml or policies/*.yaml."),
    ],
    *,
    signers: Signers,
    reason: Why = "",
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Also a set that was in force before and was replaced.")
    ] = False,
    keys_file: KeysFile = KEYRING,
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    prefix: Prefix = None,
    as_json: AsJson = False,
) -> None:
    """Publish a folder of policies and put it in force, for every worker at the same place of the order.

    Needs a publisher's key. Exit code 7: the folder does not load, and nothing is published; 20: the record changes
    nothing, as when somebody has activated another set meanwhile.
    """
    try:
        files = loader.read_files(directory)
        policies = loader.from_files(files)
        _check_sizes(files)
    except LoadError as error:
        raise located(error, directory) from None
    private = signing.load(keys_file, signers)
    settings = connection.load(config, bootstrap_servers=bootstrap_servers, prefix=prefix)
    logs.configure(as_json=as_json)
    with signing.operating(settings, keys_file) as operating:
        before = operating.standing().policy
        offset = None
        if before.digest != policies.digest:
            word = Control(
                control_id=control_id(ACTIVATE),
                kind=ACTIVATE,
                scope=ALL,
                value="",
                reason=reason,
                issued_by=tuple(signers),
                policy_digest=policies.digest,
                version=before.version + 1,
                rollback=rollback,
                checked_by=loader_of(__version__),
            )
            operating.check(word, private)  # whoever may not activate need not publish
            offset = operating.say(changed(word, policies_end=operating.publish(files)), private)
    facts = {
        "digest": policies.digest,
        "replaced": before.digest,
        "version": before.version if offset is None else before.version + 1,
        "offset": offset,
    }
    if as_json:
        typer.echo(json.dumps(facts))
    elif offset is None:
        typer.echo(f"{policies.digest} is in force already, as version {before.version}.")
    else:
        typer.echo(
            f"{policies.digest} is in force as version {before.version + 1}, by control record {offset}."
        )
        typer.echo(f"It replaces {before.digest or 'the folders beside the workers'}.")
    say_next("toolgate policy history", as_json=as_json)


def history(
    *,
    keys_file: KeysFile = KEYRING,
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    prefix: Prefix = None,
    as_json: AsJson = False,
) -> None:
    """List what was activated when, by whom and why, and what was refused; the newest last.

    The control topic is read as a gate with the same keyring reads it.
    """
    settings = connection.load(config, bootstrap_servers=bootstrap_servers, prefix=prefix)
    logs.configure(as_json=as_json)
    with signing.operating(settings, keys_file) as operating:
        rows = [_row(said) for said in operating.history() if said.word.kind == ACTIVATE]
        digest = operating.standing().policy.digest
    if as_json:
        typer.echo(json.dumps({"in_force": digest, "activations": rows}))
        return
    names = ("time", "digest", "version", "by", "what came of it", "reason")
    tables.show(names, (_shown(row) for row in rows))
    typer.echo(
        f"{digest} is in force." if digest else "None is in force: each worker goes by its own folder."
    )


def _check_sizes(files: Mapping[str, bytes]) -> None:
    """What does not fit the topic is told before anything of the set is published."""
    hint = "split it over several files of policies/ or registries/"
    problems = [
        Problem(
            name, 0, 0, f"the file has {len(content):,} bytes, at most {FILE_BYTES_MAX:,} are published", hint
        )
        for name, content in files.items()
        if len(content) > FILE_BYTES_MAX
    ]
    if problems:
        raise LoadError(problems)


def _row(said: Said) -> dict[str, Any]:
    word = said.word
    return {
        "offset": said.offset,
        "time_ms": said.time_ms,
        "digest": word.policy_digest,
        "version": word.version,
        "rollback": word.rollback,
        "by": list(word.issued_by),
        "reason": word.reason,
        "refused": said.refused,
    }


def _shown(row: Mapping[str, Any]) -> tuple[str, ...]:
    became = row["refused"] or ("rolled back" if row["rollback"] else "activated")
    by, reason = safe(", ".join(row["by"])), safe(row["reason"])
    return as_time(row["time_ms"]), row["digest"], str(row["version"]), by, safe(became), reason
