"""Memos: what a run keeps of a call that was approved, so that facts can be made of its result.

A result names its command and not the call's parameters, and the call itself may lie far back in the log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolgate.processors.claims import FACT_BYTES_MAX, FACTS, RUN_KEEP_MS, Count, Remember
from toolgate.processors.facts import fields_of, history_keys, names_of, told_by_source
from toolgate.processors.remembering import key_told, remembered
from toolgate.schemas.enums import ResultStatus
from toolgate.schemas.frozen import frozen
from toolgate.schemas.strict_json import JsonError, dumps_canonical, loads_strict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from toolgate.processors.catalogue import Tool
    from toolgate.schemas.records import Result

_MEMO = "~memo\x1f"  # no fact has such a name
_BODY_BYTES_MAX = 1_048_576
_MAY_HAVE_LANDED = frozenset({ResultStatus.OK, ResultStatus.UNKNOWN})
_ENDS = {ResultStatus.OK: "landed", ResultStatus.ERROR: "failed", ResultStatus.UNKNOWN: "landed"}


@frozen
class Memo:
    """The parameters that the tool's `remember` looks at, and the call's digest where its history counts."""

    params: Mapping[str, Any]
    digest: str = ""

    @classmethod
    def read(cls, text: str) -> Memo:
        """What `memo_of` made."""
        found = loads_strict(text, max_bytes=FACT_BYTES_MAX)
        return cls(found["params"], found["digest"])


def memo_of(
    tool: Tool, run_id: str, command_id: str, params: Mapping[str, Any], digest: str
) -> Remember | None:
    """What an approval leaves for its result, or None. `digest`: of the parameters, "" where no history counts."""
    if not tool.remember and not digest:
        return None
    names = frozenset().union(*(entry.params for entry in tool.remember))
    kept = {name: params[name] for name in names if name in params}
    return Remember(run_id, _MEMO + command_id, dumps_canonical({"params": kept, "digest": digest}))


def told_by(
    result: Result, tool: Tool, facts: Mapping[str, str], offset: int
) -> tuple[Remember | Count, ...]:
    """What the run remembers of a command's end: facts of one that succeeded, and that it landed or failed.

    One whose end is not known may have landed, so it counts as if it had: it must not be run again. What such a write
    would have told is forgotten, since what was known of it before may no longer be true. `facts`: what the run
    remembers so far, with what the approval left.
    """
    name, run_id, status = _MEMO + result.command_id, result.run_id, ResultStatus(result.status)
    if name not in facts:
        # Too large to be kept, or forgotten: what the call was about, nobody knows any more.
        return tuple(_uncertain(result, tool, {}, facts, {}))
    memo = Memo.read(facts[name])
    found: list[Remember | Count] = [Remember(run_id, name, "")]
    told = remembered(tool.remember, memo.params, _body(result), offset) if status == ResultStatus.OK else {}
    found += _uncertain(result, tool, memo.params, facts, told)
    found += (Remember(run_id, fact, value, trusted) for fact, (value, trusted) in told.items())
    if memo.digest and (end := _ENDS.get(status)):
        keys = history_keys(run_id, tool.name, memo.digest)
        ends = (end, f"{end}_writes") if tool.writes else (end,)
        found += (Count(keys[one], 1, None, FACTS, RUN_KEEP_MS) for one in ends)
    return tuple(found)


def alters(result: Result) -> bool:
    """Whether a result may tell facts, or make its run forget some by what is known: one after the other, then."""
    return result.status in _MAY_HAVE_LANDED


def _uncertain(
    result: Result,
    tool: Tool,
    params: Mapping[str, Any],
    facts: Mapping[str, str],
    told: Mapping[str, tuple[str, bool]],
) -> Iterator[Remember]:
    """What a write has made untrue, or may have: the rows that it is about, and does not tell whole.

    Of one that landed and tells about a list, the rows that it does not name are none of it.
    """
    if not tool.writes or not alters(result):
        return
    names: dict[str, None] = {}
    for entry in tool.remember:
        own = [text for name, (text, _) in told.items() if told_by_source(name, entry.fact, entry.source)]
        whole = own and all(fields_of(text) >= {field for field, *_ in entry.fields} for text in own)
        if not whole and not (entry.each is not None and result.status == ResultStatus.OK):
            names |= dict.fromkeys(names_of(facts, entry.fact, key_told(entry, params)))
    yield from (Remember(result.run_id, name, "") for name in names)


def _body(result: Result) -> Any:
    """What the call returned; None where that is no JSON, or lies elsewhere."""
    try:
        # A result may be a list or a text: strict reading takes objects.
        found = loads_strict(f'{{"result":{result.body or "null"}}}', max_bytes=_BODY_BYTES_MAX)
    except JsonError:
        return None
    return found["result"] if len(found) == 1 else None
