"""One record has one encoding, and everything else is refused with a reason."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest
from fastavro import schemaless_reader, schemaless_writer
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import astuple

from toolgate.schemas import bundle
from toolgate.schemas.bundle import INPUT_BYTES_MAX, SUBJECTS, Schema
from toolgate.schemas.codec import Codec, DecodeCode, DecodeError, EncodeError, body_digest
from toolgate.schemas.records import AuditEvent, Control, Intent, Op, Pulse, Reason, Result, Tick
from toolgate.schemas.registry import RegistryError, bundled

LONGS = st.integers(-(2**63), 2**63 - 1)
INTS = st.integers(-(2**31), 2**31 - 1)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)
INTENT = Intent("i-1", "call", "acme", "billing", "run-1", "agent-1", "refund", params='{"a":1}', reason="x")
CODECS = {subject.stem: Codec(subject.record_type) for subject in SUBJECTS}
HEADER = CODECS["intent"].encode(INTENT)[:5]
BODY = CODECS["intent"].encode(INTENT)[5:]


PRIMITIVES = {"null": st.none(), "string": TEXT, "boolean": st.booleans(), "long": LONGS, "int": INTS}


def data_of(schema: Any, named: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Data of a parsed schema in the form that fastavro writes."""
    if isinstance(schema, list):
        return st.one_of([data_of(branch, named).map(lambda v, b=branch: tag(b, v)) for branch in schema])
    if isinstance(schema, str):
        return PRIMITIVES[schema] if schema in PRIMITIVES else data_of(named[schema], named)
    if "name" in schema:
        named[schema["name"]] = schema
    match schema["type"]:
        case "array":
            found = st.lists(data_of(schema["items"], named), max_size=3)
        case "map":
            found = st.dictionaries(TEXT, data_of(schema["values"], named), max_size=3)
        case "enum":
            found = st.sampled_from(schema["symbols"])
        case "record":
            found = st.fixed_dictionaries({f["name"]: data_of(f["type"], named) for f in schema["fields"]})
        case other:
            found = data_of(other, named)
    return found


def tag(branch: Any, value: Any) -> Any:
    """A record in a union carries its name."""
    return (branch["name"], value) if isinstance(branch, dict) and branch["type"] == "record" else value


def values_of(found: Any) -> Any:
    """Only the values, in order: the same for a record and for the data that fastavro makes of its bytes."""
    if isinstance(found, tuple) and len(found) == 2 and isinstance(found[1], dict):  # a name and its record
        return [found[0].removeprefix("toolgate.").lower(), values_of(found[1])]
    if isinstance(found, dict):
        return [values_of(item) for item in found.values()]
    if isinstance(found, list | tuple):
        return [values_of(item) for item in found]
    if isinstance(found, Struct):
        return [values_of(value) for value in astuple(found)]
    return found


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.stem)
def test_records_are_what_fastavro_makes_of_the_bytes(subject):
    """The codec and fastavro agree on every byte, both ways."""
    schema = bundle.schemas(subject.stem)[-1].runtime
    codec = CODECS[subject.stem]

    @settings(max_examples=60, deadline=None)
    @given(data_of(schema, {}))
    def agree(data):
        out = BytesIO()
        schemaless_writer(out, schema, data)
        value = codec.encode(codec.decode(codec.header + out.getvalue()))
        assert value[5:] == out.getvalue()
        again = schemaless_reader(BytesIO(value[5:]), schema, None, return_record_name=True)
        assert again == data
        assert values_of(codec.decode(value)) == values_of(again)

    agree()


def test_reading_gives_record_schema_and_the_digest_of_the_body():
    """The digest leaves the header out: registries may number the same schema differently."""
    value = CODECS["intent"].encode(INTENT)
    read = CODECS["intent"].read(value)
    assert read.record == INTENT == CODECS["intent"].decode(value)
    assert read.schema_id == CODECS["intent"].schema_id == int.from_bytes(value[1:5], "big")
    assert read.digest == body_digest(value) == body_digest(b"\x00\x00\x00\x00\x07" + value[5:])
    assert len(read.digest) == 32


