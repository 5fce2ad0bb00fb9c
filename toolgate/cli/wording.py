"""Words of records on a terminal: what agents wrote may hold escape sequences, and must not move the cursor."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from toolgate.inspection.wording import about, because, joined, safe
from toolgate.processors.amounts import amount, duration
from toolgate.processors.problems import LoadError

if TYPE_CHECKING:
    from pathlib import Path

    from toolgate.processors.approval_terms import ApprovalTerms

__all__ = ["STYLES", "about", "because", "joined", "located", "people", "safe"]
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


def people(needs: ApprovalTerms) -> str:
    """What a held call needs, as `2 approvals by cfo or lead within 4h`."""
    return f"{amount(needs.approvers, 'approvals')} by {' or '.join(needs.roles)} within {duration(needs.wait_ms)}"


def located(error: LoadError, directory: Path) -> LoadError:
    """The mistakes of a folder's files, placed from here: editors and terminals link paths so."""
    return LoadError(
        problem if problem.file == str(directory) else replace(problem, file=str(directory / problem.file))
        for problem in error.problems
    )
