"""Capture: what the audit shows of an intent beside digests and amounts: the policy's `logging.capture`.

Redacted paths, the policy's and the tool's, stay hidden whatever is captured. What is too large for an audit event
is left out as a whole: half of a JSON object would be none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolgate.processors.contract import PARAMS_DEPTH_MAX
from toolgate.processors.paths import steps, values_at
from toolgate.schemas.strict_json import dumps_canonical

if TYPE_CHECKING:
    from toolgate.processors.case import Case
    from toolgate.processors.paths import Steps
    from toolgate.schemas.records import Control

HIDDEN = "[redacted]"
CAPTURED_BYTES_MAX = 64 * 1024
_WRAPPED = 2  # an object of what is captured, a list of what stands at a path


def captured(case: Case) -> str:
    """A JSON object of what is captured of a judged case; "{}" where no policy asks for anything.

    At most 64 KiB of UTF-8; a larger one is `{"truncated": <its bytes>}`. `result_summary` is captured from
    results, not here.
    """
    policy = case.policy
    if policy is None or not policy.written.logging.capture:
        return "{}"
    params = _redacted(case)
    known: dict[str, Any] = {
        "tool_name": case.intent.tool,
        "params_hash": case.params_digest,
        "params": params,
        "reason": case.intent.reason,
        "records": list(case.records),
        "cost": case.cost_micros,
    }
    shown: dict[str, Any] = {}
    for name in policy.written.logging.capture:
        if name in known:
            shown[name] = known[name]
        elif name.startswith("params."):
            shown[name] = values_at(params, steps(name))
    return _bounded(shown)


def evidence_of(word: Control) -> str:
    """... and of a control record: the figures that it rests on, as the text that they came as; "{}" without any."""
    return _bounded({"evidence": word.evidence}) if word.evidence else "{}"


def hidden(case: Case) -> tuple[Steps, ...]:
    """The paths into a call's parameters that its policy or its tool redacts."""
    by_policy = case.policy.redact if case.policy else ()
    return (*by_policy, *(case.tool.redact if case.tool else ()))


def _redacted(case: Case) -> Any:
    return redacted(case.params or {}, hidden(case))


def _bounded(shown: dict[str, Any]) -> str:
    text = dumps_canonical(shown, max_depth=PARAMS_DEPTH_MAX + _WRAPPED)
    size = len(text.encode())
    return text if size <= CAPTURED_BYTES_MAX else dumps_canonical({"truncated": size})


def redacted(params: dict[str, Any], paths: tuple[Steps, ...]) -> Any:
    """Parameters with everything at these paths hidden; the given ones stay as they are."""
    shown: Any = params
    for path in paths:
        shown = _hidden(shown, path)
    return shown


def _hidden(value: Any, path: Steps) -> Any:
    if not path:
        return HIDDEN
    step, rest = path[0], path[1:]
    if step == "*" and isinstance(value, list):
        return [_hidden(item, rest) for item in value]
    if isinstance(value, dict) and step in value:
        return {**value, step: _hidden(value[step], rest)}
    return value