LONG_INTENT = CODECS["intent"].encode(
    Intent("i", "call", "t", "w", "r", "a", params="x" * (INPUT_BYTES_MAX - 30))
)
VALUE = HEADER + BODY
PULSE = CODECS["pulse"].encode(Pulse("t", "w", "0", 0, 0, 0, 0, 0, 0, 0, 0, 0, {"A": 1}, {}))
RESULT = CODECS["result"].encode(Result("c", "i", "r", "t", "d", "ok", "e", actual_records=("a", "b")))
KIND_AT = 1 + len("i-1") + 5


@pytest.mark.parametrize(
    ("stem", "value", "code"),
    [
        ("intent", None, DecodeCode.TOMBSTONE),
        ("intent", LONG_INTENT + bytes(100), DecodeCode.OVERSIZE),
        ("intent", b"", DecodeCode.BAD_MAGIC),
        ("intent", b"\x00\x00", DecodeCode.BAD_MAGIC),
        ("intent", b"\x01" + VALUE[1:], DecodeCode.BAD_MAGIC),
        ("intent", b'{"intent_id": "i-1"}', DecodeCode.BAD_MAGIC),
        ("intent", b"\x00\xff\xff\xff\xff" + BODY, DecodeCode.UNKNOWN_SCHEMA),
        ("intent", b"\x00\x00\x00\x00\x01" + BODY, DecodeCode.UNKNOWN_SCHEMA),
        ("intent", PULSE, DecodeCode.WRONG_SCHEMA),
        ("tick", VALUE, DecodeCode.WRONG_SCHEMA),
        ("intent", HEADER, DecodeCode.MALFORMED),
        ("intent", VALUE[:-1], DecodeCode.MALFORMED),
        ("intent", VALUE[:12], DecodeCode.MALFORMED),
        ("intent", VALUE + b"\x00", DecodeCode.NOT_CANONICAL),
        ("intent", VALUE + VALUE, DecodeCode.NOT_CANONICAL),
        # a length in two bytes where one will do, a negative length, one beyond the end, one of eleven bytes
        ("intent", HEADER + b"\x86\x00" + BODY[1:], DecodeCode.NOT_CANONICAL),
        ("intent", HEADER + b"\x05" + BODY[1:], DecodeCode.MALFORMED),
        ("intent", HEADER + b"\x81\x01" + BODY[1:], DecodeCode.MALFORMED),
        ("intent", HEADER + b"\xfe\xff\xff\xff\x0f" + BODY[1:], DecodeCode.MALFORMED),
        ("intent", HEADER + b"\xff" * 11 + BODY[1:], DecodeCode.MALFORMED),
        ("intent", HEADER + b"\xff" * 80_000, DecodeCode.MALFORMED),
        # text that is not UTF-8, and a surrogate in it
        ("intent", HEADER + b"\x06\xff\xfe\xfd" + BODY[4:], DecodeCode.MALFORMED),
        ("intent", HEADER + b"\x06\xed\xa0\x80" + BODY[4:], DecodeCode.MALFORMED),
        # an enum: no such symbol, and a negative index, which would count from the end
        ("intent", VALUE[:9] + b"\x06" + VALUE[10:], DecodeCode.MALFORMED),
        ("intent", VALUE[:9] + b"\x01" + VALUE[10:], DecodeCode.NOT_CANONICAL),
        # a boolean that is neither, a union branch that is none
        ("intent", VALUE[:-2] + b"\x02" + VALUE[-1:], DecodeCode.NOT_CANONICAL),
        ("intent", VALUE[:-1] + b"\x04", DecodeCode.MALFORMED),
        ("intent", VALUE[:-1] + b"\x01", DecodeCode.MALFORMED),
        # a map: a key that stands twice, two blocks
        (
            "pulse",
            PULSE.replace(b"\x02\x02A\x02\x00", b"\x04\x02A\x02\x02A\x02\x00"),
            DecodeCode.NOT_CANONICAL,
        ),
        (
            "pulse",
            PULSE.replace(b"\x02\x02A\x02\x00", b"\x02\x02A\x02\x02\x02B\x02\x00"),
            DecodeCode.MALFORMED,
        ),
        # an array: two blocks, a block with its size, a hundred million items
        ("result", RESULT.replace(b"\x04\x02a\x02b\x00", b"\x02\x02a\x02\x02b\x00"), DecodeCode.MALFORMED),
        ("result", RESULT.replace(b"\x04\x02a\x02b\x00", b"\x03\x08\x02a\x02b\x00"), DecodeCode.MALFORMED),
        ("result", RESULT.replace(b"\x04\x02a\x02b\x00", b"\x80\x84\xaf\x5f\x02a"), DecodeCode.MALFORMED),
        ("intent", CODECS["intent"].encode(INTENT).replace(b"i-1", b"i\x001"), DecodeCode.BAD_ID),
        ("intent", CODECS["intent"].encode(INTENT).replace(b"acme", b"\x00cme"), DecodeCode.BAD_ID),
        ("intent", CODECS["intent"].encode(INTENT).replace(b"refund", b"refun\x00"), DecodeCode.BAD_ID),
    ],
)
def test_a_value_that_is_not_right_is_refused_with_its_reason(stem, value, code):
    """Each way in which bytes can be wrong has one code, so that quarantine can be read by machines."""
    with pytest.raises(DecodeError) as caught:
        CODECS[stem].decode(value)
    assert caught.value.reason_code == code
    assert caught.value.detail


