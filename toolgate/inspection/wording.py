"""Words of records for people: what agents wrote may hold escape sequences, and must stay text wherever it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.processors.amounts import amount, duration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolgate.schemas.records import Reason

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


def joined(reasons: Iterable[Reason]) -> str:
    """Several reasons as one line."""
    return "; ".join(map(because, reasons))


def about(duration_ms: int) -> str:
    """How long something takes or took, no finer than people care: seconds, then minutes, then hours."""
    step_ms = 1_000 if duration_ms < 60_000 else 60_000 if duration_ms < 10_800_000 else 3_600_000
    return duration(max(step_ms, duration_ms - duration_ms % step_ms))


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode() if character.isascii() else f"\\u{ord(character):04x}"
