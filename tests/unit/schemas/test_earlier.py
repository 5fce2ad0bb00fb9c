"""What an earlier version of the package wrote reads as it did."""

from __future__ import annotations

from io import BytesIO

import pytest
from fastavro import schemaless_writer

from toolgate.schemas import bundle, codec
from toolgate.schemas.codec import Codec
from toolgate.schemas.evolution import samples
from toolgate.schemas.registry import bundled

EARLIER = [schema for subject in bundle.SUBJECTS for schema in bundle.schemas(subject.stem)[:-1]]


@pytest.mark.parametrize("schema", EARLIER, ids=lambda schema: f"{schema.subject.stem} {schema.version}")
def test_an_earlier_version_is_read_as_resolving_reads_it(schema, monkeypatch):
    """One that only lacks fields at its end has an encoding of its own, which comes to the same."""
    registry = bundled()
    header = b"\x00" + registry.id_of(schema).to_bytes(4, "big")
    reading = Codec(schema.subject.record_type, registry)
    values = []
    for datum in samples(schema.runtime):
        body = BytesIO()
        schemaless_writer(body, schema.runtime, datum)
        values.append(header + body.getvalue())
    read = [reading.decode(value) for value in values]
    monkeypatch.setattr(codec, "_earlier", lambda _subject, _version: None)
    assert [reading.decode(value) for value in values] == read
    assert len(read) > 1
