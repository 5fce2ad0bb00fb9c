"""The report of a day: what was decided, what was nearly allowed, what changed, and what to type next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.demo import day_figures, report, tally
from toolgate.schemas.enums import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

    from toolgate.demo.billing.reckoning import Traced
    from toolgate.demo.day import Day
    from toolgate.demo.stage import Elsewhere

MISSES_MAX, CHANGES_MAX = 12, 8
_RUNS_MAX = 24


def show(console: Console, day: Day) -> None:
    """Print all tables, then the checks with every difference found, then how fast it went."""
    _show_kinds(console, day)
    _show_tools(console, day)
    report.show_use(console, day.evidence)
    _show_misses(console, day)
    _show_changes(console, day.traced)
    report.show_checks(console, day.checks)
    told, seconds = len(day.steps), day.seconds
    console.print(
        f"\n{told:,} intents of {day.play.runs:,} runs decided in {seconds:.1f} s: {day.decisions_per_second:,.0f} a "
        f"second, as fast as {len(day.play.lanes)} agents ask that each wait for their answer"
    )


def _show_kinds(console: Console, day: Day) -> None:
    rows: list[tuple[str | int, ...]] = []
    for kind, one in day_figures.by_kind(day.steps).items():
        why = ", ".join(f"{code} {count}" for code, count in one.codes.items())
        rows.append((kind, one.runs, one.intents, one.approved, one.failed, one.denied, why))
    columns = ("agents", "runs", "intents", "approved", "failed", "denied", "first reasons")
    console.print(report.table("Agents", columns, rows))
    drift = day_figures.by_kind(day.steps).get("drifting")
    if drift is not None:
        shown = " ".join(str(count) for count in drift.denied_by_run[:_RUNS_MAX])
        console.print(f"the drifting agent's denials, run by run: {shown}")


def _show_tools(console: Console, day: Day) -> None:
    decisions = day.evidence.decisions()
    codes = day_figures.codes_by_tool(decisions)
    verdicts = tally.by_verdict(decisions)
    shown = [verdict.value for verdict in Verdict if verdicts[verdict.value]]
    rows: list[tuple[str | int, ...]] = [
        (tool, *(count[v] for v in shown), ", ".join(f"{code} {n}" for code, n in codes[tool].most_common()))
        for tool, count in tally.by_tool(decisions).items()
    ]
    console.print(report.table("Verdicts by tool and reason", ("tool", *shown, "reasons"), rows))


def _show_misses(console: Console, day: Day) -> None:
    misses = day_figures.missed(day.evidence.denials)
    rows: list[tuple[str | int, ...]] = [
        (
            "; ".join(f"{because} ({rule})" for because, rule in miss.lacking),
            miss.tool,
            len(miss.intents),
            miss.intents[0],
        )
        for miss in misses[:MISSES_MAX]
    ]
    title = f"Near misses, nearest first ({len(rows)} of {len(misses)} kinds)"
    console.print(report.table(title, ("what was missing", "tool", "times", "first"), rows))


def _show_changes(console: Console, traced: Sequence[Traced]) -> None:
    rows: list[tuple[str | int, ...]] = []
    for one in traced[-CHANGES_MAX:]:
        change = one.change
        what = f"{change.record} {change.field} {change.before} -> {change.after}"
        allowed = f"{change.intent_id} (seq {change.seq})" if one.command else "nobody"
        rows.append((what, allowed, _undone_by(one)))
    title = f"What changed in the systems of record (the last {len(rows)} of {len(traced):,})"
    console.print(report.table(title, ("change", "allowed as", "undone by"), rows))


def _undone_by(one: Traced) -> str:
    if one.undo is None:
        return ""
    params = " ".join(f"{name}={value}" for name, value in one.undo.params.items())
    return f"{one.undo.tool} {params}" if one.undo.tool else one.undo.why


def next_commands(day: Day, *, kept: Path | None, elsewhere: Elsewhere | None, seed: int) -> list[str]:
    """What to type next, a line each.

    Args:
        day: what was played.
        kept: the folder that keeps it; None when the folder is gone.
        elsewhere: where the topics stay, when nothing local was started.
        seed: it was played with.
    """
    others = [
        f"toolgate demo --seed {seed + 1}    # other customers and invoices",
        "toolgate dev    # a Kafka and a Redis of your own, and what to do with them",
    ]
    if kept is None and elsewhere is None:
        return ["toolgate demo --dir toolgate-demo    # keep topics, ledger and books, to look into", *others]
    misses = day_figures.missed(day.evidence.denials)
    example = misses[0].intents[0] if misses else day.steps[0].intent_id
    looks = [
        f"toolgate explain {example} --prefix {day.prefix}    # all that the log knows of the nearest miss",
        f"toolgate tail denials --prefix {day.prefix}    # refusals with their reasons",
    ]
    if elsewhere is not None:
        return [f"export TOOLGATE_BOOTSTRAP_SERVERS={elsewhere.bootstrap_servers}", *looks, *others]
    again = f"toolgate dev --dir {kept}/stack    # in another terminal: the same Kafka and Redis again"
    found = f". {kept}/stack/env    # here, once that runs: where they are"
    return [again, found, *looks, *others]
