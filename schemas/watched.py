"""Records of the watch: what it is told by the gate and by people, and what it tells people on call."""

from __future__ import annotations

from toolgate.schemas.frozen import frozen


@frozen
class Level:
    """How full the fullest account of one limit is."""

    rule: str  # "limits.max_cost_usd", "budgets[0]", "blast_radius[0]"
    scope: str
    account: str
    unit: str
    used: int
    max: int


@frozen
class Pulse:
    """One rollup for one batch, workflow and policy version (`toolgate.pulse`)."""

    tenant: str
    workflow_id: str
    partition_set: str
    clk: int
    intents: int
    approved: int
    denied: int
    held: int
    drafted: int
    quarantined: int
    duplicates: int
    cost_micros: int
    codes: dict[str, int]  # reason code -> count
    tools: dict[str, int]  # tool -> count
    would_have: dict[str, int] = {}  # verdict if nothing were in shadow -> count  # noqa: RUF012
    policy_digest: str = ""  # the version; of results and votes that of their command or hold
    finished: dict[str, int] = {}  # run outcome -> runs  # noqa: RUF012
    results: dict[str, int] = {}  # how commands ended, of ends that counted -> count  # noqa: RUF012
    tool_errors: dict[str, int] = {}  # tool -> ends in error or unknown  # noqa: RUF012
    words: dict[str, int] = {}  # choice of votes that counted -> count  # noqa: RUF012
    settled_micros: int = 0  # what ended commands really cost, and model spend
    detected: int = 0  # commands whose end showed them wrong
    detection_ms: int = 0  # sum over them, from the command's approval to the append of its end
    detection_ms_max: int = 0
    records: dict[str, int] = {}  # distinct records in the fullest blast radius -> calls  # noqa: RUF012
    levels: tuple[Level, ...] = ()  # the fullest account of each limit, of shared budgets those half used
    active: tuple[str, ...] = ()  # runs of which a call was approved
    ended: tuple[str, ...] = ()  # runs that reported their outcome


@frozen
class Review:
    """What a person finds of a completed command when they look at it afterwards (`toolgate.reviews`)."""

    review_id: str
    command_id: str
    tenant: str  # this and the next three are the command's
    workflow_id: str  # key of the record
    run_id: str
    policy_digest: str
    reviewer: str  # key id
    finding: str  # Finding
    comment: str = ""
    minutes: int = 0  # that it took
    approved_at: int = 0  # when the command was approved; 0: not told


@frozen
class Alert:
    """What people on call should see (`toolgate.alerts`): what has one cause has one id, however often it is told."""

    alert_id: str  # key of the record
    kind: str  # AlertKind; readers meet others too
    severity: str  # Severity
    tenant: str  # "" where it is about no single one; likewise workflow_id and run_id
    workflow_id: str
    run_id: str
    subject: str  # id of what it is about: a command, or a control record; "" for none
    summary: str  # one sentence for people
    evidence: str  # JSON object; never parameters of a call
    seq: int  # of its cause; 0 for none
    clk: int
