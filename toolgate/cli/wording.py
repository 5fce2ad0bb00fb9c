"""Words of records on a terminal: what agents wrote may hold escape sequences, and must not move the cursor."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from toolgate.processors.amounts import amount, duration
from toolgate.processors.problems import LoadError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from toolgate.processors.approval_terms import ApprovalTerms
    from toolgate.schemas.records import Reason

STYLES = {
    "APPROVE": "green",
    "DENY": "red",
    "HOLD": "yellow",
    "DRAFT": "yellow",
    "QUARANTINE": "magenta",
    "RECORDED": "cyan",
    "DUPLICATE": "dim",
    "ok": "green",
    "error": "red",
    "unknown": "yellow",
    "void": "yellow",
    "started": "dim",
    "kill": "bold red",
    "lift": "green",
    "warning": "yellow",
    "critical": "bold red",
}
_CUT = "…"


def safe(text: str, chars_max: int = 0) -> str:
    """Text in which every character that does not print stands as its escape; cut to `chars_max` unless 0."""
    shown = text if text.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in text)
    return shown if not chars_max or len(shown) <= chars_max else shown[: chars_max - 1] + _CUT


def because(reason: Reason) -> str:
    """A reason as one line: code, rule, and what was missing."""
    rule = f" {reason.rule}" if reason.rule else ""
    figures = ""
    if reason.distance is not None and not reason.because:
        figures = f"{amount(reason.distance, reason.unit)} too far"
    why = reason.because or figures
    return safe(f"{reason.code}{rule}{': ' if why else ''}{why}")


def people(needs: ApprovalTerms) -> str:
    """What a held call needs, as `2 approvals by cfo or lead within 4h`."""
    return f"{amount(needs.approvers, 'approvals')} by {' or '.join(needs.roles)} within {duration(needs.wait_ms)}"


def located(error: LoadError, directory: Path) -> LoadError:
    """The mistakes of a folder's files, placed from here: editors and terminals link paths so."""
    return LoadError(
        problem if problem.file == str(directory) else replace(problem, file=str(directory / problem.file))
        for problem in error.problems
    )


def joined(reasons: Iterable[Reason]) -> str:
    """Several reasons as one line."""
    return "; ".join(map(because, reasons))


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode() if character.isascii() else f"\\u{ord(character):04x}"
