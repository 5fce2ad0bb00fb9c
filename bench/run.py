"""One run: what is measured, in which order, and what came of it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from bench import entrants, latency, memory, throughput, workload
from bench.results import Results

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.entrants import Entrant
    from bench.ground import Site

WINDOW_S = 10.0
WINDOWS = 2
QUICK = 4  # a quick run has so much less of everything


class Part(StrEnum):
    """What can be measured alone: the speed of one contender, latency, memory."""

    COPY = "copy"
    ECHO = "echo"
    FAUST = "faust"
    QUIX = "quix"
    GATE = "gate"
    LATENCY = "latency"
    MEMORY = "memory"


class Run:
    """Measures the parts it is given.

    Args:
        site: a running stack.
        parts: what is measured.
        rounds: how often each contender runs; the results are medians over rounds.
        quick: a quarter of everything, for a first look.
    """

    def __init__(self, site: Site, parts: Sequence[Part], *, rounds: int, quick: bool) -> None:
        self._site = site
        self._share = QUICK if quick else 1
        self._rounds = rounds
        self._contenders = [entrant for entrant in entrants.ENTRANTS if entrant.name in parts]
        self._latencies = [entrants.ECHO, entrants.GATE] if Part.LATENCY in parts else []
        self._memory = Part.MEMORY in parts
        self.results = Results()

    @property
    def steps(self) -> int:
        """How many measurements there are."""
        return self._rounds * len(self._contenders) + WINDOWS * len(self._latencies) + self._memory

    def measure(self, begins: Callable[[str], None], ended: Callable[[str], None]) -> Results:
        """Everything, step by step; `begins` and `ended` are told in a few words what is at hand and what came of it.

        Raises:
            MeasureError: a measurement that must not count.
            LocalStackError, UnreachableError, RefusedError: a part does not come up.
        """
        self._throughput(begins, ended)
        self._latency(begins, ended)
        if self._memory:
            begins(f"{entrants.GATE.title}: memory")
            backlog = list(workload.intents(memory.RUNS // self._share, "memory", calls_per_run=1))
            self.results.memory = found = memory.measure(self._site, entrants.GATE, backlog)
            ended(f"{found.rss_mb:,.0f} MB after {found.runs:,} runs")
        return self.results

    def _throughput(self, begins: Callable[[str], None], ended: Callable[[str], None]) -> None:
        most = max((entrant.intents for entrant in self._contenders), default=0)
        backlog = list(workload.intents(most // self._share, "backlog"))
        for number in range(self._rounds):
            found = []
            for entrant in _turned(self._contenders, number):
                begins(f"round {number + 1}: {entrant.title}")
                count = entrant.intents // self._share
                speed = throughput.measure(self._site, entrant, backlog[:count])
                found.append(speed)
                ended(f"{speed.per_s:,.0f} intents/s")
            if found:
                self.results.rounds.append(found)

    def _latency(self, begins: Callable[[str], None], ended: Callable[[str], None]) -> None:
        """Windows of the two in turns, and each contender's together in the end."""
        seconds = WINDOW_S / self._share
        count = int((seconds + latency.WARM_S) * latency.PER_S) + 1
        load = list(workload.intents(count, "load")) if self._latencies else []
        windows: dict[str, list[latency.Window]] = {entrant.name: [] for entrant in self._latencies}
        for number in range(WINDOWS):
            for entrant in _turned(self._latencies, number):
                begins(f"latency at {latency.PER_S:,} intents/s: {entrant.title}")
                windows[entrant.name].append(latency.measure(self._site, entrant, load, seconds))
                so_far = latency.summary(windows[entrant.name])
                ended(f"p50 {so_far.p50_ms:.1f} ms, p99 {so_far.p99_ms:.1f} ms")
        self.results.latencies = {name: latency.summary(found) for name, found in windows.items()}


def _turned(found: Sequence[Entrant], by: int) -> list[Entrant]:
    """The same in another order each time: who runs after whom must not decide."""
    start = by % max(len(found), 1)
    return [*found[start:], *found[:start]]
