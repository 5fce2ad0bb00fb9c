"""A seed of the simulator: its history, what it shows, and the least of it that still shows something wrong.

A history is held to the checker first. What satisfies that is verified and decided again as well.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from typing import TYPE_CHECKING

from judged import judged
from races import races
from worlds import STEPS, WORLDS, life

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KINDS = tuple(WORLDS)  # seeds take turns
PEOPLE = frozenset({"votes", "ticks"})


def world_of(seed: int) -> str:
    """The name of the world that a seed lives in."""
    return KINDS[seed % len(KINDS)]


def seeds_of(world: str | None, first: int, count: int) -> Iterator[int]:
    """So many seeds from `first` on: those of one world, or of all in turns."""
    return islice((seed for seed in itertools.count(first) if world in {None, world_of(seed)}), count)


@dataclass(frozen=True, slots=True)
class Lived:
    """What one history came to.

    Attributes:
        seed: which one.
        decisions: committed ones.
        suffered: faults by kind.
        people: what votes, and the ticks that end what waits, came to: how often, by note of the audit.
        races: how many votes were judged, and what they raced with.
        violations: what is wrong with it.
        digest: of its audit, byte for byte.
        trace: its last steps.
    """

    seed: int
    decisions: int = 0
    suffered: Counter[str] = field(default_factory=Counter)
    people: Counter[str] = field(default_factory=Counter)
    races: Counter[str] = field(default_factory=Counter)
    violations: tuple[str, ...] = ()
    digest: str = ""
    trace: tuple[str, ...] = ()


def live(seed: int, steps: int = STEPS, without: frozenset[str] = frozenset()) -> Lived:
    """One history. Whatever the gate raises in it is a finding too: no history may end so."""
    world = WORLDS[world_of(seed)]
    universe = world.make(seed)
    universe.without = without
    try:
        found = life(universe, steps, world.rates) or judged(universe)
    except Exception as error:  # noqa: BLE001
        found = [f"{type(error).__name__}: {error}"]
    audit = [
        envelope.value or b""
        for tp in sorted(universe.broker.log)
        if tp[0] == "audit"
        for envelope in universe.broker.visible(tp, 0)
    ]
    told = blake2b(b"".join(audit), digest_size=16).hexdigest()
    people = Counter(event.note for event in universe.audit() if event.topic in PEOPLE)
    return Lived(
        seed,
        len(audit),
        universe.suffered,
        people,
        races(universe),
        tuple(found),
        told,
        tuple(universe.trace),
    )


@dataclass(frozen=True, slots=True)
class Shrunk:
    """The shortest life of a seed, with the fewest kinds of faults, that is still wrong."""

    steps: int
    without: frozenset[str]
    lived: Lived


def shrink(failed: Lived, steps: int, live: Callable[[int, int, frozenset[str]], Lived] = live) -> Shrunk:
    """Fewer steps, then fewer kinds of faults, then fewer steps again.

    A shorter life of a seed is the beginning of a longer one, so what went wrong in it stays wrong: halving finds
    the step. Without a kind of fault it is another history, which need not fail; then the kind stays.
    """
    seed, without, best = failed.seed, frozenset[str](), failed
    steps, best = _shortest(seed, steps, without, best, live)
    for kind in sorted(best.suffered):
        tried = live(seed, steps, without | {kind})
        if tried.violations:
            without, best = without | {kind}, tried
    steps, best = _shortest(seed, steps, without, best, live)
    return Shrunk(steps, without, best)


def _shortest(
    seed: int,
    steps: int,
    without: frozenset[str],
    best: Lived,
    live: Callable[[int, int, frozenset[str]], Lived],
) -> tuple[int, Lived]:
    right = 0  # steps that show nothing
    while steps - right > 1:
        middle = (right + steps) // 2
        tried = live(seed, middle, without)
        if tried.violations:
            steps, best = middle, tried
        else:
            right = middle
    return steps, best
