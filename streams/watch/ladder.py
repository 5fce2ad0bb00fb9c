"""The ladder: how much a workflow may do alone, and when it falls a rung.

Its rungs, the loosest first: `enforce`, `canary:N%`, `draft_only`, `shadow`. Down it goes by itself when an objective
of its policy is broken, up only by a person. `read_only` is outside: a tighter stop that people have ordered, left as
it is.

A fall answers a cause once. `demote` goes one rung down, for figures that were all counted after the last move: what
was caused on another rung says nothing of this one. After a fall it waits for a cool-down besides. `draft_only` names
where to stop, not how far to fall: said twice it moves nothing, so it does not wait, and leaves out only what was
before a person last loosened the mode.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolgate.processors.modes import DRAFT_ONLY, ENFORCE, READ_ONLY, SHADOW, canary_percent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEMOTE = "demote"  # what an objective may say to do; or DRAFT_ONLY; or only to alert
CANARY = (
    "canary:10%"  # the rung between enforce and draft_only, where neither policy nor order names its share
)
COOL_DOWN_MS = 3_600_000
RISE_MS = 86_400_000  # a day on a rung, and ...
RISE_RUNS = 50  # ... as many runs are what a person should have seen before it goes up
_TIGHTNESS = {ENFORCE: 0, DRAFT_ONLY: 200, READ_ONLY: 300, SHADOW: 400}
_RUNG = {ENFORCE: 3, DRAFT_ONLY: 1, SHADOW: 0}
_BELOW: dict[int | None, str] = {3: CANARY, 2: DRAFT_ONLY, 1: SHADOW}
_ABOVE: dict[int | None, str] = {2: ENFORCE, 1: CANARY, 0: DRAFT_ONLY}


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a workflow stands: its policy's mode, the modes ordered for it, and when that last changed."""

    policy_mode: str
    ordered: tuple[str, ...] = ()  # each that covers it: for all, its tenant, itself
    moved_ms: int = 0  # its last move in either direction, by an order or an activation; 0 for none
    raised_ms: int = 0  # the last by which a person loosened it
    began_ms: int = 0  # when it first had a policy; 0 for before anybody can say

    @property
    def mode(self) -> str:
        """The tightest of them: what holds."""
        return max((self.policy_mode, *self.ordered), key=_tightness)


@dataclass(frozen=True, slots=True)
class Broken:
    """An objective that is broken, and what its policy says to do about it."""

    slo: str
    then: str  # alert, demote or draft_only
    since_ms: int  # from when on its figures were counted: the beginning of its longest window
    figures: Mapping[str, object]  # JSON-able


@dataclass(frozen=True, slots=True)
class Move:
    """An order that tightens a workflow's mode, with what caused it (JSON-able)."""

    mode: str
    evidence: dict[str, object]


def rung(mode: str) -> int | None:
    """3 enforce, 2 canary, 1 draft_only, 0 shadow; None for read_only, which is no rung."""
    return 2 if canary_percent(mode) is not None else _RUNG.get(mode)


def tighter(mode: str, than: str) -> bool:
    """Whether a mode is lower on the ladder; read_only is between draft_only and shadow."""
    return _tightness(mode) > _tightness(than)


def below(mode: str) -> str | None:
    """The next rung down, or None: there is none below shadow, nor from read_only."""
    return _BELOW.get(rung(mode))


def above(standing: Standing) -> str | None:
    """The next rung up, or None; where its policy stands on that rung, or looser on this one, the policy's mode."""
    mode, written = standing.mode, standing.policy_mode
    to = _ABOVE.get(rung(mode))
    if to is None:
        return None
    looser_here = rung(written) == rung(mode) and written != mode
    return written if looser_here or rung(written) == rung(to) else to


def decide(
    standing: Standing, broken: Sequence[Broken], *, now_ms: int, cool_down_ms: int = COOL_DOWN_MS
) -> Move | None:
    """The one order that the broken objectives ask for, never a looser mode than stands; None for none.

    Where several ask, the tightest holds, and all that ask are named.
    """
    mode = standing.mode
    asked = [(_target(standing, one, now_ms, cool_down_ms), one) for one in broken]
    asking = [(target, one) for target, one in asked if target is not None and tighter(target, mode)]
    if not asking:
        return None
    target = max((target for target, _ in asking), key=_tightness)
    because = [
        {**one.figures, "slo": one.slo, "then": one.then, "since_ms": one.since_ms} for _, one in asking
    ]
    return Move(target, {"was": mode, "to": target, "because": because, "judged_at_ms": now_ms})


def may_rise(
    standing: Standing, *, runs: int, slos: Mapping[str, bool | None], now_ms: int
) -> dict[str, object]:
    """What a person needs to know who thinks of the next rung up; it moves nothing. JSON-able.

    `runs` were finished since the last move, on the rung as it is. `slos` says of each objective whether it was broken
    at any time since then, None where too little happened to say. `lacks` names what is missing; `by` what can loosen
    the mode: an operator's order, or only a new policy.
    """
    on_rung_ms = now_ms - max(standing.moved_ms, standing.began_ms)
    to = above(standing)
    lacks = [] if to else [f"no rung is above {standing.mode}"]
    if on_rung_ms < RISE_MS:
        lacks.append(f"on this rung for {on_rung_ms // 60_000} of {RISE_MS // 60_000} minutes")
    if runs < RISE_RUNS:
        lacks.append(f"{runs} of {RISE_RUNS} runs")
    for slo, broken in sorted(slos.items()):
        if broken or broken is None:
            lacks.append(f"{slo} was {'broken' if broken else 'not judged: too little happened'}")
    by_policy = to is not None and tighter(standing.policy_mode, to)
    return {
        "mode": standing.mode,
        "next": to,
        "by": "policy" if by_policy else "order",
        "on_rung_ms": on_rung_ms,
        "runs": runs,
        "broken": dict(sorted(slos.items())),
        "lacks": lacks,
    }


def _target(standing: Standing, broken: Broken, now_ms: int, cool_down_ms: int) -> str | None:
    """The mode that one broken objective asks for, if it may ask now."""
    if broken.then == DRAFT_ONLY:
        return DRAFT_ONLY if broken.since_ms >= standing.raised_ms else None
    cooled = standing.raised_ms >= standing.moved_ms or now_ms >= standing.moved_ms + cool_down_ms
    fresh = broken.since_ms >= standing.moved_ms
    return below(standing.mode) if broken.then == DEMOTE and cooled and fresh else None


def _tightness(mode: str) -> int:
    """Higher is tighter; among canaries the one that enforces fewer runs."""
    percent = canary_percent(mode)
    return _TIGHTNESS[mode] if percent is None else 100 - percent
