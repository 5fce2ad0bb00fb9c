"""`toolgate near-miss report`: the clusters of a window as a page and as data, to be kept or sent."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import Annotated

import typer

from toolgate.cli import connection, logs
from toolgate.cli.near_miss_desk import Policies, Since, opened
from toolgate.cli.options import AsJson, Bootstrap, Config, Prefix  # noqa: TC001
from toolgate.cli.replacing import replace_file
from toolgate.nearmiss.misses import Filters
from toolgate.streams.errors import SettingsError

PAGE, DATA = "near-misses.html", "near-misses.json"
REPORTED_MAX, EXAMPLES = 50, 5


def report(  # noqa: PLR0913 - one parameter for each option
    *,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="The folder; what it has of before is replaced.")
    ],
    since: Since = "7d",
    workflow: Annotated[str, typer.Option(help="Only of this workflow.")] = "",
    policy: Policies = None,
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    prefix: Prefix = None,
    as_json: AsJson = False,
) -> None:
    """Write the report of a week, or of another window: a page that needs nothing beside it, and the same as data.

    They are near-misses.html and near-misses.json, and have the first 50 clusters, each with its trend, what would let
    it through, whether it got through another way and some examples. What agents wrote stands there as quoted text.
    Needs jinja2, which the extra `console` brings.
    """
    _check_extra()
    from toolgate.nearmiss import reporting  # noqa: PLC0415 - the extra may be missing

    logs.configure(as_json=as_json)
    settings = connection.load(
        config, bootstrap_servers=bootstrap_servers, prefix=prefix, policies_dir=policy
    )
    with opened(settings, since) as desk:
        now_ms = desk.folded.now_ms
        ranked = desk.folded.clusters.ranked(Filters(workflow), now_ms)
        found = desk.told(ranked[:REPORTED_MAX], EXAMPLES, bodies=True)
        made = reporting.Report(
            settings.prefix, workflow, now_ms, desk.folded.clusters.window_ms, tuple(found), len(ranked),
            sum(one.this.count for one in ranked), sum(one.before.count for one in ranked),
        )  # fmt: skip
    replace_file(out / PAGE, reporting.as_html(made).encode())
    replace_file(out / DATA, json.dumps(made.as_json(), indent=2, ensure_ascii=False).encode() + b"\n")
    if as_json:
        typer.echo(json.dumps({"page": str(out / PAGE), "data": str(out / DATA), "clusters": len(found)}))
    else:
        typer.echo(f"{out / PAGE} and {out / DATA}: {len(found):,} of {len(ranked):,} clusters")


def _check_extra() -> None:
    if find_spec("jinja2") is None:
        raise SettingsError(
            "the report needs jinja2", where="this Python", remedy="pip install 'toolgate[console]'"
        )
