"""Names of budget windows: which hour, day or month an instant of the ledger's clock falls into.

A window is part of its account's name, so a settlement that comes after midnight still finds the account its
reservation was taken from. The label is the local civil date; where clocks are set back, the repeated hour
shares one window, which is the stricter reading.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

QUARTER_MS = 900_000  # every zone changes on a quarter of an hour
DAY_MS = 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Offsets are tabulated once for each zone over the years a ledger may see; Lua has no time zone database.
_FIRST_MS = 1_577_836_800_000  # 2020-01-01
_YEARS = 30

Offsets = tuple[tuple[int, int], ...]


@lru_cache(maxsize=64)
def offsets(tz: str) -> Offsets:
    """UTC offsets of a zone as (from_ms, offset_ms), ascending; the first holds for all time before the second."""
    zone = ZoneInfo(tz)
    found = [(_FIRST_MS, _offset_ms(zone, _FIRST_MS))]
    for day in range(_YEARS * 366):
        low, high = _FIRST_MS + day * DAY_MS, _FIRST_MS + (day + 1) * DAY_MS
        if _offset_ms(zone, high) != found[-1][1]:
            while high - low > QUARTER_MS:
                middle = (low + high) // 2 // QUARTER_MS * QUARTER_MS
                low, high = (middle, high) if _offset_ms(zone, middle) == found[-1][1] else (low, middle)
            found.append((high, _offset_ms(zone, high)))
    return tuple(found)


def _offset_ms(zone: ZoneInfo, at_ms: int) -> int:
    offset = (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(zone).utcoffset()
    return int((offset or timedelta()) / timedelta(milliseconds=1))


def offset_at(table: Offsets, clk: int) -> int:
    """The UTC offset in milliseconds that holds at `clk`."""
    held = table[0][1]
    for since, offset_ms in table:
        if since > clk:
            break
        held = offset_ms
    return held


def label(window: str, clk: int) -> str:
    """The label of `window` ("<hour|day|month>:<tz>") at `clk`, e.g. "2026-03-01T09", "2026-03-01", "2026-03"."""
    return _label(window, clk // QUARTER_MS)


@lru_cache(maxsize=4096)
def _label(window: str, quarter: int) -> str:
    kind, _, tz = window.partition(":")
    at_ms = quarter * QUARTER_MS
    shift = 0 if tz in {"", "UTC"} else offset_at(offsets(tz), at_ms)
    local = _EPOCH + timedelta(milliseconds=at_ms + shift)
    match kind:
        case "hour":
            return local.strftime("%Y-%m-%dT%H")
        case "day":
            return local.strftime("%Y-%m-%d")
        case "month":
            return local.strftime("%Y-%m")
        case _:
            raise ValueError(f"unknown window kind {kind!r} in {window!r}")


def account_name(account: str, window: str, clk: int) -> str:
    """The account's full name at `clk`."""
    return f"{account}@{label(window, clk)}" if window else account
