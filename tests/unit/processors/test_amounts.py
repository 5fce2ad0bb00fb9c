"""Amounts: money is exact, durations are whole, and people read both."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.processors.amounts import amount, duration, parse_duration_ms, parse_usd, usd


@pytest.mark.parametrize(
    ("written", "micros"),
    [
        (Decimal("0.35"), 350_000),
        ("12.50", 12_500_000),
        (3, 3_000_000),
        (0, 0),
        (Decimal("0.000001"), 1),
        (Decimal("1.10000000"), 1_100_000),
        (Decimal("1E-3"), 1_000),
        ("9007199254.740991", 2**53 - 1),
    ],
)
def test_reads_money_exactly(written, micros):
    """A decimal becomes its micro-dollars, with nothing lost."""
    assert parse_usd(written) == micros


@pytest.mark.parametrize(
    "written",
    [
        0.35,
        True,
        None,
        [],
        "",
        "1e3",
        "-1",
        -1,
        Decimal("-0.01"),
        "$5",
        "1,000",
        " 1",
        "0.0000001",
        "1.000000000000000000000000000001",
        "9007199254.740992",
        Decimal("NaN"),
        Decimal("Infinity"),
        Decimal("1E+400"),
    ],
)
def test_refuses_what_is_no_exact_money(written):
    """Floats, signs, currencies and amounts that cannot be kept exactly are errors."""
    with pytest.raises(ValueError, match=r"money"):
        parse_usd(written)


@given(st.integers(0, 2**53 - 1))
def test_money_survives_writing_and_reading(micros):
    """What `usd` writes is what `parse_usd` reads."""
    assert parse_usd(usd(micros).replace("$", "").replace(",", "")) == micros


@pytest.mark.parametrize(
    ("text", "ms"), [("500ms", 500), ("1s", 1_000), ("1m", 60_000), ("1h", 3_600_000), ("7d", 604_800_000)]
)
def test_reads_durations_and_writes_them_back(text, ms):
    """The shortest way to write a duration is read as it was."""
    assert parse_duration_ms(text) == ms
    assert duration(ms) == text


@pytest.mark.parametrize(
    "text", ["", "1", "m", "0s", "-1s", "1.5h", "1 m", "1w", "401d", 60, None, "\uff11m"]
)
def test_refuses_what_is_no_duration(text):
    """Only whole numbers of a known unit, up to 400 days."""
    with pytest.raises(ValueError, match="duration"):
        parse_duration_ms(text)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (30_000, "usd_micros", "$0.03"),
        (1_200_000_000, "usd_micros", "$1,200.00"),
        (125, "usd_micros", "$0.000125"),
        (-50_000, "usd_micros", "-$0.05"),
        (1, "calls", "1 call"),
        (7, "records", "7 records"),
        (1, "ms", "1 ms"),
        (2_400, "ms", "2,400 ms"),
    ],
)
def test_writes_amounts_for_people(value, unit, text):
    """One is singular, thousands are grouped, money has the decimals it needs."""
    assert amount(value, unit) == text
