"""Every version of a schema reads every other."""

from __future__ import annotations

import json
from io import BytesIO
from itertools import pairwise, permutations
from typing import Any

import pytest
from fastavro import schemaless_reader, schemaless_writer
from fastavro.schema import parse_schema

from toolgate.schemas.bundle import SUBJECTS, schemas
from toolgate.schemas.evolution import breaks, samples, unreadable

ENUM = {"type": "enum", "name": "E", "symbols": ["A", "B"]}
PART = {"type": "record", "name": "P", "fields": [{"name": "n", "type": "long"}]}
OTHER = {"type": "record", "name": "Q", "fields": [{"name": "m", "type": "string"}]}


def record(*fields: tuple[Any, ...]) -> Any:
    """A parsed record of fields (name, type) or (name, type, default)."""
    made = [dict(zip(("name", "type", "default"), field, strict=False)) for field in fields]
    return parse_schema(json.loads(json.dumps({"type": "record", "name": "t.R", "fields": made})))


def resolves(reader: Any, writer: Any) -> bool:
    """Whether fastavro reads what the writer may write; the rules are held to this."""
    for data in samples(writer):
        out = BytesIO()
        schemaless_writer(out, writer, data)
        try:
            schemaless_reader(BytesIO(out.getvalue()), writer, reader)
        except Exception:  # noqa: BLE001 - fastavro has a different one for each rule
            return False
    return True


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.stem)
def test_all_versions_of_a_record_read_each_other(subject):
    """By the rules, and by reading data of each version as each other."""
    versions = [schema.runtime for schema in schemas(subject.stem)]
    assert breaks(versions) == ()
    for reader, writer in (*permutations(versions, 2), *((one, one) for one in versions)):
        assert resolves(reader, writer)


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.stem)
def test_a_record_can_grow_by_an_optional_field(subject):
    """The next version that everybody will want is possible for every record, nested ones unharmed."""
    [*_, newest] = schemas(subject.stem)
    grown = json.loads(newest.text)
    grown["fields"].append({"name": "later", "type": ["null", "string"], "default": None})
    versions = [newest.runtime, parse_schema(grown)]
    assert breaks(versions) == ()
    assert resolves(versions[0], versions[1])
    assert resolves(versions[1], versions[0])


BASE = [("a", "string"), ("b", "long", 0)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (record(*BASE), record(*BASE)),
        (record(*BASE), record(*BASE, ("c", ["null", "string"], None))),
        (record(*BASE), record(("a", "string"))),
        (record(*BASE), record(*reversed(BASE))),
        (
            record(("e", {**ENUM, "default": "A"})),
            record(("e", {**ENUM, "symbols": ["A", "B", "C"], "default": "A"})),
        ),
        (
            record(("p", PART)),
            record(("p", {**PART, "fields": [*PART["fields"], {"name": "x", "type": "long", "default": 1}]})),
        ),
        (record(("m", {"type": "map", "values": "long"})), record(("m", {"type": "map", "values": "long"}))),
    ],
)
def test_a_harmless_change_passes(old, new):
    """Fields with defaults may come and go, and order does not matter."""
    assert breaks([old, new]) == ()
    assert resolves(old, new)
    assert resolves(new, old)


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        (record(*BASE), record(("b", "long", 0)), "v1 reading v2: t.R.a: was not written and has no default"),
        (
            record(*BASE),
            record(*BASE, ("c", "string")),
            "v2 reading v1: t.R.c: was not written and has no default",
        ),
        (record(*BASE), record(("z", "string"), BASE[1]), "v2 reading v1: t.R.z: was not written"),
        (record(*BASE), record(("a", "long"), BASE[1]), "v2 reading v1: t.R.a: string became long"),
        (record(("n", "int")), record(("n", "long")), "v1 reading v2: t.R.n: long became int"),
        (record(("n", "long")), record(("n", ["null", "long"])), "v1 reading v2: t.R.n: null became long"),
        (
            record(("n", ["null", "long"])),
            record(("n", ["null", "string"])),
            "v2 reading v1: t.R.n: no branch for long",
        ),
        (
            record(("e", ENUM)),
            record(("e", {**ENUM, "symbols": ["A"]})),
            "v2 reading v1: t.R.e: t.E has no symbol B",
        ),
        (
            record(("e", ENUM)),
            record(("e", {**ENUM, "symbols": ["A", "B", "C"]})),
            "v1 reading v2: t.R.e: t.E has no symbol C",
        ),
        (record(("e", ENUM)), record(("e", {**ENUM, "name": "F"})), "v2 reading v1: t.R.e: t.E became t.F"),
        (record(("p", [PART])), record(("p", [PART, OTHER])), "v1 reading v2: t.R.p: no branch for t.Q"),
        (
            record(("p", [PART, OTHER])),
            record(("p", [{**PART, "fields": [{"name": "n", "type": "string"}]}, OTHER])),
            "v2 reading v1: t.R.p.n: long became string",
        ),
        (
            record(("l", {"type": "array", "items": PART})),
            record(("l", {"type": "array", "items": "string"})),
            "v2 reading v1: t.R.l[]: t.P became string",
        ),
        (
            record(("l", {"type": "array", "items": "string"})),
            record(("l", {"type": "map", "values": "string"})),
            "v2 reading v1: t.R.l: array became map",
        ),
    ],
)
def test_a_change_that_parts_the_versions_is_found(old, new, finding):
    """Each finding says who could not read whom, where and why; fastavro agrees that it cannot."""
    assert any(line.startswith(finding) for line in breaks([old, new])), breaks([old, new])
    assert not (resolves(old, new) and resolves(new, old))
    assert resolves(new, old) == (not unreadable(new, old))
    assert resolves(old, new) == (not unreadable(old, new))


def test_a_default_that_moves_is_found():
    """Both versions could read the other, and would read two different things."""
    found = breaks([record(*BASE), record(BASE[0], ("b", "long", 1))])
    assert found == ("v1 and v2: t.R.b: the default 0 became 1",)


def test_a_size_that_changes_is_found():
    """Two sizes of one fixed type cannot be told apart on the wire."""
    old, new = (record(("f", {"type": "fixed", "name": "F", "size": size})) for size in (4, 8))
    assert "v2 reading v1: t.R.f: t.F of 4 bytes became 8" in breaks([old, new])


def test_versions_that_are_not_neighbours_are_compared_too():
    """v3 may read v2 and v2 read v1, and still v3 not v1."""
    versions = [
        record(("a", "string")),
        record(("a", "string"), ("b", "string", "")),
        record(("a", "string"), ("b", "string")),
    ]
    assert all(
        unreadable(new, old) == () for old, new in [pairwise(versions).__next__(), (versions[1], versions[2])]
    )
    assert "v3 reading v1: t.R.b: was not written and has no default" in breaks(versions)


def test_samples_show_every_branch_and_symbol():
    """The check by reading would otherwise miss what no sample holds."""
    schema = record(("e", ENUM), ("u", ["null", PART, OTHER]), ("l", {"type": "array", "items": "long"}))
    found = list(samples(schema))
    assert {one["e"] for one in found} == {"A", "B"}
    assert {one["u"] and one["u"][0] for one in found} == {None, "t.P", "t.Q"}
    assert {len(one["l"]) for one in found} >= {0, 1, 2}
