"""What the gate has written under an older schema is read as well."""

from __future__ import annotations

from io import BytesIO

import pytest
from fastavro import schemaless_writer
from written import EVENT

from toolgate.inspection.plain import as_plain
from toolgate.schemas import registry
from toolgate.schemas.bundle import schemas
from toolgate.schemas.codec import Codec
from toolgate.schemas.records import AuditEvent
from toolgate.verification.events import Fast, UnreadableError, head


def older() -> bytes:
    """The event as the first version of its schema has it."""
    first = schemas("audit_event")[0]
    body = BytesIO()
    schemaless_writer(body, first.runtime, as_plain(EVENT))
    return b"\x00" + registry.bundled().id_of(first).to_bytes(4, "big") + body.getvalue()


@pytest.mark.parametrize("value", [older(), Codec(AuditEvent).encode(EVENT)])
def test_every_version_gives_the_same_event(value):
    """Head and whole."""
    assert Fast(AuditEvent).read(value) == EVENT
    assert head(value) == (EVENT.seq, EVENT.stable, EVENT.topic, EVENT.partition, EVENT.offset)


@pytest.mark.parametrize("value", [None, b"", b"\x00", older()[:-1], older() + b"\x00", b"\x00" * 99])
def test_what_is_no_event_is_refused(value):
    """Cut short, too long, or of no schema."""
    with pytest.raises(UnreadableError):
        Fast(AuditEvent).read(value)
