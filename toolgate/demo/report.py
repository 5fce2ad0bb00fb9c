"""The report: the tally as tables on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from toolgate.demo import labelled, tally
from toolgate.demo.checks import SHOWN_MAX
from toolgate.demo.runs import LABELS
from toolgate.processors.amounts import amount
from toolgate.schemas.enums import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import Console

    from toolgate.demo.checks import Check
    from toolgate.demo.evidence import Evidence
    from toolgate.demo.player import Played
    from toolgate.demo.runs import Run
    from toolgate.schemas.records import Reason

MISSES_MAX = 15
RULES_MAX = 20
USES_MAX = 12


def show(
    console: Console,
    evidence: Evidence,
    runs: Sequence[Run],
    played: Sequence[Played],
    checks: Iterable[Check],
) -> None:
    """Print all tables, then the checks with every difference found."""
    decisions = evidence.decisions()
    verdicts = tally.by_verdict(decisions)
    console.print(table("Verdicts", ("verdict", "intents"), verdicts.most_common()))
    shown = [verdict.value for verdict in Verdict if verdicts[verdict.value]]
    rows: list[tuple[str | int, ...]] = [
        (tool, *(count[v] for v in shown)) for tool, count in tally.by_tool(decisions).items()
    ]
    console.print(table("Tools", ("tool", *shown), rows))
    reasons = tally.by_reason(evidence.denials).most_common()
    if reasons:
        console.print(
            table("Reasons", ("code", "rule", "denials"), [(*pair, count) for pair, count in reasons])
        )
    show_labelled(console, runs, played, evidence.reasons())
    _show_misses(console, evidence)
    show_use(console, evidence)
    show_checks(console, checks)


def show_labelled(
    console: Console, runs: Sequence[Run], played: Sequence[Played], reasons: Mapping[str, Sequence[Reason]]
) -> None:
    """Print what became of labelled calls, and which rules were against them; nothing where no call is labelled."""
    rows: list[tuple[str | int, ...]] = [
        (part, label, *counts.values(), *_shares(counts))
        for part, labels in labelled.by_trials(runs, played).items()
        for label, counts in labels.items()
        if sum(counts.values())
    ]
    if not rows:
        return
    columns = ("runs", "label", *tally.COLUMNS, "approved %", "stopped %", "stopped or held %")
    console.print(table("Labelled writes", columns, rows))
    against = list(labelled.by_rule(played, reasons).items())[:RULES_MAX]
    rows = [(*pair, *(counts[label] for label in LABELS)) for pair, counts in against]
    if rows:
        console.print(table("Rules against labelled writes", ("code", "rule", *LABELS), rows))


def _shares(counts: Mapping[str, int]) -> tuple[str, str, str]:
    """Of the calls of one label: approved, denied for whatever reason, denied or held."""
    total, approved, held = sum(counts.values()), counts["approved"], counts["held"]
    found = (approved, total - approved - held, total - approved)
    first, second, third = (f"{100 * part / total:.1f}" for part in found)
    return first, second, third


def show_checks(console: Console, checks: Iterable[Check]) -> None:
    """Print what holds and what does not, with the first differences of each."""
    console.print()
    for check in checks:
        console.print(f"{'[green]holds[/]' if check.holds else '[bold red]FAILS[/]'}  {check.name}")
        for difference in check.differences[:SHOWN_MAX]:
            console.print(f"       {difference}", markup=False)
        if (more := len(check.differences) - SHOWN_MAX) > 0:
            console.print(f"       and {more} more")


def _show_misses(console: Console, evidence: Evidence) -> None:
    misses = tally.near_misses(evidence.denials)
    if not misses:
        return
    rows = [
        (miss.intent_id, miss.tool, "; ".join(f"{r.because} ({r.rule})" for r in miss.reasons))
        for miss in misses[:MISSES_MAX]
    ]
    title = f"Near misses, nearest first ({len(rows)} of {len(misses)})"
    console.print(table(title, ("intent", "tool", "what was missing"), rows))


def show_use(console: Console, evidence: Evidence) -> None:
    """Print how far limits and budgets were used, the fullest first."""
    uses = tally.budget_use(evidence.audit)
    if not uses:
        return
    rows = [
        (
            use.account if use.accounts == 1 else f"{use.account} (fullest of {use.accounts})",
            amount(use.used, use.unit),
            amount(use.max, use.unit),
            f"{100 * use.used / use.max:.1f} %" if use.max else "full",
        )
        for use in uses[:USES_MAX]
    ]
    console.print(table("Use of limits and budgets", ("account", "used", "of", "share"), rows))


def table(title: str, columns: Sequence[str], rows: Iterable[tuple[str | int, ...]]) -> Table:
    """A table for a terminal; columns of numbers are aligned to the right."""
    made = Table(
        title=f"\n{title}",
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    cells = list(rows)
    for place, column in enumerate(columns):
        number = all(isinstance(row[place], int) for row in cells)
        made.add_column(column, justify="right" if number else "left", overflow="fold")
    for row in cells:
        made.add_row(*(f"{cell:,}" if isinstance(cell, int) else Text(cell) for cell in row))
    return made
