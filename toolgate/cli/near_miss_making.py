"""`toolgate near-miss test` and `propose`: a cases file, or a changed policy, made of a cluster."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolgate.cli import connection, logs, progress, tables
from toolgate.cli.deadline import duration_of
from toolgate.cli.hints import say_next
from toolgate.cli.near_miss_desk import ClusterId, Policies, Since, opened
from toolgate.cli.options import AsJson, Bootstrap, Config, Prefix  # noqa: TC001
from toolgate.cli.replacing import replace_file
from toolgate.cli.wording import safe
from toolgate.inspection.errors import NotFoundError
from toolgate.nearmiss.bodies import intents_at, shown
from toolgate.nearmiss.case_file import BEFORE_MAX, Asked, cases_file
from toolgate.nearmiss.changes import changes, why_none
from toolgate.nearmiss.proposing import proposal
from toolgate.processors.amounts import usd
from toolgate.replaying.kafka import KafkaRecords
from toolgate.streams.errors import SettingsError
from toolgate.whatif.logged import happenings

if TYPE_CHECKING:
    from toolgate.cli.near_miss_desk import Desk
    from toolgate.nearmiss.changes import Change
    from toolgate.nearmiss.clusters import Cluster
    from toolgate.nearmiss.misses import Miss
    from toolgate.nearmiss.proposing import Moved, Proposal

NOTE = "proposal.json"


def make_test(  # noqa: PLR0913 - one parameter for each option
    wanted: ClusterId,
    *,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where to; default: stdout.")
    ] = None,
    since: Since = "7d",
    policy: Policies = None,
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    prefix: Prefix = None,
    as_json: AsJson = False,
) -> None:
    """Make a policy test of a cluster: a cases file that expects its nearest denial again.

    It is tried before it is given out, alone and with what was approved before, and says at its head what came of it.
    Parameters that the policy hides stay hidden. Put it into cases/ beside the policy; `toolgate policy test` runs it.
    """
    logs.configure(as_json=as_json)
    settings = connection.load(
        config, bootstrap_servers=bootstrap_servers, prefix=prefix, policies_dir=policy
    )
    with opened(settings, since) as desk:
        miss, text = _case(desk, desk.find(wanted).cluster)
    if out is not None:
        replace_file(out, text.encode())
    if as_json:
        told = {"intent_id": miss.denial.intent_id, "file": str(out) if out else "", "cases": text}
        typer.echo(json.dumps(told))
    elif out is None:
        typer.echo(text, nl=False)
    else:
        typer.echo(f"{out} expects the denial of {safe(miss.denial.intent_id)} again")
        say_next(f"toolgate policy test {out.parent.parent}")


def propose(  # noqa: PLR0913 - one parameter for each option
    wanted: ClusterId,
    *,
    to: Annotated[
        Path,
        typer.Option("--to", metavar="DIR", help="Where the changed policies go: a new or empty folder."),
    ],
    number: Annotated[
        int, typer.Option("--change", metavar="N", min=1, help="Which of the changes that the cluster names.")
    ] = 1,
    log_since: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="Replay only so much of the log. Default: all that is kept."),
    ] = None,
    since: Since = "7d",
    policy: Policies = None,
    config: Config = None,
    bootstrap_servers: Bootstrap = None,
    prefix: Prefix = None,
    as_json: AsJson = False,
) -> None:
    """Propose a policy that lets a cluster through, tried on the recorded log; nothing is put in force.

    Writes the policies as they are with the one change that `toolgate near-miss CLUSTER` names, into a folder of your
    own, and beside them proposal.json: what the log would have come to. The log is decided under both sets, each with
    accounts of its own. Put it in force, if people agree, with `toolgate policy activate`.
    """
    logs.configure(as_json=as_json)
    settings = connection.load(
        config, bootstrap_servers=bootstrap_servers, prefix=prefix, policies_dir=policy
    )
    _check_empty(to)
    with opened(settings, since) as desk:
        cluster = desk.find(wanted).cluster
        change = _change(cluster, number)
        files = desk.sets.files(cluster.digest)
        if files is None:
            raise SettingsError(
                f"the policy set {cluster.digest} is not published",
                where=f"policies of {settings.prefix}",
                remedy="name the folder that the gate has: --policy DIR",
            )
        begin_ms = (
            0
            if log_since is None
            else desk.folded.now_ms - duration_of("--log-since", log_since, "1d or 30d")
        )
        with KafkaRecords(settings) as records, progress.bars("Replaying") as notify:
            total = sum(records.end(("audit", partition)) for partition in records.partitions("audit"))
            done = iter(range(1, total + 2))
            log = happenings(
                records, desk.registry, begin_ms, lambda: notify("the log", next(done, total), total)
            )
            made = proposal(cluster.effect, change, files, log)
    _write(to, made)
    if as_json:
        typer.echo(json.dumps({"folder": str(to), **made.as_json()}))
    else:
        _show(to, made)


def _case(desk: Desk, cluster: Cluster) -> tuple[Miss, str]:
    """The nearest denial whose intent is still kept, and its cases file."""
    policies = desk.sets.policies(cluster.digest)
    for miss in cluster.shown():
        denial = miss.denial
        before = desk.folded.approvals.before(denial, BEFORE_MAX)
        its = (denial.partition, denial.offset)
        wanted = [its, *(one.place for one in before)]
        found = intents_at(desk.readers("intents"), wanted, desk.registry)
        if its in found:
            earlier = [
                Asked(shown(found[one.place], policies), one.time_ms) for one in before if one.place in found
            ]
            return miss, cases_file(
                denial, Asked(shown(found[its], policies), miss.time_ms), earlier, policies
            )
    raise NotFoundError(
        "no intent of this cluster is kept any more",
        where="the topic of intents",
        remedy="make a test sooner, or keep intents longer",
    )


def _change(cluster: Cluster, number: int) -> Change:
    found = changes(cluster)
    if not found:
        raise SettingsError(
            f"no change of a policy would let it through: {why_none(cluster)}",
            where=f"cluster {cluster.id}",
            remedy="take another cluster: toolgate near-miss",
        )
    if number > len(found):
        raise SettingsError(
            f"there is no change {number}",
            where=f"cluster {cluster.id}",
            remedy=f"see which there are: toolgate near-miss {cluster.id}",
        )
    return found[number - 1]


def _check_empty(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SettingsError(
            "there is something already", where=str(folder), remedy="name a new or an empty folder: --to DIR"
        )


def _write(folder: Path, made: Proposal) -> None:
    note = json.dumps(_noted(made), indent=2, ensure_ascii=False).encode() + b"\n"
    for name, content in {**made.files, NOTE: note}.items():
        replace_file(folder / name, content)


def _noted(made: Proposal) -> dict[str, Any]:
    return {"made": datetime.now(UTC).isoformat(timespec="seconds"), **made.as_json()}


def _show(folder: Path, made: Proposal) -> None:
    typer.echo(f"{safe(str(made.change))}, by the denials alone; replayed:")
    rows = [
        ("denials that become approvals", *_moved(made.allowed)),
        ("denials that are held or drafted", *_moved(made.asked)),
        ("approvals that become denials", *_moved(made.denied)),
    ]
    tables.show(("what changes", "decisions", "cost"), rows)
    of_cluster = f"{made.of_cluster:,} of them for the reasons of this cluster"
    typer.echo(
        f"{made.replayed.intents:,} intents replayed, {len(made.replayed.changes):,} decided otherwise, {of_cluster}"
    )
    typer.echo(f"{folder} has the changed policies and {NOTE}; nothing is in force.")
    say_next(f"toolgate policy check {folder}", f"toolgate policy activate {folder} --as KID --reason ...")


def _moved(moved: Moved) -> tuple[str, str]:
    return f"{moved.count:,}", usd(moved.cost_micros)
