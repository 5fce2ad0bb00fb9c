"""Where Kafka and Redis are: the settings, or the `toolgate dev` that runs in this folder.

`toolgate dev` leaves a note with its addresses while it runs. A command that was told no address at all, neither by
option, file nor environment, looks for such a note in `.toolgate/dev` of its folder and those above it.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from toolgate.streams import settings as streams_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolgate.streams.settings import Settings

DEV = Path(".toolgate/dev")
NOTE = "running.json"
# Who has said one of these speaks of another Kafka: an address of ours must never be mixed into that.
_TOLD = ("TOOLGATE_BOOTSTRAP_SERVERS", "TOOLGATE_REDIS_URL", "TOOLGATE_KAFKA")
_NOTED = ("bootstrap_servers", "redis_url", "prefix", "partitions")


def load(config: Path | None = None, **overrides: Any) -> Settings:
    """Settings as `toolgate.streams.settings.load` gives them, with the running local stack as the last resort.

    Says on stderr when it uses that.

    Raises:
        SettingsError: a field is missing, unknown or unusable; all of them are named.
    """
    told = config or overrides.get("bootstrap_servers") or any(name in os.environ for name in _TOLD)
    noted = None if told else running()
    if noted is None:
        return streams_settings.load(config, **overrides)
    folder, fields = noted
    typer.echo(f"Using the local stack of {folder}: {fields['bootstrap_servers']}", err=True)
    unsaid = {
        name: fields[name]
        for name in _NOTED
        if overrides.get(name) is None and f"TOOLGATE_{name.upper()}" not in os.environ
    }
    return streams_settings.load(**overrides | unsaid)


@contextmanager
def announced(folder: Path, settings: Settings) -> Iterator[None]:
    """Leave the note while the stack runs."""
    note = folder / NOTE
    fields = {name: getattr(settings, name) for name in _NOTED}
    note.write_text(json.dumps({"pid": os.getpid(), **fields}), encoding="utf-8")
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


def running(folder: Path | None = None) -> tuple[Path, dict[str, Any]] | None:
    """The folder and the addresses of the local stack that runs here or in a folder above; None without one."""
    start = (folder or Path.cwd()).absolute()
    for above in (start, *start.parents):
        fields = _read(above / DEV / NOTE)
        if fields is not None:
            return above / DEV, fields
    return None


def _read(note: Path) -> dict[str, Any] | None:
    """What a note says, unless who left it is gone."""
    try:
        fields = json.loads(note.read_text(encoding="utf-8"))
        os.kill(int(fields["pid"]), 0)
        return {name: fields[name] for name in _NOTED}
    except (OSError, ValueError, KeyError, TypeError):
        return None
