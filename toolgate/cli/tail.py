"""`toolgate tail`: the records of a topic, decoded."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from toolgate.cli import connection, logs
from toolgate.cli.hints import say_next
from toolgate.cli.lines import line
from toolgate.cli.options import Bootstrap, Config, Prefix  # noqa: TC001 - typer reads the annotations
from toolgate.inspection.decoding import Decoder
from toolgate.inspection.places import in_time, newest, offsets, parse_begin
from toolgate.inspection.reader import TopicReader
from toolgate.inspection.selection import Selection
from toolgate.processors.problems import nearest
from toolgate.streams import schema_ids
from toolgate.streams.errors import SettingsError
from toolgate.streams.topics import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolgate.inspection.decoding import Entry
    from toolgate.streams.settings import Settings

app = typer.Typer()
LAST = 20


def _names(incomplete: str) -> list[str]:
    return [name for name in BY_NAME if name.startswith(incomplete)]


@app.command(epilog="Example: toolgate tail denials --follow --workflow billing_adjustments_v3")
def tail(  # noqa: PLR0913 - one parameter for each option
    topic: Annotated[
        str,
        typer.Argument(
            help="intents, commands, outcomes, results, denials, holds, drafts, audit, control, quarantine, ...: "
            "`toolgate topics list` has all.",
            autocompletion=_names,
        ),
    ],
    *,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with new records until Ctrl-C.")
    ] = False,
    begin: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="beginning, end, an offset (with --partition), a time in ISO 8601, or how long ago: 15m.",
        ),
    ] = None,
    last: Annotated[
        int | None, typer.Option(min=0, help=f"Without --from: so many newest records. Default: {LAST}.")
    ] = None,
    partition: Annotated[int | None, typer.Option(min=0, help="This partition only.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="End after so many records.")] = None,
    run: Annotated[str | None, typer.Option(help="Only this run.")] = None,
    workflow: Annotated[str | None, typer.Option(help="Only this workflow.")] = None,
    intent: Annotated[str | None, typer.Option(help="Only this intent id.")] = None,
    code: Annotated[str | None, typer.Option(help="Only with this reason code.")] = None,
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    prefix: Prefix = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Read a topic: its newest records, or all from somewhere on, decoded, one line each.

    Shows committed records only, and each partition in its order. What cannot be decoded is shown as what it is.
    """
    selection = Selection(run, workflow, intent, code)
    _check(topic, selection)
    if begin is not None and last is not None:
        raise SettingsError(
            "--from and --last exclude each other", where="arguments", remedy="give one of them"
        )
    logs.configure(as_json=as_json)
    settings = connection.load(config, bootstrap_servers=bootstrap_servers, prefix=prefix)
    out = _Printer(as_json=as_json, limit=limit)
    with TopicReader(settings, topic) as reader:
        tailing = _Tail(
            reader, Decoder(schema_ids.registry(settings)), selection, _chosen(reader, partition), out
        )
        try:
            if begin is None:
                tailing.newest(LAST if last is None else last, follow=follow)
            else:
                tailing.since(begin, follow=follow)
        except KeyboardInterrupt:
            if not follow:
                raise
    if not out.shown:
        _say_nothing(settings, topic, begin, as_json=as_json)
    elif topic in {"denials", "audit", "commands", "outcomes", "intents"}:
        say_next("toolgate explain INTENT_ID", as_json=as_json)


class _Printer:
    """Prints entries until there were enough."""

    def __init__(self, *, as_json: bool, limit: int | None) -> None:
        self._as_json = as_json
        self._limit = limit
        self._console = Console(highlight=False)
        self.shown = 0

    def enough(self, entries: Iterable[Entry]) -> bool:
        """Print these; True once there were as many as wanted."""
        for entry in entries:
            if self._as_json:
                typer.echo(json.dumps(entry.as_json()))
            else:
                self._console.print(line(entry), soft_wrap=True)
            self.shown += 1
            if self.shown == self._limit:
                return True
        return False


@dataclass(frozen=True, slots=True)
class _Tail:
    """One topic on its way to the terminal."""

    reader: TopicReader
    decoder: Decoder
    selection: Selection
    partitions: tuple[int, ...]
    out: _Printer

    def newest(self, count: int, *, follow: bool) -> None:
        """The newest records, then what comes."""
        ends = {partition: self.reader.span(partition)[1] for partition in self.partitions}
        found = newest(self.reader, self.decoder, ends, count, self.selection.wants)
        if not self.out.enough(found) and follow:
            self._read(ends, None)

    def since(self, begin: str, *, follow: bool) -> None:
        """All from a place on, to the end as it is now or for ever."""
        place = parse_begin(begin, time.time_ns() // 1_000_000)
        if place.kind == "offset" and len(self.partitions) > 1:
            raise SettingsError(
                f"--from {begin}: offsets differ between the {len(self.partitions)} partitions",
                where="arguments",
                remedy="add --partition N, or give a time",
            )
        start = offsets(self.reader, place, self.partitions)
        self._read(start, None if follow else {p: self.reader.span(p)[1] for p in self.partitions})

    def _read(self, start: dict[int, int], end: dict[int, int] | None) -> None:
        for envelopes in self.reader.read(start, end):
            wanted = filter(self.selection.wants, map(self.decoder.entry, envelopes))
            if self.out.enough(in_time(wanted)):
                return


def _check(topic: str, selection: Selection) -> None:
    if topic not in BY_NAME:
        raise SettingsError(
            f"there is no topic {topic}",
            where="arguments",
            remedy=nearest(topic, BY_NAME) or "`toolgate topics list` has all",
        )
    if fault := selection.fault(topic):
        raise SettingsError(
            f"--{fault} finds nothing in {topic}: its records do not say it",
            where="arguments",
            remedy="leave it out, or read the audit, which has one event for every record",
        )


def _chosen(reader: TopicReader, partition: int | None) -> tuple[int, ...]:
    if partition is None:
        return reader.partitions
    if partition not in reader.partitions:
        raise SettingsError(
            f"there is no partition {partition}",
            where="arguments",
            remedy=f"give 0 to {reader.partitions[-1]}",
        )
    return (partition,)


def _say_nothing(settings: Settings, topic: str, begin: str | None, *, as_json: bool) -> None:
    if not as_json:
        where = f"{settings.topic(topic)} at {settings.bootstrap_servers}"
        typer.echo(f"No such records on {where}{f' from {begin} on' if begin else ''}.", err=True)
