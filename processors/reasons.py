"""Reason codes: one flat list, the most severe first, numbered once and for ever.

A code's place in `Code` is its precedence and may change when a new one comes between; its number and its
name never change and are never used again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, auto

from toolgate.processors.effects import Do, Effect


class _Named(StrEnum):
    @staticmethod
    def _generate_next_value_(name: str, start: int, count: int, last_values: list[str]) -> str:  # noqa: ARG004
        return name


class Code(_Named):
    """Why an intent was not approved, the most severe first."""

    CANNOT_JUDGE = auto()
    BAD_IDENTITY = auto()
    UNKNOWN_WORKFLOW = auto()
    KILLED = auto()
    CONTROL_REFUSED = auto()
    VOTE_REFUSED = auto()
    ID_CONFLICT = auto()
    BAD_INTENT = auto()
    RUN_NOT_YOURS = auto()
    RUN_ENDED = auto()
    RUN_FINISHED = auto()
    RUN_LATCHED = auto()
    TOO_MANY_DENIALS = auto()
    EXPIRED = auto()
    GRANT_ENDED = auto()
    HOLD_REJECTED = auto()
    HOLD_WITHDRAWN = auto()
    HOLD_EXPIRED = auto()
    CONTRACT_REFUSED = auto()
    CONTRACT_EXPIRED = auto()
    CONTRACT_DENIED = auto()
    CONTRACT_REQUIRED = auto()
    UNSEEN_RESULTS = auto()
    TOOL_UNKNOWN = auto()
    TOOL_FROZEN = auto()
    TOOL_VERSION = auto()
    TOOL_DENIED = auto()
    TOOL_NOT_ALLOWED = auto()
    READ_ONLY = auto()
    PARAMS_NOT_JSON = auto()
    PARAMS_SCHEMA = auto()
    RULE_FAILED = auto()
    RULE_DENIED = auto()
    HISTORY_EXCEEDED = auto()
    CEDAR_FAILED = auto()
    CEDAR_DENIED = auto()
    COST_INVALID = auto()
    RECORDS_INVALID = auto()
    OUTPUT_TOO_LARGE = auto()
    CALLS_EXCEEDED = auto()
    BUDGET_EXCEEDED = auto()
    BLAST_RADIUS = auto()
    RATE_LIMITED = auto()
    ATTEMPTS_LIMITED = auto()
    HOLDS_EXCEEDED = auto()
    HISTORY_REQUIRED = auto()
    READ_FIRST = auto()
    HELD_BY_RULE = auto()
    DRAFTED = auto()
    SHADOWED = auto()


@dataclass(frozen=True, slots=True)
class Entry:
    """What is fixed about a code. `for_agent` names no threshold: agents learn that, not by how much."""

    number: int
    meaning: str
    for_agent: str
    retryable: bool = False  # the same call may pass later, under a new id
    ends_case: bool = False  # nothing further can be said about such an intent
    effect: Effect = Effect.DENY
    do: Do = Do.STOP
    waivable: bool = False  # a grant may waive it: the policy says no, and nothing else does


TABLE: dict[Code, Entry] = {
    Code.CANNOT_JUDGE: Entry(
        28,
        "the gate failed while it judged; what cannot be judged is not approved",
        "The gate could not judge this intent. Tell a person; sending it again unchanged will not help.",
        ends_case=True,
    ),
    Code.BAD_IDENTITY: Entry(
        1,
        "key id unknown, MAC wrong, or the key belongs to another tenant or workflow",
        "This intent is not signed by its workflow's key. Check the client's key id, secret and workflow.",
        ends_case=True,
    ),
    Code.UNKNOWN_WORKFLOW: Entry(
        2,
        "no policy is loaded for this tenant and workflow",
        "No policy covers this workflow. Ask the workflow's owner to publish one.",
        ends_case=True,
    ),
    Code.KILLED: Entry(
        3,
        "an operator stopped this tenant, workflow, run, agent, tool or system",
        "An operator has stopped this. Stop work and report back.",
    ),
    Code.CONTROL_REFUSED: Entry(
        40,
        "a control record does not follow on what held before, or its policy set cannot be in force",
        "An operator's word changed nothing.",
    ),
    Code.VOTE_REFUSED: Entry(
        71,
        "a vote changes nothing: its hold is over, or its voter may not cast it",
        "This vote changed nothing.",
    ),
    Code.ID_CONFLICT: Entry(
        4,
        "the intent id was used before with other content",
        "This intent id was used before for something else. Use a new id for a new intent.",
        do=Do.AGAIN,
    ),
    Code.BAD_INTENT: Entry(
        12,
        "a field of the intent is malformed, too long, or at odds with another",
        "The intent is malformed. Correct the field that is named and send it under a new id.",
        ends_case=True,
        do=Do.CHANGE,
    ),
    Code.RUN_NOT_YOURS: Entry(
        5,
        "the run belongs to another tenant, workflow or agent",
        "This run belongs to somebody else. Use a run of your own.",
    ),
    Code.RUN_ENDED: Entry(
        6,
        "the run was idle for too long and has ended",
        "This run has ended because it was idle. Start a new run.",
    ),
    Code.RUN_FINISHED: Entry(
        7,
        "the run was finished by its agent",
        "This run is finished. Start a new run.",
    ),
    Code.RUN_LATCHED: Entry(
        8,
        "the run is latched: model spend has overdrawn one of its budgets",
        "This run is stopped because a budget is overdrawn. Report back to a person.",
    ),
    Code.TOO_MANY_DENIALS: Entry(
        9,
        "the run was denied too often and is latched",
        "This run was denied too often and is stopped. Report back to a person.",
    ),
    Code.EXPIRED: Entry(
        10,
        "the intent's ttl passed before it was decided",
        "The intent expired before it was decided. Send it again under a new id if it is still wanted.",
        do=Do.AGAIN,
    ),
    Code.GRANT_ENDED: Entry(
        76,
        "the grant without which the policy does not allow this call ended before it was decided",
        "An exception for this call ended before it was decided. Send it again under a new id if it is still wanted.",
        retryable=True,
        do=Do.AGAIN,
    ),
    Code.HOLD_REJECTED: Entry(
        72,
        "people have decided against this call",
        "People have rejected this call. Do not send it again; go on with other work or report back.",
    ),
    Code.HOLD_WITHDRAWN: Entry(
        73,
        "the workflow no longer wants this call",
        "This call was withdrawn.",
    ),
    Code.HOLD_EXPIRED: Entry(
        74,
        "nobody has decided about this call in time",
        "Nobody decided about this call in time. Report back; a person may ask for it again.",
    ),
    Code.CONTRACT_REFUSED: Entry(
        60,
        "a run contract does not count: it is malformed, comes late, or is the second of its run",
        "The contract of this run was not accepted. Whoever starts the run must send another before it begins.",
    ),
    Code.CONTRACT_EXPIRED: Entry(
        61,
        "the deadline of the run's contract has passed",
        "The time for this task is over. Stop work and report back.",
    ),
    Code.CONTRACT_DENIED: Entry(
        62,
        "the run's contract does not name this tool, or was made for another workflow",
        "This tool is not part of this task. Do without it, or report back to a person.",
    ),
    Code.CONTRACT_REQUIRED: Entry(
        63,
        "the policy wants a contract for every run, and this run has none yet",
        "Nobody has said yet what this run may do. Wait, then send the call again under a new id.",
        retryable=True,
        do=Do.WAIT,
    ),
    Code.UNSEEN_RESULTS: Entry(
        11,
        "results_seen_to lies beyond the end of the run's results",
        "The intent names results that do not exist. Read the results again and name the last one read.",
        do=Do.AGAIN,
    ),
    Code.TOOL_UNKNOWN: Entry(
        13,
        "the catalogue has no tool of this name",
        "There is no tool of this name. Use one of the tools that you were given.",
    ),
    Code.TOOL_FROZEN: Entry(
        70,
        "the tool is not as it was accepted: its schema, version, description or effect changed, or it is new",
        "This tool changed and nobody has accepted the change yet. Do without it, or report back to a person.",
    ),
    Code.TOOL_VERSION: Entry(
        14,
        "the catalogue has another version of this tool",
        "This tool has another version now. Read its description again.",
    ),
    Code.TOOL_DENIED: Entry(
        15,
        "the policy's denied_tools names this tool",
        "This workflow must not use this tool. Find another way or report back to a person.",
        waivable=True,
    ),
    Code.TOOL_NOT_ALLOWED: Entry(
        16,
        "the policy's allowed_tools does not name this tool",
        "This workflow may not use this tool. Find another way or report back to a person.",
        waivable=True,
    ),
    Code.READ_ONLY: Entry(
        17,
        "the workflow is in read-only mode and the tool writes",
        "This workflow may only read at present. Report what you would have changed.",
    ),
    Code.PARAMS_NOT_JSON: Entry(
        18,
        "the parameters are no strict JSON object",
        "The parameters are no valid JSON object. Send one object without duplicate keys or huge numbers.",
        do=Do.CHANGE,
    ),
    Code.PARAMS_SCHEMA: Entry(
        19,
        "the parameters do not fit the tool's schema",
        "The parameters do not fit the tool's schema. Correct them and send a new intent.",
        do=Do.CHANGE,
    ),
    Code.RULE_FAILED: Entry(
        29,
        "a rule of the policy could not be evaluated for these parameters; what cannot be judged is not approved",
        "A rule of this workflow could not be evaluated for these parameters. Correct them or report back.",
        do=Do.CHANGE,
    ),
    Code.RULE_DENIED: Entry(
        30,
        "a rule of the policy denies this call",
        "A rule of this workflow does not allow this call as it is. Change what the rule names or report back.",
        do=Do.CHANGE,
        waivable=True,
    ),
    Code.HISTORY_EXCEEDED: Entry(
        50,
        "the run has done this as often, or for as much, as the policy allows",
        "This run may not do this again, or not for so much. Finish with what you have or report back.",
    ),
    Code.CEDAR_FAILED: Entry(
        41,
        "a Cedar policy could not be evaluated for this call; what cannot be judged is not approved",
        "A policy of this workflow could not be evaluated for these parameters. Correct them or report back.",
        do=Do.CHANGE,
    ),
    Code.CEDAR_DENIED: Entry(
        42,
        "the workflow's Cedar policies do not allow this call: a forbid matches, or no permit does",
        "A policy of this workflow does not allow this call as it is. Change what it names or report back.",
        do=Do.CHANGE,
        waivable=True,
    ),
    Code.COST_INVALID: Entry(
        20,
        "the cost of this call cannot be told from the catalogue and the parameters",
        "The cost of this call cannot be told from its parameters. Correct them or report back to a person.",
        do=Do.CHANGE,
    ),
    Code.RECORDS_INVALID: Entry(
        21,
        "the records that this call touches cannot be told from its parameters",
        "The records that this call touches cannot be told. Name them in the parameters.",
        do=Do.CHANGE,
    ),
    Code.OUTPUT_TOO_LARGE: Entry(
        22,
        "what the gate would have to write is larger than its topic takes",
        "The intent is too large. Send less, or a reference.",
        do=Do.CHANGE,
    ),
    Code.CALLS_EXCEEDED: Entry(
        23,
        "the run has used all its tool calls",
        "This run may make no further tool calls. Finish with what you have.",
    ),
    Code.BUDGET_EXCEEDED: Entry(
        24,
        "a cost limit or budget has too little room for this call",
        "The budget has too little room for this call. Finish with what you have or report back.",
    ),
    Code.BLAST_RADIUS: Entry(
        25,
        "the call would touch more distinct records than the policy allows",
        "This call would touch too many different records. Stay with the records of this task.",
    ),
    Code.RATE_LIMITED: Entry(
        26,
        "calls came faster than a rate of the policy allows",
        "Too fast. Wait and send the call again under a new id.",
        retryable=True,
        do=Do.WAIT,
    ),
    Code.ATTEMPTS_LIMITED: Entry(
        27,
        "intents came faster than attempts are counted out, approved or not",
        "Too many intents in a short time. Slow down, then send it again under a new id.",
        retryable=True,
        do=Do.WAIT,
    ),
    Code.HOLDS_EXCEEDED: Entry(
        75,
        "too much waits for people in this run already",
        "Too many calls of this run wait for people. Go on when they have decided.",
        retryable=True,
        do=Do.WAIT,
    ),
    Code.HISTORY_REQUIRED: Entry(
        51,
        "the policy asks for an earlier call that the run has not made",
        "Another call must come before this one. Make it, then send this one again under a new id.",
        retryable=True,
        effect=Effect.READ_FIRST,
        do=Do.READ_FIRST,
    ),
    Code.READ_FIRST: Entry(
        31,
        "a rule wants something read before this call: the run has not read it yet, or not lately",
        "Something must be read before this call can be judged. Read it, then send the call again under a new id.",
        retryable=True,
        effect=Effect.READ_FIRST,
        do=Do.READ_FIRST,
    ),
    Code.HELD_BY_RULE: Entry(
        32,
        "a rule of the policy, or its tier, holds this call until people have decided",
        "People decide about this call. Do not send it again; go on with other work or report back.",
        effect=Effect.HOLD,
        do=Do.ASK,
        waivable=True,
    ),
    Code.DRAFTED: Entry(
        33,
        "a rule of the policy, or its mode, turns this write into a draft",
        "This call became a draft that people may carry out. Nothing was changed. Do not send it again.",
        effect=Effect.DRAFT,
        do=Do.NOTHING,
        waivable=True,
    ),
    Code.SHADOWED: Entry(
        34,
        "the policy, or this run of it, is in shadow: what it would have decided is recorded, nothing is commanded",
        "This was recorded for comparison only. Nothing was decided or changed here.",
        effect=Effect.RECORD,
        do=Do.NOTHING,
    ),
}
