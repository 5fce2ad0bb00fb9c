"""The typed records of every topic: one frozen dataclass for one Avro schema beside it.

A record's fields have the names, order and types of its `.avsc`; a test holds the two together. Times are
epoch milliseconds, money is integer micro-dollars (`_micros`), digests are lower-case hex of BLAKE2b-128.
Empty string means "none" only where a field says so; absence is otherwise `None`.
"""

from __future__ import annotations

from toolgate.schemas.frozen import frozen
from toolgate.schemas.parts import Balance, Op, Reason, Visible
from toolgate.schemas.watched import Alert, Level, Pulse, Review

__all__ = [
    "Alert",
    "AuditEvent",
    "Balance",
    "Command",
    "Control",
    "Denial",
    "Draft",
    "Hold",
    "Intent",
    "Level",
    "Op",
    "Outcome",
    "Pulse",
    "Reason",
    "Result",
    "Review",
    "RunContract",
    "Tick",
    "Visible",
    "Vote",
]


@frozen
class Intent:
    """An agent's wish to call a tool (`toolgate.intents`, schema ToolCallIntent)."""

    intent_id: str
    kind: str  # Kind
    tenant: str
    workflow_id: str
    run_id: str
    agent_id: str
    tool: str = ""  # "" for usage and finish
    tool_version: str | None = None  # None: whatever version the catalogue has
    params: str = "{}"  # canonical JSON object
    declared_cost_micros: int | None = None
    declared_records: tuple[str, ...] = ()
    reason: str = ""
    results_seen_to: int | None = None
    ttl_ms: int | None = None  # counts from the broker's append time
    dry_run: bool = False
    run_outcome: str | None = None  # finish: succeeded, failed, abandoned


@frozen
class Command:
    """What an executor may do (`toolgate.commands`, schema ApprovedCommand)."""

    command_id: str  # "<partition>-<offset>" of the intent: unique within a topic prefix
    intent_id: str
    seq: int
    ctl: int
    tenant: str
    workflow_id: str
    run_id: str
    agent_id: str
    tool: str
    tool_version: str
    params: str
    digest: str  # the intent's digest; a result must name it
    policy_digest: str
    idempotent: bool
    approved_at: int
    expires_at: int
    reserved_cost_micros: int
    records: tuple[str, ...] = ()
    system: str = ""  # the tool's system of record; "" when the catalogue names none
    grant: str = ""  # control id of the grant without which it would not be allowed; "" for none


@frozen
class Denial:
    """A refusal with its reasons, most severe first (`toolgate.denials`, schema Denial): the near-miss stream."""

    intent_id: str
    seq: int
    ctl: int
    clk: int
    partition: int
    offset: int
    tenant: str
    workflow_id: str
    run_id: str
    agent_id: str
    tool: str
    tool_version: str
    effect: str  # "read", "write", "irreversible" or "" where the tool is unknown
    digest: str
    params_digest: str
    policy_digest: str
    retryable: bool
    dry_run: bool
    cost_micros: int
    records: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()


@frozen
class Outcome:
    """What the agent is told (`toolgate.outcomes`, schema IntentOutcome): no parameters, no thresholds."""

    intent_id: str
    digest: str  # an id may be used by somebody else as well: it is an intent's outcome only with its digest
    seq: int
    verdict: str
    codes: tuple[str, ...] = ()
    retryable: bool = False
    repair: str = ""  # machine-readable hint, JSON; "" for none
    hold_id: str = ""
    command_id: str = ""  # "" unless approved
    dry_run: bool = False


@frozen
class Result:
    """What came of a command (`toolgate.results`, schema ToolCallResult): STARTED first, then one END."""

    command_id: str
    intent_id: str
    run_id: str
    tool: str
    digest: str  # the command's digest
    status: str  # ResultStatus
    executor_id: str
    body: str = ""  # JSON; bigger bodies are digest + URI
    body_digest: str = ""
    body_uri: str = ""
    error: str = ""
    actual_cost_micros: int | None = None
    actual_records: tuple[str, ...] | None = None
    provider_call_id: str = ""  # information only: providers reuse these
    tenant: str = (
        ""  # this and the next four are the command's, as its executor tells them; "" and 0: not told
    )
    workflow_id: str = ""
    policy_digest: str = ""
    approved_at: int = 0
    params_digest: str = ""


@frozen
class Control:
    """An operator's word (`toolgate.control`, schema ControlRecord)."""

    control_id: str
    kind: str  # kill, lift, activate, mode, grant; the schema names two more, which nothing acts on
    scope: str  # all, tenant, workflow, run, agent, tool, system
    value: str  # which one; "" for scope all
    reason: str
    issued_by: tuple[str, ...]  # key ids; a lift and a grant of tools need two
    policy_digest: str = ""  # activate
    mode: str = ""  # mode: may be a canary
    version: int = (
        0  # activate, mode, grant: one more than that of the word it replaces; lift: see control_state.py
    )
    policies_end: int = 0  # activate: the set stands whole below this offset of the policies topic
    rollback: bool = False  # activate: the set may have been in force before
    checked_by: str = ""  # activate: who has loaded the set: toolgate's version, with its extras
    expires_at: int | None = None  # grant
    evidence: str = ""  # mode: JSON; the figures that caused it
    tools: tuple[str, ...] = ()  # grant: globs; none end the grant that stands


