"""`toolgate acl`: the rights that each role needs on Kafka."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from toolgate.cli import tables
from toolgate.cli.hints import say_next
from toolgate.cli.options import Prefix  # noqa: TC001 - typer reads the annotations
from toolgate.processors.problems import nearest
from toolgate.streams import acl_plan
from toolgate.streams.errors import SettingsError
from toolgate.streams.settings import load

app = typer.Typer(no_args_is_help=True, help="The rights that each role needs on Kafka.")
UNKNOWN_BROKER = "localhost:9092"  # where nobody has said which: this command asks no broker


class Form(StrEnum):
    """How the plan is printed."""

    TABLE = "table"
    KAFKA_ACLS = "kafka-acls"


@app.callback()
def acl() -> None:
    """The rights that each role needs on Kafka."""


@app.command(epilog="Example: toolgate acl plan --format kafka-acls --principal agent=User:billing | sh")
def plan(
    *,
    form: Annotated[Form, typer.Option("--format", help="A table, or commands to run.")] = Form.TABLE,
    principal: Annotated[
        list[str] | None,
        typer.Option(
            help="role=PRINCIPAL, such as agent=User:billing; may be repeated, for one role too. Default: "
            "User:<prefix>-<role>; with this option, only the roles that it names."
        ),
    ] = None,
    bootstrap_servers: Annotated[
        str | None, typer.Option("--bootstrap-servers", help="Kafka's addresses, for the commands.")
    ] = None,
    prefix: Prefix = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print the rights of every role, from the table of topics; changes nothing and needs no broker."""
    told = bootstrap_servers or os.environ.get("TOOLGATE_BOOTSTRAP_SERVERS") or UNKNOWN_BROKER
    settings = load(bootstrap_servers=told, prefix=prefix)
    principals = _principals(principal or (), settings.prefix)
    grants = [grant for grant in acl_plan.plan(settings.prefix) if grant.role in principals]
    if as_json:
        found = [asdict(grant) | {"principals": principals[grant.role]} for grant in grants]
        typer.echo(json.dumps({"prefix": settings.prefix, "grants": found}))
    elif form is Form.KAFKA_ACLS:
        for command in acl_plan.commands(grants, principals, settings.bootstrap_servers):
            typer.echo(command)
    else:
        rows = [
            (grant.role, grant.resource, _name(grant), ", ".join(grant.operations), grant.why)
            for grant in grants
        ]
        tables.show(("role", "resource", "name", "operations", "why"), rows)
        say_next("toolgate acl plan --format kafka-acls --principal agent=User:NAME")


def _name(grant: acl_plan.Grant) -> str:
    return f"{grant.name}*" if grant.pattern == "prefixed" else grant.name


def _principals(given: list[str] | tuple[()], prefix: str) -> dict[str, list[str]]:
    """The principals by role.

    Raises:
        SettingsError: an unknown role, or something that is no pair.
    """
    known = acl_plan.roles()
    if not given:
        return {role: [f"User:{prefix}-{role}"] for role in known}
    found: dict[str, list[str]] = defaultdict(list)
    for pair in given:
        role, _, name = pair.partition("=")
        if role not in known:
            raise SettingsError(
                f"--principal {pair}: there is no role {role}", where="arguments", remedy=nearest(role, known)
            )
        if ":" not in name:
            raise SettingsError(
                f"--principal {pair}: {name or 'nothing'} is no principal",
                where="arguments",
                remedy=f"write the type before the name: {role}=User:{name or 'NAME'}",
            )
        found[role].append(name)
    return dict(found)
