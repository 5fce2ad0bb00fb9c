"""Contract: an intent says what it must, as it must, and its parameters fit the tool's schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolgate.processors.case import deny
from toolgate.processors.claims import AMOUNT_MAX
from toolgate.processors.names import id_fault, is_id
from toolgate.processors.placement import astray
from toolgate.processors.reasons import Code
from toolgate.processors.tool_lock import LOCK
from toolgate.schemas.enums import Kind
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Reason
from toolgate.schemas.strict_json import JsonError, digest, read_strict

if TYPE_CHECKING:
    from toolgate.processors.case import Case, Envelope
    from toolgate.processors.catalogue import Tool
    from toolgate.processors.world import World
    from toolgate.schemas.records import Intent

PARAMS_BYTES_MAX = 96 * 1024
PARAMS_DEPTH_MAX = 32
RECORDS_MAX = 256
RECORD_CHARS_MAX = 256
REASON_CHARS_MAX = 4_096
OUTCOMES = frozenset({"succeeded", "failed", "abandoned"})


def contract(case: Case, world: World) -> Case:
    """Refuse malformed intents, unknown tools and versions, and parameters that do not fit the schema."""
    intent = case.intent
    if fault := _fault(intent, case.envelope, world.partitions):
        return deny(case, Reason(Code.BAD_INTENT, "contract", fault))
    reasons: list[Reason] = []
    params: dict[str, Any] | None = None
    params_digest = ""
    try:
        params, canonical = read_strict(intent.params, max_bytes=PARAMS_BYTES_MAX, max_depth=PARAMS_DEPTH_MAX)
        params_digest = digest(canonical)
    except JsonError as error:
        reasons.append(Reason(Code.PARAMS_NOT_JSON, "params", error.detail[:200]))
    tool = world.policies.tools.get(intent.tool) if intent.kind == Kind.CALL else None
    if intent.kind == Kind.CALL:
        reasons += _tool_reasons(intent, tool, params)
    if case.unseen:
        because = f"results_seen_to is {intent.results_seen_to}, and nothing lies there that could be read"
        reasons.append(Reason(Code.UNSEEN_RESULTS, "results_seen_to", because))
    case = changed(case, params=params, params_digest=params_digest, tool=tool)
    return deny(case, *reasons) if reasons else case


def _tool_reasons(intent: Intent, tool: Tool | None, params: dict[str, Any] | None) -> list[Reason]:
    if tool is None:
        return [Reason(Code.TOOL_UNKNOWN, "tools", f"the catalogue has no tool {intent.tool}")]
    reasons: list[Reason] = []
    if tool.frozen:
        because = f"{tool.name} is {tool.frozen} since its tools were accepted: see `toolgate tools list`"
        reasons.append(Reason(Code.TOOL_FROZEN, LOCK, because))
    if intent.tool_version is not None and intent.tool_version != tool.version:
        because = f"the catalogue has version {tool.version} of {tool.name}, not {intent.tool_version}"
        reasons.append(Reason(Code.TOOL_VERSION, "tools", because))
    if params is not None:
        reasons += (Reason(Code.PARAMS_SCHEMA, "params", fault) for fault in tool.schema.faults(params))
    return reasons


def _fault(intent: Intent, envelope: Envelope, partitions: int) -> str:
    """What is wrong with the intent's own fields, or ""."""
    call = intent.kind == Kind.CALL
    ids = (intent.intent_id, intent.tenant, intent.workflow_id, intent.run_id, intent.agent_id)
    if not all(map(is_id, ids)) or (call and not is_id(intent.tool)):
        return _id_fault(intent)
    if fault := astray(envelope, intent.run_id, partitions):
        return fault
    if len(intent.reason) > REASON_CHARS_MAX:
        return f"reason has {len(intent.reason):,} characters, at most {REASON_CHARS_MAX:,} are allowed"
    if intent.tool_version is not None and not is_id(intent.tool_version):
        return f"tool_version {id_fault(intent.tool_version)}"
    return _kind_fault(intent) or _amount_fault(intent) or _records_fault(intent.declared_records)


def _id_fault(intent: Intent) -> str:
    for name in ("intent_id", "tenant", "workflow_id", "run_id", "agent_id", "tool"):
        if fault := id_fault(getattr(intent, name)):
            return f"{name} {fault}"
    return ""


def _kind_fault(intent: Intent) -> str:
    if intent.kind == Kind.CALL:
        return "run_outcome belongs to an intent of kind finish" if intent.run_outcome is not None else ""
    if intent.tool:
        return f"an intent of kind {intent.kind} names no tool"
    if intent.kind == Kind.USAGE:
        return (
            ""
            if intent.declared_cost_micros is not None
            else "an intent of kind usage needs declared_cost_micros"
        )
    if intent.kind == Kind.FINISH:
        return (
            ""
            if intent.run_outcome in OUTCOMES
            else f"run_outcome must be one of {', '.join(sorted(OUTCOMES))}"
        )
    return "kind must be call, usage or finish"


def _amount_fault(intent: Intent) -> str:
    for name, value, least in (
        ("declared_cost_micros", intent.declared_cost_micros, 0),
        ("results_seen_to", intent.results_seen_to, 0),
        ("ttl_ms", intent.ttl_ms, 1),
    ):
        if value is not None and not least <= value <= AMOUNT_MAX:
            return f"{name} must be between {least} and 2^53 - 1"
    return ""


def _records_fault(records: tuple[str, ...]) -> str:
    if len(records) > RECORDS_MAX:
        return f"declared_records has {len(records):,} entries, at most {RECORDS_MAX} are allowed"
    for record in records:
        if not 0 < len(record) <= RECORD_CHARS_MAX:
            return f"a declared record has {len(record):,} characters, 1 to {RECORD_CHARS_MAX} are allowed"
    return ""
