"""Which budget window an instant falls into."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.streams.ledger.windows import account_name, label

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia")
FORMATS = {"hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d", "month": "%Y-%m"}


def at(text: str) -> int:
    """Epoch milliseconds of a UTC time."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("window", "instant", "name"),
    [
        ("", "2026-03-01T09:30:00", "tenant:t:usd"),
        ("hour:UTC", "2026-03-01T09:59:59.999", "tenant:t:usd@2026-03-01T09"),
        ("day:UTC", "2024-02-29T23:59:59", "tenant:t:usd@2024-02-29"),
        ("month:UTC", "2025-12-31T23:59:59", "tenant:t:usd@2025-12"),
        ("day:America/New_York", "2026-03-01T04:59:59", "tenant:t:usd@2026-02-28"),
        ("day:America/New_York", "2026-03-01T05:00:00", "tenant:t:usd@2026-03-01"),
        ("day:Asia/Kolkata", "2026-03-01T18:29:59", "tenant:t:usd@2026-03-01"),
        ("day:Asia/Kolkata", "2026-03-01T18:30:00", "tenant:t:usd@2026-03-02"),
        ("hour:Europe/Berlin", "2026-10-25T00:30:00", "tenant:t:usd@2026-10-25T02"),
        ("hour:Europe/Berlin", "2026-10-25T01:30:00", "tenant:t:usd@2026-10-25T02"),
    ],
)
def test_an_account_carries_the_window_of_its_instant(window: str, instant: str, name: str):
    """Civil dates of the zone; the hour that a clock set back repeats is one window, the stricter reading."""
    assert account_name("tenant:t:usd", window, at(instant)) == name


@given(
    st.sampled_from(sorted(FORMATS)),
    st.sampled_from(ZONES),
    st.integers(at("2020-01-02T00:00:00"), at("2049-01-01T00:00:00")),
)
def test_labels_are_those_of_the_time_zone_database(kind: str, zone: str, clk: int):
    """The tabulated offsets say what the database says, for decades."""
    local = datetime.fromtimestamp(clk / 1000, ZoneInfo(zone))
    assert label(f"{kind}:{zone}", clk) == local.strftime(FORMATS[kind])


def test_an_unknown_kind_is_an_error():
    """A policy cannot name one; whoever else does is told."""
    with pytest.raises(ValueError, match="unknown window kind 'week'"):
        label("week:UTC", 0)
