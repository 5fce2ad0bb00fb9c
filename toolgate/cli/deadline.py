"""A deadline as people write it: how long from now."""

from __future__ import annotations

import time

from toolgate.processors.amounts import parse_duration_ms
from toolgate.streams.errors import SettingsError


def deadline(within: str, option: str) -> int:
    """Epoch milliseconds of so long from now.

    Raises:
        SettingsError: it is no duration; names the option.
    """
    try:
        return time.time_ns() // 1_000_000 + parse_duration_ms(within)
    except ValueError as error:
        raise SettingsError(f"{option}: {error}", where="arguments", remedy="write it like 30m") from None
