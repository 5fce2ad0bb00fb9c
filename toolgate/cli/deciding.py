"""Deciding about what waits: what the commands that vote have in common."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from toolgate.cli import connection, logs
from toolgate.cli.hints import say_next
from toolgate.cli.options import KEYRING, AsJson, Bootstrap, Config, KeysFile, Prefix
from toolgate.cli.wording import safe
from toolgate.inspection.plain import as_plain
from toolgate.review.errors import VoteRefusedError
from toolgate.review.voting import Reviewer
from toolgate.streams import schema_ids
from toolgate.streams.gate import keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolgate.schemas.enums import Choice

Wanted = Annotated[str, typer.Argument(metavar="ID", help="What waits: an id of `toolgate queue`.")]
Kid = Annotated[
    str, typer.Option("--as", metavar="KID", help="Who signs; the private key lies beside the keyring.")
]
Comment = Annotated[str, typer.Option("--comment", help="Why, for people.")]
Timeout = Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds to wait for the answer.")]
TIMEOUT_S = 30.0


def deciding(choice: Choice, kind: str = "") -> Callable[..., None]:
    """The body of a command that votes so and says what came of it.

    Args:
        choice: what the vote says.
        kind: hold or draft, where the command is about only one of them.
    """

    def decide(  # noqa: PLR0913 - one parameter for each option
        wanted: Wanted,
        *,
        kid: Kid,
        comment: Comment = "",
        timeout_s: Timeout = TIMEOUT_S,
        keys_file: KeysFile = KEYRING,
        config: Config = None,
        bootstrap_servers: Bootstrap = None,
        prefix: Prefix = None,
        as_json: AsJson = False,
    ) -> None:
        logs.configure(as_json=as_json)
        settings = connection.load(config, bootstrap_servers=bootstrap_servers, prefix=prefix)
        key = keys.load_private(keys_file, kid)
        with Reviewer(settings, key, schema_ids.registry(settings)) as reviewer:
            waiting = reviewer.find(wanted)
            if kind and waiting.kind != kind:
                other = "approve" if waiting.kind == "hold" else "promote"
                raise VoteRefusedError(f"it is a {waiting.kind}: toolgate {other} {wanted}", wanted)
            cast = reviewer.vote(waiting, choice, comment, timeout_s)
        told = cast.told
        if as_json:
            typer.echo(json.dumps({"id": wanted, "vote_id": cast.vote.vote_id, "told": as_plain(told)}))
        else:
            approvals = (
                f", {len(told.approvals)} of {told.approvals_needed} approvals"
                if told.state == "open"
                else ""
            )
            why = "".join(
                f"\n  {reason.code} {safe(reason.because)}"
                for reason in told.reasons
                if told.state == "denied"
            )
            typer.echo(f"{waiting.kind} {wanted}: {told.state}{approvals}, seq {told.seq}{why}")
        say_next(f"toolgate queue {wanted}", as_json=as_json)

    return decide
