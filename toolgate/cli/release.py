"""`toolgate release`: say what really happened."""

from __future__ import annotations

import json
import time
from typing import Annotated

import typer

from toolgate.cli import connection, logs
from toolgate.cli.deciding import TIMEOUT_S, Comment, Kid, Timeout, Wanted
from toolgate.cli.hints import say_next
from toolgate.cli.options import KEYRING, AsJson, Bootstrap, Config, KeysFile, Prefix
from toolgate.inspection.search import Readers
from toolgate.processors.amounts import parse_usd
from toolgate.review.errors import VoteRefusedError
from toolgate.review.queue import read
from toolgate.review.releasing import MEANINGS, Word, released
from toolgate.review.speaking import Speaker
from toolgate.streams import schema_ids
from toolgate.streams.errors import SettingsError
from toolgate.streams.gate import keys

app = typer.Typer()


@app.command(
    epilog='Example: toolgate release 3-1742 --as ann --did-not --comment "provider has no such call"'
)
def release(  # noqa: PLR0913 - one parameter for each option
    wanted: Wanted,
    *,
    kid: Kid,
    happened: Annotated[
        bool | None, typer.Option("--happened/--did-not", help="Of a command: whether its effect happened.")
    ] = None,
    cost_usd: Annotated[
        str | None, typer.Option(metavar="USD", help="What it really cost. Default: what was reserved.")
    ] = None,
    comment: Comment = "",
    timeout_s: Timeout = TIMEOUT_S,
    keys_file: KeysFile = KEYRING,
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    prefix: Prefix = None,
    as_json: AsJson = False,
) -> None:
    """Say what really happened to a command of unknown outcome, or put aside a record that could not be read.

    Of a command: --happened, with what it cost, or --did-not, which frees what was reserved. It counts once, and only
    when the command's time is over, since its executor may speak until then. A record is only put aside: whoever wrote
    it writes it again. Neither approves anything. Exit code 20: it changes nothing, and says why.
    """
    logs.configure(as_json=as_json)
    word = _word(happened, cost_usd)
    settings = connection.load(config, bootstrap_servers=bootstrap_servers, prefix=prefix)
    key = keys.load_private(keys_file, kid)
    registry = schema_ids.registry(settings)
    with Readers(settings) as readers:
        item = read(readers, registry).find(wanted, time.time_ns() // 1_000_000)
        if item is None:
            raise VoteRefusedError(f"nothing waits as {wanted!r}", wanted)
        event = released(Speaker(settings, readers, key, registry), item, word, comment, timeout_s)
    if as_json:
        typer.echo(
            json.dumps({"id": wanted, "vote_id": event.intent_id, "note": event.note, "seq": event.seq})
        )
    else:
        typer.echo(f"{item.kind} {wanted}: {MEANINGS[event.note]}, seq {event.seq}")
    say_next("toolgate queue", as_json=as_json)


def _word(happened: bool | None, cost_usd: str | None) -> Word | None:  # noqa: FBT001 - an option's value
    if happened is None:
        if cost_usd is not None:
            raise SettingsError("a cost without --happened", where="--cost-usd", remedy="add --happened")
        return None
    if cost_usd is None:
        return Word(happened)
    if not happened:
        raise SettingsError(
            "what did not happen has no cost", where="--cost-usd", remedy="remove it, or say --happened"
        )
    try:
        return Word(happened, parse_usd(cost_usd))
    except ValueError as error:
        raise SettingsError(str(error), where="--cost-usd", remedy="write dollars such as 0.05") from None
