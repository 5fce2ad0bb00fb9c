"""Kafka headers of every record: CloudEvents 1.0 in binary mode, and W3C trace context passed on.

Names follow the CloudEvents Kafka binding (`ce_` before each attribute). Values are UTF-8.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Headers = tuple[tuple[str, bytes], ...]

CE_SPECVERSION = "ce_specversion"
CE_ID = "ce_id"
CE_SOURCE = "ce_source"
CE_TYPE = "ce_type"
CE_SUBJECT = "ce_subject"
CONTENT_TYPE = "content-type"
TRACEPARENT = "traceparent"
KID = "tg-kid"  # key id of the writer
MAC = "tg-mac"  # keyed BLAKE2b or Ed25519 signature over topic, key and value

AVRO = b"application/avro"
_TRACEPARENT = re.compile(
    rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII
)


def event_headers(
    event_type: str, event_id: str, source: str, traceparent: bytes | None = None, *, subject: str = ""
) -> Headers:
    """The headers of one event.

    Args:
        event_type: Kind of event, "toolgate.command.v1"; few different ones.
        event_id: Unique within the source: CloudEvents takes equal ids of one source for the same event.
        source: Who made it, as a URI reference: "/toolgate/gate"; few different ones.
        traceparent: Of the event that caused this one, as `trace_of` gave it; None for none.
        subject: What it is about within the source, the run or the tool; "" for none.
    """
    headers = (*_constant_part(event_type, source), (CE_ID, event_id.encode()))
    if subject:
        headers = (*headers, (CE_SUBJECT, subject.encode()))
    return headers if traceparent is None else (*headers, (TRACEPARENT, traceparent))


def kid_of(headers: Iterable[tuple[str, bytes | None]]) -> str:
    """The key id that a record claims, the first one; "" for none. What is no ASCII is replaced; nothing is proven."""
    found = next((value for name, value in headers if name == KID), None) or b""
    return found.decode("ascii", "replace")


def trace_of(headers: Iterable[tuple[str, bytes | None]]) -> bytes | None:
    """The traceparent to pass on; None when there is none, more than one, or none that is well-formed."""
    found = [value for name, value in headers if name == TRACEPARENT]
    if len(found) == 1 and found[0] is not None and _TRACEPARENT.fullmatch(found[0]):
        return found[0]
    return None


@lru_cache(maxsize=256)
def _constant_part(event_type: str, source: str) -> Headers:
    return (
        (CE_SPECVERSION, b"1.0"),
        (CE_TYPE, event_type.encode()),
        (CE_SOURCE, source.encode()),
        (CONTENT_TYPE, AVRO),
    )
