"""Verdicts: what several reasons make of an intent together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.processors.effects import VERDICTS, Effect
from toolgate.processors.reasons import TABLE, Code
from toolgate.schemas.enums import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolgate.processors.reasons import Entry
    from toolgate.schemas.records import Reason

_PRECEDENCE: dict[str, int] = {code.value: place for place, code in enumerate(Code)}
_LAST = len(_PRECEDENCE)


def ordered(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """Reasons by precedence, then rule; equal ones keep their order. Codes of a later version come last."""
    return tuple(sorted(reasons, key=lambda reason: (_PRECEDENCE.get(reason.code, _LAST), reason.rule)))


def effect_of(reasons: Iterable[Reason]) -> Effect:
    """The most severe of what the reasons make of an intent. A code of a later version denies."""
    found = {entry.effect if (entry := entry_of(reason.code)) else Effect.DENY for reason in reasons}
    return next((effect for effect in Effect if effect in found), Effect.APPROVE)


def verdict_of(reasons: Iterable[Reason]) -> Verdict:
    """The verdict that the reasons lead to together."""
    return VERDICTS[effect_of(reasons)]


def retryable(reasons: Iterable[Reason]) -> bool:
    """Whether the same call may pass later: every reason that refuses it is retryable, and there is one.

    Reasons that only hold or draft do not refuse: they are what the call comes to once nothing refuses it.
    """
    found = [entry for reason in reasons if (entry := entry_of(reason.code)) is None or _refuses(entry)]
    return bool(found) and all(entry is not None and entry.retryable for entry in found)


def ends_case(reasons: Iterable[Reason]) -> bool:
    """Whether one of the reasons leaves nothing further to say."""
    return any((entry := entry_of(reason.code)) is None or entry.ends_case for reason in reasons)


def _refuses(entry: Entry) -> bool:
    return VERDICTS[entry.effect] == Verdict.DENY


def entry_of(code: str) -> Entry | None:
    """What is fixed about a code, or None for one of a later version."""
    return TABLE[Code(code)] if code in _PRECEDENCE else None
