"""Wording: the figures of an objective as people read them. What programs read is the evidence itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.processors.amounts import MILLIONTHS, duration, share, usd

if TYPE_CHECKING:
    from collections.abc import Mapping


def said(figures: Mapping[str, object]) -> str:
    """What was counted and what was promised, of the figures of `slo`, `burn` or `judging`; "" of others."""
    match figures:
        case {"value": float(value), "part": part, "count": count, "window_ms": int(window_ms), **rest}:
            return f"{_percent(value)} ({part} of {count} in {duration(window_ms)}), {_bound(rest)}"
        case {"value": None, "window_ms": int(window_ms), **rest}:
            return f"nothing happened in {duration(window_ms)}; {_bound(rest)}"
        case {"max_micros": int(limit), "cost_micros": int(cost), "count": runs, "window_ms": int(window_ms)}:
            unit, succeeded = figures.get("value_micros"), figures.get("succeeded")
            each = f"{usd(unit)} a run that succeeded" if isinstance(unit, int) else "none succeeded"
            of = f"{usd(cost)}, {succeeded} of {runs} runs succeeded in {duration(window_ms)}"
            return f"{each} ({of}), at most {usd(limit)}"
        case {"windows_s": [int(long_s), int(short_s)], "burn": [long, short], "budget_burnt": burnt}:
            rates = f"{_times(long)} in {duration(long_s * 1_000)}, {_times(short)} in {duration(short_s * 1_000)}"
            spent = f"; {burnt:.0%} of its budget is gone" if isinstance(burnt, float) else ""
            return f"errors come {rates} as often as they may{spent}"
        case {"windows": _}:
            return "no window uses up the error budget too fast"
    return ""


def _bound(figures: Mapping[str, object]) -> str:
    match figures:
        case {"min": float(least)}:
            return f"at least {_percent(least)}"
        case {"max": float(most)}:
            return f"at most {_percent(most)}"
    return ""


def _percent(value: float) -> str:
    return share(round(value * MILLIONTHS))


def _times(rate: object) -> str:
    return f"{rate:.1f} times" if isinstance(rate, float) else "endless times"
