"""A history from a file: what `toolgate export` writes."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING

import orjson

from toolgate.processors.problems import LoadError, Problem
from toolgate.verification.events import UnreadableError
from toolgate.verification.loading import PlainLoader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from toolgate.verification.history import History

_STEP = 1000


def read(path: Path, notify: Callable[[int, int], None] = lambda _done, _total: None) -> History:
    """The history in a file.

    A file is as old as its modification time says: what its topics promised to keep until then is missed.

    Args:
        path: one JSON object a line; gzip where the name ends in .gz.
        notify: told how many bytes are read, and of how many.

    Raises:
        LoadError: the file cannot be read, a line of it is no record, or it has no audit.
    """
    try:
        size, as_of_ms = path.stat().st_size, path.stat().st_mtime_ns // 1_000_000
        loader = PlainLoader(as_of_ms)
        number = 0
        with path.open("rb") as raw, gzip.open(raw) if path.suffix == ".gz" else raw as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    loader.take(orjson.loads(line))
                if not number % _STEP:
                    notify(raw.tell(), size)
        notify(size, size)
    except (OSError, EOFError, zlib.error) as error:
        text = getattr(error, "strerror", None) or str(error)
        raise _refusal(
            path, 0, f"cannot be read: {text}", "name what `toolgate export` has written"
        ) from None
    except (orjson.JSONDecodeError, UnreadableError) as error:
        raise _refusal(path, number, str(error), "export it again") from None
    if not loader.history.audit:
        raise _refusal(path, 0, "there is no audit in it", "export it with the topic audit")
    return loader.history


def _refusal(path: Path, line: int, what: str, hint: str) -> LoadError:
    return LoadError([Problem(str(path), line, 1 if line else 0, what, hint)])