@frozen
class AuditEvent:
    """One event for every input record (`toolgate.audit`): the truth that the ledger is a view of."""

    seq: int
    gen: str
    ctl: int
    clk: int
    stable: int
    visible: tuple[Visible, ...]
    topic: str  # logical name: intents, results, control
    partition: int
    offset: int
    append_time: int
    first: bool
    verdict: str
    intent_id: str
    digest: str
    params_digest: str
    tenant: str
    workflow_id: str
    run_id: str
    agent_id: str
    tool: str
    tool_version: str
    dry_run: bool
    command_id: str
    cost_micros: int
    reasons: tuple[Reason, ...]
    ops: tuple[Op, ...]
    balances: tuple[Balance, ...]
    policy_digest: str
    schema_id: int  # of the input record; 0 where it could not be read
    code_version: str
    kid: str  # who wrote the input; "" unknown
    captured: str = (
        "{}"  # JSON: what the policy's logging.capture asks for; of control the evidence of what counts
    )
    note: str = (
        ""  # results: settled, void, late, uncovered, unresolved, started, unknown, ended, mismatch, refused
    )
    after: int | None = None  # control: the seq after which it holds
    first_seq: int | None = None  # duplicate: the first decision's seq
    body_key_id: str | None = None  # reserved for sealing bodies per run
    would_have: str = ""  # the verdict if nothing were in shadow; "" where nothing is
    shadow_reasons: tuple[Reason, ...] = ()  # those that did not count, the most severe first
    grant: str = ""  # control id of the grant that the call was judged under; "" for none
    waived: tuple[Reason, ...] = ()  # those that did not count because of it, the most severe first


@frozen
class Hold:
    """A decision that waits for people, and each vote on it (`toolgate.holds`)."""

    hold_id: str
    intent_id: str
    seq: int
    clk: int
    tenant: str
    workflow_id: str
    run_id: str
    agent_id: str
    tool: str
    tool_version: str
    digest: str
    policy_digest: str
    approvals_needed: int
    roles: tuple[str, ...]
    expires_at: int
    state: str  # open, approved, denied, rejected, expired, withdrawn
    reasons: tuple[Reason, ...] = ()
    diff: str = "{}"  # JSON: what is asked beside what stands now
    cost_micros: int = 0
    records: tuple[str, ...] = ()
    body_topic: str = "intents"
    body_partition: int = 0
    body_offset: int = 0
    approvals: tuple[str, ...] = ()  # key ids of those who have approved so far
    vote_id: str = ""  # the vote that this state comes from; "" for none
    voter: str = ""
    choice: str = ""
    comment: str = ""
    refused: str = ""  # why that vote changed nothing; "" where it counts
    owner: str = ""  # as it was opened: who sees to it that somebody answers; "" none named
    answer_by: int = 0  # as it was opened: until when somebody should have; 0 unknown
    inverse: str = ""  # JSON: the call that undoes it; "" where the catalogue names none
    earlier: str = ""  # JSON: the run's last calls that told something; "" where none is known


@frozen
class Vote:
    """A person's word on what waits for people (`toolgate.votes`)."""

    vote_id: str
    hold_id: str  # release: the command, or the place of the record that could not be read
    run_id: str
    approver: str  # key id
    choice: str  # Choice
    digest: str
    policy_digest: str
    comment: str = ""
    intent: str = ""  # approve: the intent's value, base64; the gate judges it again
    intent_kid: str = ""
    intent_mac: str = ""  # hex
    tool: str = ""  # release: the command's
    happened: bool | None = None  # release of a command: whether its effect did
    cost_micros: int | None = None  # release: what it really cost; None: what was reserved
    tenant: str = ""  # release of a command: whose it is, and its workflow
    workflow_id: str = ""


@frozen
class Draft:
    """A write turned into a proposal (`toolgate.drafts`)."""

    draft_id: str
    intent_id: str
    seq: int
    clk: int
    tenant: str
    workflow_id: str
    run_id: str
    agent_id: str
    tool: str
    tool_version: str
    twin: str  # the tool that makes the draft, or "" for a proposal
    digest: str
    policy_digest: str
    state: str  # open, promoted, denied, rejected, expired, withdrawn
    reasons: tuple[Reason, ...] = ()
    body_topic: str = "intents"
    body_partition: int = 0
    body_offset: int = 0
    approvals_needed: int = 1
    roles: tuple[str, ...] = ()
    expires_at: int = 0
    approvals: tuple[str, ...] = ()  # key ids of those who have approved so far
    vote_id: str = ""  # the vote that this state comes from; "" for none
    voter: str = ""
    choice: str = ""
    comment: str = ""
    refused: str = ""  # why that vote changed nothing; "" where it counts
    owner: str = ""  # as it was opened: who sees to it that somebody answers; "" none named
    answer_by: int = 0  # as it was opened: until when somebody should have; 0 unknown
    diff: str = "{}"  # JSON: what is asked beside what stands now
    cost_micros: int = 0
    records: tuple[str, ...] = ()
    inverse: str = ""  # JSON: the call that undoes it; "" where the catalogue names none
    earlier: str = ""  # JSON: the run's last calls that told something; "" where none is known


@frozen
class RunContract:
    """What one run may touch, from whoever starts it, never from an agent (`toolgate.contracts`)."""

    contract_id: str
    tenant: str
    workflow_id: str
    run_id: str
    owner: str
    tools: tuple[str, ...]
    values: dict[str, tuple[str, ...]]  # name -> the values the request names
    max_cost_micros: int | None = None
    max_calls: int | None = None
    deadline: int | None = None


@frozen
class Tick:
    """Due work in a partition (`toolgate.ticks`)."""

    run_id: str
    what: str  # hold_expiry, reservation_expiry
    ref: str
    due_at: int
