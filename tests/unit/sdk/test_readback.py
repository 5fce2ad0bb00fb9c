"""Reading back: what counts of the records, whichever registry has numbered their schemas."""

from __future__ import annotations

import pytest

from toolgate.processors.case import Envelope
from toolgate.schemas.codec import Codec
from toolgate.schemas.records import Result
from toolgate.sdk.readback import _commands, _histories
from toolgate.streams.ports import RetryError

STARTED = Result("2-7", "i-1", "run-1", "pay", "d", "started", "desk")
UNDECIDED = (2, Envelope("results", 2, 0, 1, b"run-1", b"\x00\x00\x00\x00\x09x"))
JUNK = (2, Envelope("results", 2, 0, 1, b"run-1", b"junk"))


def test_results_with_ids_of_the_schema_registry_count(registry):
    """Passing over a STARTED would run its command a second time."""
    codec = Codec(Result, registry)
    record = (2, Envelope("results", 2, 1, 1, b"run-1", codec.encode(STARTED)))
    assert _histories(codec, iter([JUNK, record]), [2], ["pay"], 0)[2].open() == [STARTED]


def test_nothing_is_known_while_only_the_schema_registry_could_read_a_record(undecided):
    """It may be a STARTED, or the command of one: nothing may be run."""
    with pytest.raises(RetryError, match="registry_unavailable"):
        _histories(undecided(Result), iter([UNDECIDED]), [2], ["pay"], 0)
    with pytest.raises(RetryError, match="registry_unavailable"):
        _commands(undecided(Result), iter([UNDECIDED]), [])