def test_the_positions_that_the_table_changes_are_where_it_says():
    """The rows above replace bytes of a known layout; this holds them to it."""
    assert BODY[:5] == b"\x06i-1\x00"
    assert BODY[-2:] == b"\x00\x00"
    assert PULSE.count(b"\x02\x02A\x02\x00") == 1
    assert RESULT.count(b"\x04\x02a\x02b\x00") == 1


@settings(deadline=None)
@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda body: HEADER + body))
def test_no_bytes_make_anything_but_a_decode_error(value):
    """There is one exception, whatever comes."""
    with pytest.raises(DecodeError):
        CODECS["intent"].decode(value)


@settings(deadline=None, max_examples=400)
@given(st.data())
def test_a_changed_value_is_refused_or_is_another_record(data):
    """No two values give one record: the digest stands for the content."""
    at = data.draw(st.integers(0, len(BODY) - 1))
    cut = data.draw(st.integers(0, 3))
    body = BODY[:at] + data.draw(st.binary(max_size=4)) + BODY[at + cut :]
    try:
        record = CODECS["intent"].decode(HEADER + body)
    except DecodeError:
        return
    assert (record == INTENT) == (body == BODY)
    assert CODECS["intent"].encode(record) == HEADER + body


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        (Intent("i", "shout", "t", "w", "r", "a"), "KeyError: 'shout'"),
        (Intent("i", "call", "t", "w", "r", "a", declared_cost_micros=0.5), "0.5 is no integer"),  # type: ignore[arg-type]
        (Intent("i", "call", "t", "w", "r", "a", declared_cost_micros=2**63), "is no integer of 64 bits"),
        (Intent("i", "call", "t", "w", "r", "a", ttl_ms="5"), "'5' is no integer"),  # type: ignore[arg-type]
        (Intent("i", "call", "t", "w", "r", "a", dry_run="no"), "KeyError: 'no'"),  # type: ignore[arg-type]
        (Intent("i", "call", "t", "w", "r", "a", declared_records="INV-1"), "str where a tuple belongs"),  # type: ignore[arg-type]
        (Intent("i", "call", "t", "w", "r", "a", params={}), "unhashable type: 'dict'"),  # type: ignore[arg-type]
        (Intent("i", "call", "t", "w", "r", None), "None is no string"),  # type: ignore[arg-type]
        (Intent("i", "call", "t", "w", "r", "\ud800"), "UnicodeEncodeError"),
        (Intent("i", "call", "t\x00", "w", "r", "a"), "NUL character in a name or id"),
        (
            Intent("i", "call", "t", "w", "r", "a", params="x" * INPUT_BYTES_MAX),
            "at most 98304: keep large content",
        ),
        (Tick("r", "w", "x", 1), "object has no attribute 'intent_id'"),
    ],
)
def test_a_record_that_could_not_be_read_back_is_not_written(record, problem):
    """The writer hears of a mistake at once, not the reader."""
    with pytest.raises(EncodeError, match=problem):
        CODECS["intent"].encode(record)


