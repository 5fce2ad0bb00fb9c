"""Exporting: the topics of a prefix as one file, a JSON object a line."""

from __future__ import annotations

import gzip
from typing import IO, TYPE_CHECKING, cast

import orjson

from toolgate.streams.errors import SettingsError
from toolgate.verification.topics import told

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from toolgate.inspection.decoding import Decoder
    from toolgate.inspection.stretches import Readable
    from toolgate.verification.topics import Spans

_LEVEL = 6  # of gzip: 9 takes three times as long and saves a hundredth


def export(
    path: Path,
    open_topic: Callable[[str], Readable],
    stretch: Spans,
    decoder: Decoder,
    notify: Callable[[str, int, int], None] = lambda _topic, _done, _total: None,
) -> dict[str, int]:
    """Write a stretch of the topics, each record as `toolgate tail --json` prints it.

    The file is there, under its name, only when it is whole.

    Args:
        path: the file; gzip where its name ends in .gz.
        open_topic: gives the reader of a logical topic.
        stretch: as `topics.spans` gives it.
        decoder: of the records.
        notify: told of each topic how many offsets are done, and of how many.

    Returns:
        How many records were written, by topic.

    Raises:
        SettingsError: the file cannot be written.
        RefusedError: a topic may not be read.
        UnreachableError: Kafka does not answer.
    """
    made = path.with_name(f".{path.name}.new")
    counts: dict[str, int] = {}
    try:
        with _open(made, zipped=path.suffix == ".gz") as file:
            for topic, partitions in stretch.items():
                counts[topic] = 0
                for envelope in told(open_topic(topic), topic, partitions, notify):
                    file.write(orjson.dumps(decoder.entry(envelope).as_json()) + b"\n")
                    counts[topic] += 1
        made.replace(path)
    except OSError as error:
        raise SettingsError(
            f"cannot write the file: {error.strerror}", where=str(path), remedy="make its folder writable"
        ) from None
    finally:
        made.unlink(missing_ok=True)
    return counts


def _open(path: Path, *, zipped: bool) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path, "wb", _LEVEL)) if zipped else path.open("wb")
