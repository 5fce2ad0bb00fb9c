"""Durations as people write them in options: how long, and until when."""

from __future__ import annotations

import time

from toolgate.processors.amounts import parse_duration_ms
from toolgate.streams.errors import SettingsError


def duration_of(option: str, text: str, example: str) -> int:
    """Milliseconds. Raises SettingsError: it is no duration; names the option, and the `example` to follow."""
    try:
        return parse_duration_ms(text)
    except ValueError as error:
        raise SettingsError(
            f"{option} {text}: {error}", where="arguments", remedy=f"such as {example}"
        ) from None


def deadline(within: str, option: str) -> int:
    """Epoch milliseconds of so long from now.

    Raises:
        SettingsError: it is no duration; names the option.
    """
    try:
        return time.time_ns() // 1_000_000 + parse_duration_ms(within)
    except ValueError as error:
        raise SettingsError(f"{option}: {error}", where="arguments", remedy="write it like 30m") from None
