"""Where in a topic to begin: its beginning, its end, an offset, a time, or some records from the end."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from toolgate.processors.amounts import parse_duration_ms
from toolgate.streams.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from toolgate.inspection.decoding import Decoder, Entry
    from toolgate.inspection.reader import TopicReader

_OFFSET = re.compile(r"[0-9]{1,18}\Z", re.ASCII)
_FIRST_LOOK = 64  # offsets from a partition's end in which its newest records are looked for first
_WIDEN = 8


@dataclass(frozen=True, slots=True)
class Begin:
    """Where to begin; `value` is an offset, or a time in epoch milliseconds."""

    kind: Literal["beginning", "end", "offset", "time"]
    value: int = 0


def parse_begin(text: str, now_ms: int) -> Begin:
    """What `--from` says.

    Args:
        text: beginning, end, an offset, a time in ISO 8601 (UTC where it names no zone), or a duration: so long ago.
        now_ms: what "ago" counts from.

    Raises:
        SettingsError: none of these.
    """
    if text == "beginning":
        return Begin("beginning")
    if text == "end":
        return Begin("end")
    if _OFFSET.match(text):
        return Begin("offset", int(text))
    try:
        return Begin("time", now_ms - parse_duration_ms(text))
    except ValueError:
        pass
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(
            f"--from {text} is no place in a topic",
            where="arguments",
            remedy="give beginning, end, an offset (42), a time (2026-03-01T09:30:00Z) or how long ago (15m)",
        ) from None
    return Begin("time", int(when.replace(tzinfo=when.tzinfo or UTC).timestamp() * 1000))


def offsets(reader: TopicReader, begin: Begin, partitions: Iterable[int]) -> dict[int, int]:
    """The first offset to read of each partition: one that is gone already becomes the first that is there."""
    found = {}
    for partition in partitions:
        first, end = reader.span(partition)
        match begin.kind:
            case "beginning":
                found[partition] = first
            case "end":
                found[partition] = end
            case "offset":
                found[partition] = max(begin.value, first)
            case "time":
                found[partition] = reader.at_time(partition, begin.value)
    return found


def newest(
    reader: TopicReader,
    decoder: Decoder,
    ends: dict[int, int],
    count: int,
    wanted: Callable[[Entry], bool],
) -> list[Entry]:
    """The last `count` records below `ends` that are wanted, oldest first.

    Looked for from the end of each partition, further back as long as there are too few: offsets do not tell how
    many records lie between them, since the markers of transactions take some too.
    """
    found: dict[int, list[Entry]] = {partition: [] for partition in ends}
    firsts = {partition: reader.span(partition)[0] for partition in ends}
    begun = dict(ends)
    look = max(_FIRST_LOOK, 2 * count)
    while short := {p for p in ends if len(found[p]) < count and begun[p] > firsts[p]}:
        start = {p: max(firsts[p], begun[p] - look) for p in short}
        earlier: dict[int, list[Entry]] = {partition: [] for partition in short}
        for envelopes in reader.read(start, {p: begun[p] for p in short}):
            for entry in filter(wanted, map(decoder.entry, envelopes)):
                earlier[entry.envelope.partition].append(entry)
        for partition, entries in earlier.items():
            found[partition] = [*entries, *found[partition]][-count:]
        begun |= start
        look *= _WIDEN
    return in_time(entry for entries in found.values() for entry in entries)[-count:] if count else []


def in_time(entries: Iterable[Entry]) -> list[Entry]:
    """Entries by time, then place."""
    return sorted(entries, key=lambda e: (e.envelope.time_ms, e.envelope.partition, e.envelope.offset))