def test_a_map_that_is_none_is_not_written():
    """A contract's values are a dict of tuples."""
    with pytest.raises(EncodeError, match="list where a dict belongs"):
        CODECS["pulse"].encode(Pulse("t", "w", "0", 0, 0, 0, 0, 0, 0, 0, 0, 0, [], {}))  # type: ignore[arg-type]


def audit(*ops: Op) -> AuditEvent:
    """An event with these operations."""
    reason = Reason("MAX_COST", "limits.max_cost_usd", "x", "run", "usd_micros", 38, 35, 3)
    texts = ["i", "d", "d", "t", "w", "r", "a", "tool", "1"]
    head = (7, "g", 0, 10, 6, (), "intents", 0, 3, 9, True, "APPROVE")
    return AuditEvent(*head, *texts, False, "0-3", 5, (reason,), ops, (), "p", 1, "0.1", "k")


OPS = (
    Op(
        "reserve",
        (
            "0-3",
            99,
            "d",
            "tool",
            (("run:r:cost", "usd_micros", 5, 35, "spend", 9),),
            (("run:r:records", 0, 9),),
        ),
    ),
    Op("settle", ("0-2", "late", (("run:r:cost", 3, 2, 0),), ("I-1", "I-2"))),
    Op("spend", ("run:r:cost", 3, 1, 0)),
    Op("rate", ("run:r:rate", 1_000, 9)),
    Op("window", ("run:r:records", ("INV-1", "INV-2"), 60_000, 9)),
    Op("count", ("run:r:calls", -1, 9)),
    Op("own", ("r", "t/w/a", 9)),
    Op("remember", ("r", "invoice", '{"total":5}', True, 99)),
)


def test_every_operation_comes_back_as_it_was():
    """The ledger's fold works on what is read here, to the integer."""
    codec = CODECS["audit_event"]
    assert codec.decode(codec.encode(audit(*OPS))).ops == OPS


@pytest.mark.parametrize(
    ("op", "problem"),
    [
        (Op("lend", ("x",)), "KeyError: 'lend'"),
        (Op("count", ("run:r:calls", 1)), "not enough values"),
        (Op("count", ("run:r:calls", 1, 9, 9)), "too many values"),
        (Op("settle", ("0-2", "early", (), ())), "KeyError: 'early'"),
        (Op("rate", ("k", 1.5, 9)), "1.5 is no integer"),
    ],
)
def test_an_operation_that_is_not_whole_is_not_written(op, problem):
    """A short tuple must not become another operation's bytes."""
    with pytest.raises(EncodeError, match=problem):
        CODECS["audit_event"].encode(audit(op))


def test_names_with_nul_are_only_refused_where_they_come_in():
    """What the gate writes repeats checked names, and an output that cannot be written would stop it."""
    control = Control("c", "kill", "run", "r", "why\x00", ("k",))
    assert CODECS["control"].decode(CODECS["control"].encode(control)) == control
    with pytest.raises(EncodeError, match="NUL"):
        CODECS["control"].encode(Control("c\x00", "kill", "run", "r", "why", ("k",)))


