"""`toolgate policy diff`: a recorded log under two policy sets."""

from __future__ import annotations

import json
from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from toolgate.cli import folders, tables
from toolgate.cli.exits import Exit
from toolgate.cli.options import AsJson  # noqa: TC001
from toolgate.cli.wording import joined, people, safe
from toolgate.whatif import recorded
from toolgate.whatif.replay import replay

if TYPE_CHECKING:
    from toolgate.processors.policy import PolicySet
    from toolgate.streams.gate.rehearsal import Decided
    from toolgate.whatif.recorded import Happening
    from toolgate.whatif.replay import Replayed

_SHOWN_MAX = 100


def diff(  # noqa: PLR0913 - one parameter for each option
    before: Annotated[Path, typer.Argument(metavar="A", help="Folder of the policies as they are.")],
    after: Annotated[Path, typer.Argument(metavar="B", help="Folder of the policies as they would be.")],
    *,
    log: Annotated[
        Path,
        typer.Option(
            "--log", metavar="FILE", help="Recorded runs, or what `toolgate tail --json` has printed."
        ),
    ],
    workflow: Annotated[
        str | None, typer.Option(help="Of recorded runs. Default: the only one that both have a policy for.")
    ] = None,
    tenant: Annotated[str, typer.Option(help="Of recorded runs.")] = "default",
    as_json: AsJson = False,
) -> None:
    """Decide a recorded log under two policy sets: what would be allowed or denied otherwise, and by which rule.

    Each set has its own budgets, rates and counters, taken in the order of the log: what one denies leaves room for
    later calls. No Kafka and no Redis is needed. Exit code 0 when all verdicts are the same, 10 when one differs.

    FILE has one JSON object a line: recorded runs as `toolgate demo --runs` plays them, or the output of `toolgate tail
    intents --json` and `toolgate tail results --json` in one file; with that of `toolgate tail audit --json` beside
    them the order is exactly that of the decisions. Who wrote a record and what an operator had stopped are left out.
    """
    old, new = folders.load(before), folders.load(after)
    happenings = recorded.read(log, _workflow(old, new, workflow, tenant))
    found = _replayed(happenings, old, new)
    if as_json:
        typer.echo(json.dumps(_as_json(found, old, new)))
    else:
        _show(found)
    if found.differs:
        raise typer.Exit(Exit.DIFFERENCE)


def _workflow(old: PolicySet, new: PolicySet, workflow: str | None, tenant: str) -> tuple[str, str] | None:
    if workflow is not None:
        return tenant, workflow
    common = [key for key in old.workflows if key in new.workflows and key[0] == tenant]
    return common[0] if len(common) == 1 else None


def _replayed(happenings: list[Happening], old: PolicySet, new: PolicySet) -> Replayed:
    console = Console(stderr=True, highlight=False)
    columns = (TextColumn("Replaying"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        bar = progress.add_task("", total=len(happenings))
        return replay(happenings, old, new, lambda: progress.advance(bar))


def _show(found: Replayed) -> None:
    verdicts = sorted({*found.before, *found.after})
    rows = [(name, f"{found.before.get(name, 0):,}", f"{found.after.get(name, 0):,}") for name in verdicts]
    tables.show(("verdict", "A", "B"), rows)
    typer.echo()
    tables.show(("change", "intents"), [(kind, f"{count:,}") for kind, count in found.counts().items()])
    if not found.changes:
        typer.echo(f"\n{found.intents:,} intents, no difference")
        return
    typer.echo()
    tables.show(
        ("change", "by", "intents"),
        [(kind, safe(rule), f"{count:,}") for kind, rule, count in found.by_rule()],
    )
    typer.echo()
    shown = [
        (
            change.kind,
            safe(change.intent.run_id),
            safe(change.intent.intent_id),
            safe(change.intent.tool),
            _side(change.before),
            _side(change.after),
        )
        for change in found.changes[:_SHOWN_MAX]
    ]
    tables.show(("change", "run", "intent", "tool", "A", "B"), shown)
    more = len(found.changes) - len(shown)
    typer.echo(f"\n{found.intents:,} intents" + (f"; {more:,} more changes: --json has all" if more else ""))


def _side(decided: Decided) -> str:
    said = f"{decided.event.verdict} {joined(decided.event.reasons)}".rstrip()
    return said if decided.needs is None else f"{said}; needs {people(decided.needs)}"


def _as_json(found: Replayed, old: PolicySet, new: PolicySet) -> dict[str, object]:
    return {
        "same": not found.differs,
        "before": {"digest": old.digest, "verdicts": found.before},
        "after": {"digest": new.digest, "verdicts": found.after},
        "intents": found.intents,
        "counts": {str(kind): count for kind, count in found.counts().items()},
        "by_rule": [{"kind": kind, "by": rule, "intents": count} for kind, rule, count in found.by_rule()],
        "changes": [change.as_json() for change in found.changes],
    }
