"""Assigning: what `take` and `give-back` have in common."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import typer

from toolgate.cli import logs
from toolgate.cli.hints import say_next
from toolgate.inspection.search import Readers
from toolgate.review.assigning import assigning_vote
from toolgate.review.errors import VoteRefusedError
from toolgate.review.queue import Following
from toolgate.review.speaking import Speaker
from toolgate.schemas.enums import Choice
from toolgate.streams import schema_ids
from toolgate.streams.gate import keys

if TYPE_CHECKING:
    from pathlib import Path

    from toolgate.processors.keyring import StarterKey
    from toolgate.review.queue import Queue
    from toolgate.streams.settings import Settings


def assigned(  # noqa: PLR0913 - what both commands are given
    wanted: str,
    choice: Choice,
    *,
    kid: str,
    comment: str,
    timeout_s: float,
    keys_file: Path,
    settings: Settings,
    as_json: bool,
) -> None:
    """Say who sees to an item, and that it holds.

    Raises:
        VoteRefusedError: it changes nothing: somebody else has it, or had it first.
    """
    logs.configure(as_json=as_json)
    seq = _said(settings, keys.load_private(keys_file, kid), wanted, choice, comment, timeout_s)
    taken_by = None if choice == Choice.GIVE_BACK else kid
    if as_json:
        typer.echo(json.dumps({"id": wanted, "taken_by": taken_by, "seq": seq}))
    else:
        typer.echo(f"{wanted}: {f'taken by {kid}' if taken_by else 'given back'}, seq {seq}")
    say_next(f"toolgate queue {wanted}", as_json=as_json)


def _said(  # noqa: PLR0913, PLR0917 - who says what of which
    settings: Settings, key: StarterKey, wanted: str, choice: Choice, comment: str, timeout_s: float
) -> int:
    registry = schema_ids.registry(settings)
    with Readers(settings) as readers:
        following = Following(readers, registry)
        item = following.catch_up().find(wanted, _now_ms())
        if item is None:
            raise VoteRefusedError(f"nothing waits as {wanted!r}", wanted)
        vote = assigning_vote(item, choice, key.kid, comment)
        event = Speaker(settings, readers, key, registry).say(item, vote, timeout_s)
        has = _has(following.catch_up(), wanted)
    if choice != Choice.GIVE_BACK and has != key.kid:
        raise VoteRefusedError(f"{has} was first" if has else "it was over by then", wanted)
    return event.seq


def _has(queue: Queue, wanted: str) -> str:
    item = queue.find(wanted, _now_ms())
    return item.assignee.kid if item and item.assignee else ""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
