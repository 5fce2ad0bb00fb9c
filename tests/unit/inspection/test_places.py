"""Where to begin in a topic."""

from __future__ import annotations

import pytest

from toolgate.inspection.decoding import Decoder
from toolgate.inspection.places import Begin, newest, offsets, parse_begin
from toolgate.streams.errors import SettingsError

NOW_MS = 1_000_000_000


@pytest.mark.parametrize(
    ("text", "begin"),
    [
        ("beginning", Begin("beginning")),
        ("end", Begin("end")),
        ("42", Begin("offset", 42)),
        ("15m", Begin("time", NOW_MS - 900_000)),
        ("1970-01-01T00:00:01Z", Begin("time", 1_000)),
        ("1970-01-01T00:00:01", Begin("time", 1_000)),
        ("1970-01-01T01:00:01+01:00", Begin("time", 1_000)),
        ("1970-01-02", Begin("time", 86_400_000)),
    ],
)
def test_reads_places(text, begin):
    """Words, offsets, times in UTC unless they say otherwise, and how long ago."""
    assert parse_begin(text, NOW_MS) == begin


@pytest.mark.parametrize("text", ["", "begin", "-1", "1.5", "15 m", "yesterday", "2026-13-01", "9" * 19])
def test_refuses_what_is_none(text):
    """With the forms that there are."""
    with pytest.raises(SettingsError, match="is no place in a topic"):
        parse_begin(text, NOW_MS)


@pytest.mark.parametrize(
    ("begin", "found"),
    [
        (Begin("beginning"), {0: 2, 1: 0}),
        (Begin("end"), {0: 5, 1: 0}),
        (Begin("offset", 1), {0: 2, 1: 1}),
        (Begin("offset", 4), {0: 4, 1: 4}),
        (Begin("time", 1_003), {0: 3, 1: 0}),
        (Begin("time", 9_999), {0: 5, 1: 0}),
    ],
)
def test_places_become_offsets(written, begin, found):
    """What is gone already begins with what is there; after the last one comes the end."""
    for number in range(5):
        written.raw("audit", 0, b"", time_ms=1_000 + number)
    written("audit").gone = 2
    assert offsets(written("audit"), begin, (0, 1)) == found


@pytest.mark.parametrize("count", [0, 1, 3, 500])
def test_the_newest_are_those_with_the_latest_times_of_all_partitions(written, count):
    """However they are spread, also when one partition has far more than another, and only some are wanted."""
    for number in range(400):
        written.raw("quarantine", 1 if number % 40 == 0 else 0, b"", time_ms=1_000 + number)
    reader = written("quarantine")
    ends = {partition: reader.span(partition)[1] for partition in reader.partitions}

    def wanted(entry) -> bool:
        return entry.envelope.time_ms % 10 == 0

    found = newest(reader, Decoder(), ends, count, wanted)
    expected = [time for time in range(1_000, 1_400) if time % 10 == 0][-count:] if count else []
    assert [entry.envelope.time_ms for entry in found] == expected
