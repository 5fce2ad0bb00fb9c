"""Hostile intents, each with what must become of it: the table behind docs/reference/hostile-input.md.

A row's maker gives the records to write, of which the last one is the hostile one; those before it are good.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from raw_produce import RawRecord, varint

from toolgate.processors.keyring import mac
from toolgate.processors.placement import partition_of
from toolgate.schemas.codec import Codec
from toolgate.schemas.headers import KID, MAC
from toolgate.schemas.records import Intent, Result

if TYPE_CHECKING:
    from typing import Any

    from toolgate.processors.keyring import ExecutorKey, IntentKey

PARTITIONS = 2
INTENTS = Codec(Intent)
RESULTS = Codec(Result)
HEADER = INTENTS.encode(Intent("i", "call", "t", "w", "r", "a"))[:5]
QUARANTINE, DENY, DUPLICATE = "QUARANTINE", "DENY", "DUPLICATE"


@dataclass(frozen=True, slots=True)
class Written:
    """A record with the partition it goes to."""

    record: RawRecord
    partition: int


@dataclass(frozen=True, slots=True)
class Signers:
    """The keys that a case may sign with: a workflow with a policy, and one that has none."""

    workflow: IntentKey
    ghost: IntentKey
    desk: ExecutorKey


Make = Callable[[Signers, str], list[Written]]


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of input: in words, its verdict, its first code, and how to make it (signers, a fresh id)."""

    words: str
    verdict: str
    code: str
    make: Make


# --- making -----------------------------------------------------------------------------------------------


def intent(signers: Signers, name: str, **fields: Any) -> Intent:
    """A good call of a run of its own, but for `fields`."""
    values: dict[str, Any] = {
        "intent_id": name,
        "kind": "call",
        "tenant": signers.workflow.tenant,
        "workflow_id": signers.workflow.workflow_id,
        "run_id": f"run-{name}",
        "agent_id": "ann",
        "tool": "look",
        "params": '{"id":"r1"}',
    }
    return Intent(**values | fields)


def signed(key: IntentKey | ExecutorKey, topic: str, name: bytes | None, value: bytes | None) -> RawRecord:
    """A record with its writer's key id and MAC."""
    headers = ((KID.encode(), key.kid.encode()), (MAC.encode(), mac(key.secret, topic, name, value)))
    return RawRecord(value, name, headers)


def written(record: RawRecord) -> Written:
    """A record in the partition that its key belongs to."""
    return Written(record, partition_of(record.key or b"", PARTITIONS))


def good(signers: Signers, name: str, **fields: Any) -> Written:
    """A signed intent as the SDK writes it."""
    wish = intent(signers, name, **fields)
    return written(signed(signers.workflow, "intents", wish.run_id.encode(), INTENTS.encode(wish)))


def _call(**fields: Any) -> Make:
    """An intent with these fields, rightly signed."""
    return lambda signers, name: [good(signers, name, **fields)]


def _params(params: str) -> Make:
    return _call(params=params)


def _bytes(change: Callable[[bytes], bytes | None]) -> Make:
    """An intent whose value was changed before it was signed: only its bytes are at fault."""

    def make(signers: Signers, name: str) -> list[Written]:
        wish = intent(signers, name)
        value = change(INTENTS.encode(wish))
        return [written(signed(signers.workflow, "intents", wish.run_id.encode(), value))]

    return make


def _field(before: bytes, after: bytes) -> Make:
    """A part of the body exchanged."""
    return _bytes(lambda value: value.replace(before, after, 1))


def _record(change: Callable[[Signers, RawRecord], RawRecord]) -> Make:
    """An intent whose record was changed after it was signed."""
    return lambda signers, name: [written(change(signers, good(signers, name).record))]


def _keyed(key: bytes | None) -> Make:
    """An intent signed under another key than its run_id."""

    def make(signers: Signers, name: str) -> list[Written]:
        value = INTENTS.encode(intent(signers, name))
        return [written(signed(signers.workflow, "intents", key, value))]

    return make


def _elsewhere(signers: Signers, name: str) -> list[Written]:
    made = good(signers, name)
    return [replace(made, partition=1 - made.partition)]


def _again(**fields: Any) -> Make:
    """An intent, and its id once more."""

    def make(signers: Signers, name: str) -> list[Written]:
        return [good(signers, name), good(signers, name, **fields)]

    return make


def _in_another_run(signers: Signers, name: str) -> list[Written]:
    """The other run lies in the same partition: between two of them nobody knows which comes first."""
    first = good(signers, name)
    others = (good(signers, name, run_id=f"run-{n}-{name}") for n in range(100))
    return [first, next(other for other in others if other.partition == first.partition)]


def _ghost(signers: Signers, name: str) -> list[Written]:
    wish = intent(signers, name, workflow_id=signers.ghost.workflow_id)
    return [written(signed(signers.ghost, "intents", wish.run_id.encode(), INTENTS.encode(wish)))]


