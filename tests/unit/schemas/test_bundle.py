"""The schema files and the dataclasses say the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from msgspec import NODEFAULT
from msgspec.structs import fields

from toolgate.schemas import bundle, enums, records
from toolgate.schemas.binary import NESTED

SCHEMAS = [schema for subject in bundle.SUBJECTS for schema in bundle.schemas(subject.stem)]
NEWEST = [bundle.schemas(subject.stem)[-1] for subject in bundle.SUBJECTS]
PRIMITIVES = {"string": str, "long": int, "int": int, "boolean": bool}
FOLDER = Path(bundle.__file__).parent / "avsc"


def named(schema: Any) -> dict[str, Any]:
    """All named types below a schema, by short name."""
    if isinstance(schema, list):
        return {name: part for item in schema for name, part in named(item).items()}
    if not isinstance(schema, dict):
        return {}
    found = {schema["name"]: schema} if schema.get("type") in ("record", "enum") else {}
    return found | {name: part for value in schema.values() for name, part in named(value).items()}


def python_type(schema: Any, types: dict[str, Any]) -> Any:
    """The annotation that a field of this Avro type must have."""
    if isinstance(schema, str):
        return PRIMITIVES.get(schema) or types.get(f"toolgate.{schema}", str)
    if isinstance(schema, list):
        return python_type(schema[1], types) | None if schema[0] == "null" else records.Op
    match schema["type"]:
        case "array":
            found = tuple[python_type(schema["items"], types), ...]
        case "map":
            found = dict[str, python_type(schema["values"], types)]
        case "record" | "enum":
            found = types.get(f"toolgate.{schema['name']}", str)
        case other:
            found = python_type(other, types)
    return found


def test_every_file_belongs_to_a_subject():
    """No schema file lies about that nothing reads."""
    assert {path.name for path in FOLDER.iterdir()} == {
        f"{s.subject.stem}.v{s.version}.avsc" for s in SCHEMAS
    }


@pytest.mark.parametrize("schema", NEWEST, ids=lambda schema: schema.subject.stem)
def test_a_record_has_the_names_order_and_types_of_its_schema(schema):
    """The codec goes by position, so name, order and type must agree."""
    avro = json.loads(schema.text)
    hints = get_type_hints(schema.subject.record_type)
    assert [field["name"] for field in avro["fields"]] == list(hints)
    for field in avro["fields"]:
        assert python_type(field["type"], dict(NESTED)) == hints[field["name"]], field["name"]


@pytest.mark.parametrize("schema", NEWEST, ids=lambda schema: schema.subject.stem)
def test_a_record_has_the_defaults_of_its_schema(schema):
    """A field that an older writer left out reads like one that was not given."""
    defaults = {
        field["name"]: field["default"] for field in json.loads(schema.text)["fields"] if "default" in field
    }
    ours = {
        f.name: f.default if f.default_factory is NODEFAULT else f.default_factory()
        for f in fields(schema.subject.record_type)
        if not f.required
    }
    assert {name: list(value) if value == () else value for name, value in ours.items()} == defaults


def test_nested_records_have_the_fields_of_their_dataclasses():
    """Reason, Balance and Visible go by position too."""
    types = {name: part for schema in NEWEST for name, part in named(json.loads(schema.text)).items()}
    for full, cls in NESTED.items():
        hints = get_type_hints(cls)
        avro = types[full.removeprefix("toolgate.")]["fields"]
        assert {f["name"]: python_type(f["type"], {}) for f in avro} == hints
        assert [f["name"] for f in avro] == list(hints)


def test_a_shared_type_is_the_same_wherever_it_is_spelt_out():
    """Reason and Verdict stand in several files and must not drift apart."""
    seen: dict[str, Any] = {}
    for schema in NEWEST:
        for name, part in named(json.loads(schema.text)).items():
            assert seen.setdefault(name, part) == part, (schema.subject.stem, name)


@pytest.mark.parametrize("enum", [enums.Kind, enums.Verdict, enums.ResultStatus])
def test_enums_have_the_symbols_of_their_schemas(enum):
    """What the code can say, the schema can carry, and the other way round."""
    found = [
        part for s in NEWEST for name, part in named(json.loads(s.text)).items() if name == enum.__name__
    ]
    assert found
    assert all(part["symbols"] == [member.value for member in enum] for part in found)


def test_the_operations_have_the_fields_that_the_ledger_folds():
    """Op.args is a tuple in this order; the ledger's fold takes it apart by position."""
    [audit] = [json.loads(s.text) for s in NEWEST if s.subject.stem == "audit_event"]
    operations = {
        name: [f["name"] for f in part["fields"]] for name, part in named(audit).items() if "fields" in part
    }
    expected = {
        "Reserve": ["id", "expires_at", "digest", "tool", "parts", "sets"],
        "TouchedSet": ["key", "window_ms", "keep_ms"],
        "Part": ["account", "unit", "amount", "max", "on_expiry", "keep_ms"],
        "Settle": ["id", "outcome", "actuals", "records"],
        "Actual": ["account", "spent", "freed", "uncovered"],
        "Spend": ["account", "spent", "uncovered", "keep_ms"],
        "Rate": ["key", "increment_us", "keep_ms"],
        "Window": ["key", "records", "window_ms", "keep_ms"],
        "Count": ["key", "n", "keep_ms"],
        "Own": ["run_id", "owner", "keep_ms"],
        "Remember": ["run", "key", "value", "trusted", "expires_at"],
    }
    assert {name: operations[name] for name in expected} == expected


def test_every_moment_is_marked_as_milliseconds():
    """A reader in another language shows moments as times, never as numbers."""
    moments = {"clk", "append_time", "deadline"}
    for schema in NEWEST:
        for part in named(json.loads(schema.text)).values():
            for field in part.get("fields", ()):
                marked = "timestamp-millis" in json.dumps(field["type"])
                if isinstance(field["type"], str | list) or field["type"]["type"] == "long":
                    assert marked == (field["name"] in moments or field["name"].endswith("_at")), field


def test_the_runtime_schema_has_no_logical_types():
    """Milliseconds stay integers: a datetime would lose what is not a whole microsecond of a valid year."""
    assert "logicalType" not in repr([schema.runtime for schema in SCHEMAS])


def test_only_values_of_topics_have_a_subject():
    """A nested record is refused by name, with the names that would do."""
    assert bundle.subject_of(records.Tick).topic == "ticks"
    with pytest.raises(TypeError, match="Reason is not the value of a topic; those are Intent, Command"):
        bundle.subject_of(records.Reason)


def test_a_missing_schema_file_is_an_error_that_says_what_to_do(monkeypatch):
    """A broken installation is named as such."""
    monkeypatch.setattr(bundle, "SUBJECTS", (bundle.Subject("gone", "x", records.Tick, gate_writes=False),))
    with pytest.raises(ValueError, match=r"gone\.v1\.avsc is missing: .* install it again"):
        bundle.schemas("gone")
