"""`toolgate review`: completed work that was drawn for people to look at, and what they find."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolgate.cli import connection, logs, tables
from toolgate.cli.hints import say_next
from toolgate.cli.options import KEYRING, AsJson, Bootstrap, Config, KeysFile, Prefix
from toolgate.cli.wording import safe
from toolgate.inspection.errors import NotFoundError
from toolgate.inspection.search import Readers
from toolgate.processors.amounts import duration
from toolgate.processors.identity import REVIEW_MINUTES_MAX, reviewer_fault
from toolgate.review import samples
from toolgate.review.finding import Finder
from toolgate.schemas.enums import Finding  # noqa: TC001 - typer reads the annotations at run time
from toolgate.streams import schema_ids
from toolgate.streams.errors import ControlRefusedError, SettingsError
from toolgate.streams.gate import keys

if TYPE_CHECKING:
    from pathlib import Path

    from toolgate.processors.keyring import StarterKey
    from toolgate.review.samples import Sample
    from toolgate.schemas.records import Command
    from toolgate.schemas.registry import Registry
    from toolgate.streams.settings import Settings

app = typer.Typer()


@app.command(epilog="Example: toolgate review 3-1742 right --as bob --minutes 4")
def review(  # noqa: PLR0913 - one parameter for each option
    command_id: Annotated[
        str | None, typer.Argument(metavar="[COMMAND]", help="One command: what was done.")
    ] = None,
    finding: Annotated[Finding | None, typer.Argument(help="What you find. Default: show it.")] = None,
    *,
    key: Annotated[str | None, typer.Option("--as", metavar="KID", help="Who finds it: your key.")] = None,
    minutes: Annotated[
        int,
        typer.Option(
            min=0, max=REVIEW_MINUTES_MAX, help="How long it took to look; counts into the unit cost."
        ),
    ] = 0,
    comment: Annotated[str, typer.Option(help="Why, for people.")] = "",
    workflow: Annotated[str | None, typer.Option(help="Only of this workflow.")] = None,
    done: Annotated[bool, typer.Option("--done", help="Also what somebody has looked at.")] = False,
    keys_file: KeysFile = KEYRING,
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    prefix: Prefix = None,
    as_json: AsJson = False,
) -> None:
    """List completed commands that were drawn for review, the oldest first; show one; say what you find.

    The watch draws the share that a policy names. Look at all of them, the oldest first: who picks makes the
    estimate worthless. Exit codes: 14 no such command is kept, 20 what this key finds does not count.
    """
    logs.configure(as_json=as_json)
    settings = connection.load(config, bootstrap_servers=bootstrap_servers, prefix=prefix)
    registry = schema_ids.registry(settings)
    if command_id is None:
        _list(settings, registry, workflow, done=done, as_json=as_json)
        return
    with Readers(settings) as readers:
        found = samples.command(readers, command_id, registry)
    if found is None:
        raise NotFoundError(
            f"no command {safe(command_id)} is kept",
            where=settings.topic(samples.COMMANDS),
            remedy="commands are kept for seven days; see `toolgate review` for what was drawn",
        )
    if finding is None:
        _show(found, as_json=as_json)
        return
    if key is None:
        raise SettingsError("nobody signs", where="arguments", remedy="name your key: --as KID")
    private = _reviewer(keys_file, key)
    said = Finder(settings, private, registry).say(found, finding.value, minutes, comment)
    if as_json:
        typer.echo(
            json.dumps({"review_id": said.review_id, "command_id": command_id, "finding": finding.value})
        )
    else:
        typer.echo(f"{command_id}: {finding.value}, by {key}. It counts as soon as a watch reads it.")


def _reviewer(keys_file: Path, kid: str) -> StarterKey:
    """The key of somebody whose findings count; raises ControlRefusedError where they would not."""
    private = keys.load_private(keys_file, kid)
    if fault := reviewer_fault(keys.load_operators(keys_file).operators[kid]):
        raise ControlRefusedError(
            fault,
            where=str(keys_file),
            remedy="sign with the key of whoever looked: an operator or an approver",
        )
    return private


def _list(settings: Settings, registry: Registry, workflow: str | None, *, done: bool, as_json: bool) -> None:
    with Readers(settings) as readers:
        drawn = samples.read(readers, registry)
    shown = [one for one in drawn if workflow in {None, one.workflow_id} and (done or one.open)]
    if as_json:
        typer.echo(json.dumps({"samples": [_as_json(one) for one in shown]}))
        return
    now_ms = time.time_ns() // 1_000_000
    tables.show(
        ("command", "age", "workflow", "run", "tool", "ended", "found"), (_row(one, now_ms) for one in shown)
    )
    still = sum(one.open for one in drawn)
    typer.echo(f"{still} to be looked at." if drawn else "Nothing was drawn for review.")
    if first := next((one for one in shown if one.open), None):
        say_next(f"toolgate review {first.command_id}")


def _row(one: Sample, now_ms: int) -> tuple[str, ...]:
    found = ", ".join(f"{said.finding} by {said.reviewer}" for said in one.reviews)
    told = (str(one.evidence.get(name, "")) for name in ("tool", "status"))
    age = duration(max(0, now_ms - one.drawn_ms) // 1_000 * 1_000)
    return tuple(map(safe, (one.command_id, age, one.workflow_id, one.run_id, *told, found)))


def _as_json(one: Sample) -> dict[str, Any]:
    return {
        "command_id": one.command_id,
        "tenant": one.tenant,
        "workflow_id": one.workflow_id,
        "run_id": one.run_id,
        "drawn_ms": one.drawn_ms,
        "evidence": one.evidence,
        "findings": [
            {
                "finding": said.finding,
                "reviewer": said.reviewer,
                "minutes": said.minutes,
                "comment": said.comment,
            }
            for said in one.reviews
        ],
    }


def _show(found: Command, *, as_json: bool) -> None:
    facts = {
        "command_id": found.command_id,
        "tenant": found.tenant,
        "workflow_id": found.workflow_id,
        "run_id": found.run_id,
        "agent_id": found.agent_id,
        "tool": found.tool,
        "params": found.params,
        "records": ", ".join(found.records),
        "policy_digest": found.policy_digest,
        "intent_id": found.intent_id,
    }
    if as_json:
        typer.echo(json.dumps(facts))
        return
    tables.show(("", ""), ((name, safe(value)) for name, value in facts.items()))
    say_next(f"toolgate explain {found.intent_id}; toolgate review {found.command_id} right --as KID")