class Numbers:
    """A registry that knows one more schema than the bundled one, or that does not answer."""

    def __init__(self, extra: dict[int, Schema], *, silent: bool = False) -> None:
        self._extra = extra
        self._silent = silent

    def id_of(self, schema: Schema) -> int:
        """The bundled id."""
        return bundled().id_of(schema)

    def find(self, schema_id: int) -> Schema | None:
        """The extra schemas."""
        if self._silent:
            raise RegistryError("nobody is there")
        return self._extra.get(schema_id)


def older(stem: str, *without: str) -> Schema:
    """A schema that an earlier version might have had: without some fields, and with one that was dropped."""
    newest = bundle.schemas(stem)[-1]
    text = json.loads(newest.text)
    text["fields"] = [field for field in text["fields"] if field["name"] not in without]
    text["fields"].append({"name": "mood", "type": "string", "doc": "Dropped since.", "default": ""})
    return bundle.read_schema(newest.subject, 0, json.dumps(text))


def write(schema: Schema, data: dict[str, Any]) -> bytes:
    """A value of the schema under id 7."""
    out = BytesIO()
    schemaless_writer(out, schema.runtime, data)
    return b"\x00\x00\x00\x00\x07" + out.getvalue()


def test_values_of_an_older_version_are_read_with_defaults():
    """The log is kept for ever: what was written under version 1 stays readable, with the digest it had."""
    schema = older("intent", "dry_run", "tool_version")
    data = {
        "intent_id": "i", "kind": "call", "tenant": "t", "workflow_id": "w", "run_id": "r", "agent_id": "a",
        "tool": "x", "params": "{}", "reason": "", "declared_records": ["b"], "ttl_ms": 5, "mood": "fine",
    }  # fmt: skip
    value = write(schema, data)
    read = Codec(Intent, Numbers({7: schema})).read(value)
    assert read.record == Intent("i", "call", "t", "w", "r", "a", "x", declared_records=("b",), ttl_ms=5)
    assert read.schema_id == 7
    assert read.digest == body_digest(value)


def test_operations_of_an_older_version_are_read():
    """A union of records keeps its branches through resolution."""
    schema = older("audit_event", "captured", "body_key_id")
    newest = CODECS["audit_event"]
    data = schemaless_reader(
        BytesIO(newest.encode(audit(*OPS))[5:]), newest.newest.runtime, None, return_record_name=True
    )
    value = write(schema, data | {"mood": "x"})
    assert Codec(AuditEvent, Numbers({7: schema})).decode(value) == audit(*OPS)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda value: value + b"\x00", DecodeCode.NOT_CANONICAL),
        (lambda value: value[:-1], DecodeCode.MALFORMED),
        (lambda value: value[:5] + b"\x82\x00" + value[6:], DecodeCode.NOT_CANONICAL),
        (lambda value: value.replace(b"acme", b"acm\x00"), DecodeCode.BAD_ID),
    ],
)
def test_values_of_an_older_version_are_read_as_strictly(change, code):
    """An old id is no way around the checks."""
    schema = older("intent", "run_outcome")
    data = {
        "intent_id": "i",
        "kind": "call",
        "tenant": "acme",
        "workflow_id": "w",
        "run_id": "r",
        "agent_id": "a",
    }
    value = write(
        schema, data | {"tool": "", "params": "{}", "reason": "", "dry_run": False, "declared_records": []}
    )
    codec = Codec(Intent, Numbers({7: schema}))
    assert codec.decode(value).tenant == "acme"
    with pytest.raises(DecodeError) as caught:
        codec.decode(change(value))
    assert caught.value.reason_code == code


def test_a_registry_that_does_not_answer_is_its_own_reason():
    """The value may be right: the gate can wait instead of putting it away."""
    with pytest.raises(DecodeError, match="nobody is there") as caught:
        Codec(Intent, Numbers({}, silent=True)).decode(b"\x00\x00\x00\x00\x07" + BODY)
    assert caught.value.reason_code == DecodeCode.REGISTRY_UNAVAILABLE