def _other_workflow(signers: Signers, name: str) -> list[Written]:
    wish = intent(signers, name)
    return [written(signed(signers.ghost, "intents", wish.run_id.encode(), INTENTS.encode(wish)))]


def _of_results(signers: Signers, name: str) -> list[Written]:
    """The same bytes, signed for another topic."""
    wish = intent(signers, name)
    return [written(signed(signers.workflow, "results", wish.run_id.encode(), INTENTS.encode(wish)))]


def _result_of(name: str) -> bytes:
    return RESULTS.encode(Result("0-0", name, f"run-{name}", "look", "d" * 32, "ok", "desk"))


def _result(signers: Signers, name: str) -> list[Written]:
    return [written(signed(signers.workflow, "intents", f"run-{name}".encode(), _result_of(name)))]


def _headers(change: Callable[[tuple[Any, ...]], tuple[Any, ...]]) -> Make:
    return _record(lambda _, record: replace(record, headers=change(record.headers)))


# A body up to its list of declared records: strings, an enum, absent unions.
_TO_RECORDS = b"\x02i\x00\x02t\x02w\x02r\x02a\x08look\x00\x04{}\x00"

READ: tuple[Row, ...] = (
    Row("random bytes", QUARANTINE, "BAD_MAGIC", _bytes(lambda _: bytes(range(255, 155, -1)))),
    Row("no bytes at all", QUARANTINE, "BAD_MAGIC", _bytes(lambda _: b"")),
    Row("wrong magic byte", QUARANTINE, "BAD_MAGIC", _bytes(lambda value: b"\x01" + value[1:])),
    Row("fewer bytes than a header has", QUARANTINE, "BAD_MAGIC", _bytes(lambda value: value[:3])),
    Row(
        "unknown schema id",
        QUARANTINE,
        "UNKNOWN_SCHEMA",
        _bytes(lambda value: b"\x00\xff\xff\xff\xff" + value[5:]),
    ),
    Row("a whole record of another topic", QUARANTINE, "WRONG_SCHEMA", _result),
    Row("a header and no body (5 bytes)", QUARANTINE, "MALFORMED", _bytes(lambda value: value[:5])),
    Row("truncated body", QUARANTINE, "MALFORMED", _bytes(lambda value: value[:-7])),
    Row("trailing bytes", QUARANTINE, "NOT_CANONICAL", _bytes(lambda value: value + b"\x00")),
    Row(
        "five bytes that announce a list of 2^31 items",
        QUARANTINE,
        "MALFORMED",
        _bytes(lambda _: HEADER + _TO_RECORDS + varint(2**31)),
    ),
    Row(
        "five bytes that announce a text of 2^31 bytes",
        QUARANTINE,
        "MALFORMED",
        _bytes(lambda _: HEADER + varint(2**31)),
    ),
    Row("text of negative length", QUARANTINE, "MALFORMED", _bytes(lambda _: HEADER + varint(-9))),
    Row(
        "a number in more bytes than it needs",
        QUARANTINE,
        "NOT_CANONICAL",
        _field(b"\x06ann", b"\x86\x00ann"),
    ),
    Row("text that is not UTF-8", QUARANTINE, "MALFORMED", _field(b"ann", b"\xed\xa0\x80")),
    Row("a NUL character in an id", QUARANTINE, "BAD_ID", _field(b"ann", b"a\x00n")),
    Row("tombstone (no value)", QUARANTINE, "TOMBSTONE", _bytes(lambda _: None)),
    Row(
        "value above 96 KiB",
        QUARANTINE,
        "OVERSIZE",
        _bytes(lambda value: value + b"\x00" * (96 * 1024 + 1 - len(value))),
    ),
    Row("10,000 headers", QUARANTINE, "UNDELIVERABLE", _headers(lambda own: (*own, *[(b"h", b"")] * 10_000))),
    Row(
        "a header key that is not UTF-8",
        QUARANTINE,
        "UNDELIVERABLE",
        _headers(lambda own: (*own, (b"\xff\xfe", b"x"))),
    ),
    Row(
        "value length -2 in the batch",
        QUARANTINE,
        "UNDELIVERABLE",
        _record(lambda _, record: replace(record, value_length=-2)),
    ),
    Row(
        "key length -2 in the batch",
        QUARANTINE,
        "UNDELIVERABLE",
        _record(lambda _, record: replace(record, key_length=-2)),
    ),
    Row(
        "a record that says it stands one place further on",
        QUARANTINE,
        "UNDELIVERABLE",
        _record(lambda _, record: replace(record, offset_delta=1)),
    ),
    Row(
        "a record that says it stands 1,000 places further on",
        QUARANTINE,
        "UNDELIVERABLE",
        _record(lambda _, record: replace(record, offset_delta=1000)),
    ),
)

