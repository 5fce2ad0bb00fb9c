"""Effects: what a reason makes of an intent, and what its agent can do about it."""

from __future__ import annotations

from enum import StrEnum

from toolgate.schemas.enums import Verdict


class Effect(StrEnum):
    """What a reason makes of an intent, the most severe first: of several reasons the most severe decides."""

    DENY = "deny"
    READ_FIRST = "read_first"
    HOLD = "hold"
    DRAFT = "draft"
    RECORD = "record"
    APPROVE = "approve"  # what no reason leaves


VERDICTS: dict[Effect, Verdict] = {
    Effect.DENY: Verdict.DENY,
    Effect.READ_FIRST: Verdict.DENY,
    Effect.HOLD: Verdict.HOLD,
    Effect.DRAFT: Verdict.DRAFT,
    Effect.RECORD: Verdict.RECORDED,
    Effect.APPROVE: Verdict.APPROVE,
}


class Do(StrEnum):
    """What an agent can do about a reason, what helps least first: see repairs.py."""

    STOP = "stop"
    CHANGE = "change"
    READ_FIRST = "read_first"
    AGAIN = "again"
    WAIT = "wait"
    ASK = "ask"
    NOTHING = "nothing"
