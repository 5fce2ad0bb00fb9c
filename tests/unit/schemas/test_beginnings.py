"""Some first fields of a record are read as decoding the whole reads them, and what cannot be is refused."""

from __future__ import annotations

import pytest
from avro_samples import bodies

from toolgate.replaying.recorded import Head
from toolgate.schemas.beginnings import Beginnings
from toolgate.schemas.bundle import schemas
from toolgate.schemas.codec import Codec, DecodeError
from toolgate.schemas.frozen import names_of
from toolgate.schemas.records import AuditEvent
from toolgate.schemas.registry import bundled
from toolgate.streams.ports import Entry, Seen

CODEC = Codec(AuditEvent)
NEWEST = schemas("audit_event")[-1]


def value_of(schema, body: bytes) -> bytes:
    """A Kafka value."""
    return b"\x00" + bundled().id_of(schema).to_bytes(4, "big") + body


@pytest.mark.parametrize("kind", [Head, Entry, Seen], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("schema", schemas("audit_event"), ids=lambda schema: f"version {schema.version}")
def test_they_are_what_the_whole_record_says(kind, schema):
    """Of each version that a log may hold."""
    read = Beginnings(kind, CODEC)
    for body in bodies(schema):
        value = value_of(schema, body)
        whole = CODEC.decode(value)
        assert read(value) == kind(*(getattr(whole, name) for name in names_of(kind)))


@pytest.mark.parametrize("kind", [Head, Entry, Seen], ids=lambda kind: kind.__name__)
def test_what_ends_before_they_do_is_refused(kind):
    """Wherever it was cut, also inside of a string; and what is no record of the topic at all."""
    read = Beginnings(kind, CODEC)
    value = value_of(NEWEST, bodies(NEWEST)[0])
    whole, cut = read(value), 0
    for end in range(len(value)):
        try:
            assert read(value[:end]) == whole  # what is missing lies behind all that was wanted
        except DecodeError:
            cut += 1
    assert cut > 50
    for other in (None, b"", b"\x00\x00\x00\x00\x01", b"\x01" + value[1:]):
        with pytest.raises(DecodeError):
            read(other)
