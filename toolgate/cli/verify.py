"""`toolgate verify`: whether a history holds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolgate.cli import connection, logs, progress, tables
from toolgate.cli.exits import Exit
from toolgate.cli.options import AsJson, Bootstrap, Config, Prefix  # noqa: TC001
from toolgate.cli.wording import safe
from toolgate.inspection.search import Readers
from toolgate.streams import schema_ids
from toolgate.streams.errors import SettingsError
from toolgate.verification import exported, ledger, topics
from toolgate.verification.findings import LISTED_MAX
from toolgate.verification.judging import compare, judge

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolgate.streams.settings import Settings
    from toolgate.verification.judging import Report

app = typer.Typer()
_NOT_GIVEN = "no Redis was given"
_AT_WORK = "the gate is at work"


@app.command(epilog="Example: toolgate verify history.jsonl.gz")
def verify(  # noqa: PLR0913 - one parameter for each option
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="What `toolgate export` has written. Default: the topics."),
    ] = None,
    *,
    redis: Annotated[
        str | None, typer.Option(help="URL of the ledger's Redis. Default: that of the settings, if any.")
    ] = None,
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    prefix: Prefix = None,
    as_json: AsJson = False,
) -> None:
    """Check that a history keeps every promise that its records can show.

    Reads the topics of a prefix, or a file, and holds each decision to the laws: one audit event for every record, one
    order, one first decision for an id, a command for each approval and no other, no cap ever passed, nothing approved
    after its kill, and so on. It knows nothing of policies, and shares no code with what decides. With a Redis it also
    compares the ledger, account by account, once everything is decided.

    Exit code 0 when all holds, 10 when something is wrong: the first records that are, with law and place.
    """
    logs.configure(as_json=as_json)
    with progress.bars("Reading") as notify:
        found = (
            _of_topics(connection.load(config, **_given(bootstrap_servers, prefix, redis)), notify)
            if file is None
            else _of_file(file, redis, notify)
        )
    if as_json:
        typer.echo(json.dumps(found.as_json()))
    else:
        _show(found)
    if found.report.findings.counts:
        raise typer.Exit(Exit.DIFFERENCE)


@dataclass(frozen=True, slots=True)
class _Found:
    """What was judged, and why the ledger was not compared, or ""."""

    report: Report
    records: dict[str, int]
    not_compared: str

    @property
    def not_judged(self) -> int:
        return self.records.get("audit", 0) - self.report.judged

    def as_json(self) -> dict[str, Any]:
        findings, cut = self.report.findings, self.report.cut
        return {
            "holds": not findings.counts,
            "records": self.records,
            "judged": self.report.judged,
            "not_judged": self.not_judged,
            "waiting": cut.waiting,
            "ledger": self.not_compared or "compared",
            "wrong": {law.value: count for law, count in sorted(findings.counts.items())},
            "findings": [finding.as_json() for finding in findings.listed()],
        }


def _given(bootstrap_servers: str | None, prefix: str | None, redis: str | None) -> dict[str, str | None]:
    return {"bootstrap_servers": bootstrap_servers, "prefix": prefix, "redis_url": redis}


def _of_file(file: Path, redis: str | None, notify: Callable[[str, int, int], None]) -> _Found:
    if redis is not None:
        raise SettingsError(
            "--redis says what is, and a file what was",
            where="arguments",
            remedy="leave out --redis, or the file",
        )
    history = exported.read(file, lambda done, total: notify(file.name, done, total))
    report = judge(history, lambda done, total: notify("the laws", done, total))
    return _Found(report, dict(history.counts), "a file was judged")


def _of_topics(settings: Settings, notify: Callable[[str, int, int], None]) -> _Found:
    with Readers(settings) as readers:
        stretch = topics.spans(readers)
        history = topics.read(readers, stretch, schema_ids.registry(settings), notify)
        report = judge(history, lambda done, total: notify("the laws", done, total))
        not_compared = _compared(settings, report, lambda: topics.grown(readers, stretch))
    return _Found(report, dict(history.counts), not_compared)


def _compared(settings: Settings, report: Report, grown: Callable[[], bool]) -> str:
    """Compare the ledger, if there is one; why it was not, or ""."""
    if settings.redis_url is None:
        return _NOT_GIVEN
    if not report.cut.rest:
        return _AT_WORK
    dump = ledger.dump(settings.ledger_url, settings.prefix)
    if grown():
        return _AT_WORK
    compare(report, dump)
    return ""


def _said(wrong: int) -> str:
    return f"{wrong:,} fault{'s' if wrong > 1 else ''}." if wrong else "all laws hold."


def _show(found: _Found) -> None:
    report, findings = found.report, found.report.findings
    listed = findings.listed()
    rows = [(each.law.value, str(each.place or "the ledger"), safe(each.what)) for each in listed]
    tables.show(("law", "where", "what"), rows)
    wrong = findings.counts.total()
    if wrong > len(listed):
        typer.echo(f"... and {wrong - len(listed):,} more; at most {LISTED_MAX} are listed.")
    typer.echo(f"{report.judged:,} decisions judged: " + _said(wrong))
    typer.echo(
        f"Ledger not compared: {found.not_compared}." if found.not_compared else "Redis was compared as well."
    )
    if report.cut.waiting:
        typer.echo(
            f"{report.cut.waiting:,} records wait for a decision; {found.not_judged:,} of the newest decisions were "
            "not judged, since more of them may be on its way."
        )
