"""Charts as SVG, made on the server: no script, no style attributes, and words for whoever does not see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from toolgate.inspection.quoting import moment, quoted
from toolgate.processors.amounts import amount

if TYPE_CHECKING:
    from toolgate.console.balances import Account

WIDTH, HEIGHT = 640, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 8, 8, 12, 22


def burn_down(account: Account, number: int) -> Markup:
    """How much of an account was left over time: a line that steps down, and the limit it began at.

    Args:
        account: with one point at least.
        number: makes the ids of its title and description the page's only ones.
    """
    points = account.curve()
    first, last = points[0], points[-1]
    most = max(max(point.max, 1) for point in points)
    span_ms = max(1, last.clk - first.clk)
    wide, high = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM

    def x(clk: int) -> float:
        return round(_LEFT + wide * min(1.0, max(0.0, (clk - first.clk) / span_ms)), 1)

    def y(left: int) -> float:
        return round(_TOP + high * (1 - max(0, min(left, most)) / most), 1)

    steps = [f"M{x(first.clk)},{y(first.max - first.used)}"]
    steps += [f"H{x(point.clk)}V{y(point.max - point.used)}" for point in points[1:]]
    steps.append(f"H{WIDTH - _RIGHT}")
    line = "".join(steps)
    floor = HEIGHT - _BOTTOM
    left = amount(last.max - last.used, account.unit)
    described = (
        f"{left} of {amount(last.max, account.unit)} left after seq {last.seq}; "
        f"{amount(first.max - first.used, account.unit)} were left after seq {first.seq}."
    )
    parts = (
        (
            f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f'aria-labelledby="chart-{number}-title chart-{number}-text">'
        ),
        f'<title id="chart-{number}-title">{_words(f"What was left of {account.name}")}</title>',
        f'<desc id="chart-{number}-text">{_words(described)}</desc>',
        f'<line class="limit" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y(most)}" y2="{y(most)}"/>',
        f'<line class="floor" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{floor}" y2="{floor}"/>',
        f'<path class="area" d="{line}V{floor}H{x(first.clk)}Z"/>',
        f'<path class="line" d="{line}"/>',
        f'<text x="{_LEFT}" y="{HEIGHT - 6}">{_words(moment(first.clk))}</text>',
        f'<text class="end" x="{WIDTH - _RIGHT}" y="{HEIGHT - 6}">{_words(moment(last.clk))}</text>',
        "</svg>",
    )
    return Markup("".join(parts))  # noqa: S704 - every word in it is escaped


def _words(text: str) -> Markup:
    return escape(quoted(text))
