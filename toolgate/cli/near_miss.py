"""`toolgate near-miss`: denials clustered by effect, what is nearest, dearest and most frequent first."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from toolgate.cli import (
    connection,
    logs,
    near_miss_lines,
    near_miss_making,
    near_miss_proposals,
    near_miss_reporting,
)
from toolgate.cli.hints import say_next
from toolgate.cli.near_miss_desk import EXAMPLES, Policies, Since, opened
from toolgate.cli.options import AsJson, Bootstrap, Config, Prefix  # noqa: TC001
from toolgate.nearmiss.misses import Filters
from toolgate.processors.amounts import amount

if TYPE_CHECKING:
    from toolgate.nearmiss.looking import Told

LISTED = "list"
SHOWN_MAX, EXAMPLES_LISTED = 50, 5


class _ListFirst(TyperGroup):
    """`list` where no command is named: the id of a cluster, an option or nothing stands there then."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        known = {*self.list_commands(ctx), *ctx.help_option_names}
        return super().parse_args(ctx, args if args and args[0] in known else [LISTED, *args])


app = typer.Typer(
    cls=_ListFirst, help="Denials clustered by effect; without a command, or with a cluster's id: `list`."
)


@app.command(name=LISTED, epilog="Example: toolgate near-miss --since 1d --tool send_voucher")
def list_clusters(  # noqa: PLR0913 - one parameter for each option
    wanted: Annotated[
        str | None, typer.Argument(metavar="[CLUSTER]", help="One of them: all that is known of it.")
    ] = None,
    *,
    since: Since = "7d",
    workflow: Annotated[str, typer.Option(help="Only of this workflow.")] = "",
    tool: Annotated[str, typer.Option(help="Only of this tool.")] = "",
    code: Annotated[str, typer.Option(help="Only with this reason code.")] = "",
    policy: Policies = None,
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    prefix: Prefix = None,
    as_json: AsJson = False,
) -> None:
    """Show what was denied, clustered by effect: what was nearest to allowed, dearest and most frequent first.

    Each with what would let it through, and whether the same effect got through another way: in other words, by another
    tool of its system, in parts. With a cluster's id, all that is known of it, with examples; parameters stand there as
    the policy shows them. Exit code 14: nothing has this id.
    """
    logs.configure(as_json=as_json)
    settings = connection.load(
        config, bootstrap_servers=bootstrap_servers, prefix=prefix, policies_dir=policy
    )
    with opened(settings, since) as desk:
        if wanted is not None:
            [one] = desk.told([desk.find(wanted)], EXAMPLES, bodies=True)
            typer.echo(json.dumps(one.as_json()) if as_json else "\n".join(near_miss_lines.whole(one)))
            _say_what_next(one, as_json=as_json)
            return
        ranked = desk.folded.clusters.ranked(Filters(workflow, tool, code), desk.folded.now_ms)
        found = desk.told(ranked[:SHOWN_MAX], EXAMPLES_LISTED, bodies=False)
    denials = sum(one.this.count for one in ranked)
    if as_json:
        shown = [one.as_json() for one in found]
        forgotten = desk.folded.clusters.forgotten
        typer.echo(
            json.dumps({"clusters": shown, "of": len(ranked), "denials": denials, "forgotten": forgotten})
        )
        return
    near_miss_lines.table(found)
    rest = f", the first {len(found)} shown" if len(found) < len(ranked) else ""
    typer.echo(
        f"{amount(denials, 'denials')} in {amount(len(ranked), 'clusters')}{rest}"
        if found
        else "Nothing was denied."
    )
    if found:
        say_next(f"toolgate near-miss {found[0].cluster.id}")


def _say_what_next(one: Told, *, as_json: bool) -> None:
    name = one.cluster.id
    words = [f"toolgate near-miss test {name}"]
    if one.changes:
        words.append(f"toolgate near-miss propose {name} --to proposal-{name}")
    say_next(*words, as_json=as_json)


app.command("test", epilog="Example: toolgate near-miss test 3f9a01c2d4e5 --out policies/cases/denied.yaml")(
    near_miss_making.make_test
)
app.command(epilog="Example: toolgate near-miss propose 3f9a01c2d4e5 --to proposed")(near_miss_making.propose)
app.command(epilog="Example: toolgate near-miss proposals proposed")(near_miss_proposals.proposals)
app.command(epilog="Example: toolgate near-miss report --out reports/week-12")(near_miss_reporting.report)
