"""The fixed words that records use: kinds of intents, verdicts, how a command ended, what votes and alerts say."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What an intent asks: a tool call, an account of model spend, or the end of its run."""

    CALL = "call"
    USAGE = "usage"
    FINISH = "finish"


class Verdict(StrEnum):
    """What became of an input record.

    The first five are verdicts on intents; RECORDED is for every other input (results, control), for reports (usage,
    finish) and for intents in shadow, and DUPLICATE for a record that repeats a first decision and has no verdict of
    its own.
    """

    APPROVE = "APPROVE"
    DENY = "DENY"
    HOLD = "HOLD"
    DRAFT = "DRAFT"
    QUARANTINE = "QUARANTINE"
    RECORDED = "RECORDED"
    DUPLICATE = "DUPLICATE"


WAITS = frozenset({Verdict.HOLD, Verdict.DRAFT})  # leave something for people to decide about


class ResultStatus(StrEnum):
    """How far a command came at its executor.

    `started` precedes the effect; `ok`, `error` and `unknown` end it after the effect may have happened; `void`
    ends it with the executor's word that the effect never happened (expired, killed, refused).
    """

    STARTED = "started"
    OK = "ok"
    ERROR = "error"
    UNKNOWN = "unknown"
    VOID = "void"


COMPLETED = frozenset(
    {ResultStatus.OK, ResultStatus.ERROR, ResultStatus.UNKNOWN}
)  # its effect may have happened


class Choice(StrEnum):
    """What a vote says. To withdraw is for whoever starts runs: it needs no approver.

    To release is about what no approval is asked for: it says what really happened, and approves nothing. The last
    three say who sees to it, and decide nothing at all.
    """

    APPROVE = "approve"
    REJECT = "reject"
    WITHDRAW = "withdraw"
    RELEASE = "release"
    TAKE = "take"
    TAKE_OVER = "take_over"
    GIVE_BACK = "give_back"


ASSIGNS = frozenset({Choice.TAKE, Choice.TAKE_OVER, Choice.GIVE_BACK})  # say who sees to it
SAYS = ASSIGNS | {Choice.RELEASE}  # these, and what happened: no vote on anything


class Finding(StrEnum):
    """What a person finds of a completed command."""

    RIGHT = "right"
    WRONG = "wrong"
    UNSURE = "unsure"


class AlertKind(StrEnum):
    """What has happened that people on call should see."""

    GRANT = "grant"  # a grant was given
    GRANT_ENDED = "grant_ended"  # ... or was ended by people before its time
    BREAK_GLASS = "break_glass"  # a command was approved under one
    BUDGET = "budget"  # an account is as full as its policy warns at
    EXHAUSTION = "exhaustion"  # an account will be full before its window ends, at this pace
    LOOP = "loop"  # a run asks the same again and again, and learns nothing
    RETRY_STORM = "retry_storm"  # many calls are tried again that were denied or failed
    DRIFT_TOOLS = "drift_tools"  # a workflow uses other tools than it used to
    DRIFT_DENIALS = "drift_denials"  # ... is denied for other reasons
    DRIFT_COST = "drift_cost"  # ... costs something else
    BREACH = "breach"  # a workflow does not achieve what its policy says
    DEMOTION = "demotion"  # ... and was tightened for that
    SAMPLE = "sample"  # a completed command that people should look at


class Severity(StrEnum):
    """How soon a person must look at an alert: some day, today, now."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"