WRITER: tuple[Row, ...] = (
    Row("not signed", DENY, "BAD_IDENTITY", _headers(lambda _: ())),
    Row("key id without MAC", DENY, "BAD_IDENTITY", _headers(lambda own: own[:1])),
    Row("two MACs", DENY, "BAD_IDENTITY", _headers(lambda own: (*own, own[1]))),
    Row("MAC of no length", DENY, "BAD_IDENTITY", _headers(lambda own: (own[0], (own[1][0], None)))),
    Row("unknown key id", DENY, "BAD_IDENTITY", _headers(lambda own: ((own[0][0], b"nobody"), own[1]))),
    Row(
        "a key id of bytes that are no text",
        DENY,
        "BAD_IDENTITY",
        _headers(lambda own: ((own[0][0], b"\xff\x00\xfe"), own[1])),
    ),
    Row("signed for another topic", DENY, "BAD_IDENTITY", _of_results),
    Row("signed by another workflow's key", DENY, "BAD_IDENTITY", _other_workflow),
    Row(
        "an executor's key",
        DENY,
        "BAD_IDENTITY",
        _record(lambda signers, record: signed(signers.desk, "intents", record.key, record.value)),
    ),
    Row(
        "moved to another run after it was signed",
        DENY,
        "BAD_IDENTITY",
        _record(lambda _, record: replace(record, key=b"run-elsewhere")),
    ),
)

INTENT: tuple[Row, ...] = (
    Row("null key", DENY, "BAD_INTENT", _keyed(None)),
    Row("key that is not the run_id", DENY, "BAD_INTENT", _keyed(b"run-other")),
    Row("wrong partition for its key", DENY, "BAD_INTENT", _elsewhere),
    Row("id of 60,000 characters", DENY, "BAD_INTENT", _call(agent_id="a" * 60_000)),
    Row("id with a letter that only looks like ASCII", DENY, "BAD_INTENT", _call(agent_id="\u0430nn")),
    Row("negative cost", DENY, "BAD_INTENT", _call(declared_cost_micros=-1)),
    Row("cost above 2^53 - 1", DENY, "BAD_INTENT", _call(declared_cost_micros=2**53)),
    Row("cost of 2^53 - 1", DENY, "BUDGET_EXCEEDED", _call(declared_cost_micros=2**53 - 1)),
    Row("time to live below 1 ms", DENY, "BAD_INTENT", _call(ttl_ms=0)),
    Row("257 declared records", DENY, "BAD_INTENT", _call(declared_records=("r",) * 257)),
    Row("model spend that names a tool", DENY, "BAD_INTENT", _call(kind="usage")),
    Row("unknown workflow", DENY, "UNKNOWN_WORKFLOW", _ghost),
    Row("unknown tool", DENY, "TOOL_UNKNOWN", _call(tool="nothing")),
    Row("unknown version of a tool", DENY, "TOOL_VERSION", _call(tool_version="999")),
    Row("an id again with the same content", DUPLICATE, "", _again()),
    Row("an id again with other content", DENY, "ID_CONFLICT", _again(params='{"id":"r2"}')),
    Row("an id again in another run", DENY, "ID_CONFLICT", _in_another_run),
)

PARAMS: tuple[Row, ...] = (
    Row("parameters that are no JSON", DENY, "PARAMS_NOT_JSON", _params("{")),
    Row("JSON that is no object", DENY, "PARAMS_NOT_JSON", _params("[]")),
    Row("JSON with a key twice", DENY, "PARAMS_NOT_JSON", _params('{"id":"a","id":"b"}')),
    Row(
        "JSON 1,000 levels deep",
        DENY,
        "PARAMS_NOT_JSON",
        _params('{"id":' * 1000 + '"a"' + "}" * 1000),
    ),
    Row("JSON with 40,000 open brackets", DENY, "PARAMS_NOT_JSON", _params('{"id":' + "[" * 40_000)),
    Row("JSON with NaN", DENY, "PARAMS_NOT_JSON", _params('{"id":NaN}')),
    Row("JSON with 1e400", DENY, "PARAMS_NOT_JSON", _params('{"id":1e400}')),
    Row("JSON with an integer above 2^53 - 1", DENY, "PARAMS_NOT_JSON", _params('{"id":9007199254740993}')),
    Row(
        "JSON with an integer of 30,000 digits",
        DENY,
        "PARAMS_NOT_JSON",
        _params('{"id":' + "9" * 30_000 + "}"),
    ),
    Row("JSON with a lone surrogate", DENY, "PARAMS_NOT_JSON", _params('{"id":"\\ud800"}')),
    Row("parameters that the tool has not", DENY, "PARAMS_SCHEMA", _params('{"id":"a","all":true}')),
    Row("parameters of another type", DENY, "PARAMS_SCHEMA", _params('{"id":[]}')),
    Row(
        "a write whose record is an empty text",
        DENY,
        "RECORDS_INVALID",
        _call(tool="pay", params='{"id":""}'),
    ),
)

ROWS = (*READ, *WRITER, *INTENT, *PARAMS)
