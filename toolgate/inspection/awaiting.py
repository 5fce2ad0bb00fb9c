"""Waiting for one record: what the gate says of something that was just written."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeVar

from toolgate.schemas.codec import Codec, DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolgate.inspection.reader import TopicReader

T = TypeVar("T")


def awaited(
    reader: TopicReader, start: dict[int, int], codec: Codec[T], meant: Callable[[T], Any], timeout_s: float
) -> T | None:
    """The first record from `start` on that is meant; None where none comes in time.

    Args:
        reader: of a topic that only the gate writes: what cannot be read is passed over.
        start: partition -> the offset to begin at.
        codec: of the topic.
        meant: whether a record is the one.
        timeout_s: seconds.

    Raises:
        RefusedError, UnreachableError: as the reader.
    """
    deadline = time.monotonic() + timeout_s
    for envelopes in reader.read(start):
        for envelope in envelopes:
            try:
                record = codec.decode(envelope.value)
            except DecodeError:
                continue
            if meant(record):
                return record
        if time.monotonic() > deadline:
            break
    return None
