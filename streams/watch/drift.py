"""Drift: whether a workflow's mix of calls, or what they cost, has left its own baseline.

A conformal test, with the false-alarm rate it states. Time is cut into windows of a quarter of an hour. Each window's
score is how far it is from the mean of all others, the newest among them. The newest is told when its score is above
all n others and its shift is of some practical size. Where the windows are exchangeable (no order of them is likelier
than another), each is as likely as any other to be the farthest: the probability of a false alarm is at most 1/(n+1),
whatever the distribution. That holds for each window of each workflow and detector by itself.

Each window weighs the same in the mean, however many calls it has: else a burst would be its own baseline. A
window that was told becomes part of the baseline as any other; leaving it out would make later ones look stranger than
they are. So a lasting shift is told where it begins, and is the new normal after some time.

Sources: Vovk, Gammerman, Shafer, "Algorithmic Learning in a Random World" (conformal prediction); Laxhammar, Falkman,
"Conformal prediction for distribution-independent anomaly detection in streaming vessel data".
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, pi, sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

WINDOW_S = 900
BASELINE_MIN = 96  # windows: one day
BASELINE_MAX = 672  # seven days
CALLS_MIN = 20  # a window with fewer says nothing, now or as baseline
MIX_SHIFT_MIN = 0.1  # a tenth of the calls is something else than before
COST_SHIFT_MIN = 0.25  # a quarter dearer or cheaper
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Shift:
    """A shift that is told. `rate` is the highest probability that a window like its baseline is told."""

    size: float  # of a mix 0 to 1; of a cost 0 or more, inf where it was nothing before
    rate: float
    evidence: dict[str, object]  # JSON-able


def shifted_mix(now: Mapping[str, int], history: Sequence[Mapping[str, int]]) -> Shift | None:
    """The shift of the newest window's mix (name -> calls), or None; `history` has the windows before, oldest first.

    The size is the total variation distance sum(|p - q|) / 2: the share of calls that would have to be others. The
    score is the size less what chance alone makes of as many calls, about sum(sqrt(q (1 - q) / (2 pi calls))): so that
    quiet nights do not hide what happens on busy days.
    """
    windows = _counting((*history, now), now)
    if len(windows) <= BASELINE_MIN:
        return None
    calls = [sum(window.values()) for window in windows]
    shares = [
        {name: count / total for name, count in window.items()}
        for window, total in zip(windows, calls, strict=True)
    ]
    sums: dict[str, float] = {}
    for mix in shares:
        for name, share in mix.items():
            sums[name] = sums.get(name, 0.0) + share
    n = len(shares) - 1
    chance = sum(sqrt(_spread(total / (n + 1))) for total in sums.values()) / sqrt(2 * pi)

    def size_of(mix: Mapping[str, float]) -> float:
        # What one side has too much, the other has too little: only the names that a window has need a look.
        return sum(max(0.0, share - (sums[name] - share) / n) for name, share in mix.items())

    scores = (size_of(mix) - chance / sqrt(total) for mix, total in zip(shares, calls, strict=True))
    size = size_of(shares[-1])
    if size < MIX_SHIFT_MIN or not _farthest(size - chance / sqrt(calls[-1]), scores, n):
        return None
    before = {name: (total - shares[-1].get(name, 0.0)) / n for name, total in sums.items()}
    evidence = {
        "calls": calls[-1],
        "changes": _changes(before, shares[-1], windows[-1]),
        "shift": round(size, 4),
        "shift_min": MIX_SHIFT_MIN,
        "baseline_shift_max": round(max(map(size_of, shares[:-1])), 4),
    }
    return _shift(size, n, evidence)


def shifted_cost(now: tuple[int, int], history: Sequence[tuple[int, int]]) -> Shift | None:
    """The shift of the newest window's cost per approved call, or None; a window is (cost_micros, calls).

    Size and score are the relative change |u - m| / m, m being the mean of the other windows' cost per call: 1 is twice
    as dear, or nothing any more.
    """
    windows = [(cost, calls) for cost, calls in (*history, now) if calls >= CALLS_MIN][-BASELINE_MAX - 1 :]
    if now[1] < CALLS_MIN or len(windows) <= BASELINE_MIN:
        return None
    costs = [cost / calls for cost, calls in windows]
    total, n = sum(costs), len(costs) - 1

    def size_of(cost: float) -> float:
        mean = max(0.0, total - cost) / n
        return abs(cost - mean) / mean if mean else inf if cost else 0.0

    size, mean = size_of(costs[-1]), (total - costs[-1]) / n
    if size < COST_SHIFT_MIN or not _farthest(size, map(size_of, costs), n):
        return None
    evidence = {
        "calls": now[1],
        "cost_per_call_micros": {"baseline": round(mean), "now": round(costs[-1])},
        "shift": None if size == inf else round(size, 4),
        "shift_min": COST_SHIFT_MIN,
        "baseline_shift_max": round(max(map(size_of, costs[:-1])), 4),
    }
    return _shift(size, n, evidence)


def _counting(windows: Sequence[Mapping[str, int]], now: Mapping[str, int]) -> list[Mapping[str, int]]:
    """The windows that say something, the newest of them last; none if the newest is none of them."""
    if sum(now.values()) < CALLS_MIN:
        return []
    return [window for window in windows if sum(window.values()) >= CALLS_MIN][-BASELINE_MAX - 1 :]


def _spread(share: float) -> float:
    return max(0.0, share * (1 - share))


def _farthest(score: float, scores: Iterator[float], n: int) -> bool:
    """Whether a score is above the first n; in most windows one of the first few is above it."""
    return all(score > next(scores) for _ in range(n))


def _changes(
    before: Mapping[str, float], now: Mapping[str, float], counts: Mapping[str, int]
) -> list[dict[str, object]]:
    """The names whose share has changed most, most first."""
    by_change = sorted(before, key=lambda name: (-abs(now.get(name, 0.0) - before[name]), name))
    return [
        {
            "name": name,
            "baseline": round(before[name], 4),
            "now": round(now.get(name, 0.0), 4),
            "calls": counts.get(name, 0),
        }
        for name in by_change[:_SHOWN]
    ]


def _shift(size: float, n: int, evidence: dict[str, object]) -> Shift:
    stated = {"baseline_windows": n, "window_s": WINDOW_S, "false_alarms": f"at most 1 in {n + 1} windows"}
    return Shift(size, 1 / (n + 1), evidence | stated)
