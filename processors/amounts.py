"""Amounts as people write and read them: money, durations, counts. Inside they are integers with a unit."""

from __future__ import annotations

import re
from decimal import Decimal

from toolgate.processors.claims import AMOUNT_MAX

USD_MICROS = "usd_micros"
MICROS_PER_USD = 1_000_000
MILLIONTHS = 1_000_000
_MONEY = re.compile(r"[0-9]{1,16}(\.[0-9]{1,30})?\Z", re.ASCII)
_DURATION = re.compile(r"([1-9][0-9]{0,8})(ms|s|m|h|d)\Z", re.ASCII)
_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def parse_usd(value: object) -> int:
    """Micro-dollars of a decimal number or string such as 0.35 or "12.50".

    Raises ValueError when it is no plain decimal, is negative, has more than six decimals or is too large.
    """
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise ValueError('money is a decimal number or string, such as 0.35 or "12.50"')  # noqa: TRY004
    text = format(value, "f") if isinstance(value, Decimal) else str(value)
    if text.startswith("-") and _MONEY.match(text[1:]):
        raise ValueError("money must not be negative")
    if _MONEY.match(text) is None:
        raise ValueError('money is a plain decimal without sign, exponent or currency: 0.35 or "12.50"')
    whole, _, rest = text.partition(".")
    decimals = rest.rstrip("0")
    if len(decimals) > 6:
        raise ValueError("money has at most 6 decimals (micro-dollars): less cannot be kept exactly")
    micros = int(whole) * MICROS_PER_USD + int(decimals.ljust(6, "0"))
    if micros > AMOUNT_MAX:
        raise ValueError(f"money is at most {usd(AMOUNT_MAX)}")
    return micros


def parse_share_ppm(value: object) -> int:
    """Millionths of a share between 0 and 1, such as 0.05.

    Raises ValueError when it is none, or has more than six decimals.
    """
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 <= value <= 1:
        raise ValueError("a share is a number from 0 to 1, such as 0.05")
    millionths = value * MILLIONTHS
    if millionths != int(millionths):
        raise ValueError("a share has at most 6 decimals")
    return int(millionths)


def parse_duration_ms(text: object) -> int:
    """Milliseconds of a duration such as 500ms, 1s, 10m, 1h, 7d.

    Raises ValueError when it is none, or longer than 400 days.
    """
    found = _DURATION.match(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError("a duration is a whole number with ms, s, m, h or d, such as 1m or 7d")
    duration_ms = int(found[1]) * _MS[found[2]]
    if duration_ms > 400 * _MS["d"]:
        raise ValueError("a duration is at most 400d")
    return duration_ms


def duration(duration_ms: int) -> str:
    """The shortest way to write a duration: 86_400_000 is "1d"."""
    for unit in ("d", "h", "m", "s"):
        if duration_ms % _MS[unit] == 0:
            return f"{duration_ms // _MS[unit]}{unit}"
    return f"{duration_ms}ms"


def share(ppm: int) -> str:
    """A share of a million for people: "5%", "0.1%"."""
    return f"{Decimal(ppm).scaleb(-4).normalize():f}%"


def usd(micros: int) -> str:
    """Money for people: two decimals, or as many as it needs: $0.35, $1,200.00, $0.000125."""
    sign, whole, rest = "-" if micros < 0 else "", *divmod(abs(micros), MICROS_PER_USD)
    decimals = f"{rest:06d}".rstrip("0").ljust(2, "0")
    return f"{sign}${whole:,}.{decimals}"


def amount(value: int, unit: str) -> str:
    """An amount with its unit for people: "$0.35", "1 call", "7 records", "2,400 ms"."""
    if unit == USD_MICROS:
        return usd(value)
    name = unit[:-1] if value == 1 and unit.endswith("s") and unit != "ms" else unit
    return f"{value:,} {name}"
