"""Clusters: denials of one effect, counted, with examples; a fold of the topic of denials whose memory has a bound."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from toolgate.nearmiss.effects import effect_of
from toolgate.nearmiss.misses import Miss, nearness
from toolgate.nearmiss.needs import Together, need_of
from toolgate.nearmiss.windows import WEEK_MS, Tally, Windows

if TYPE_CHECKING:
    from toolgate.nearmiss.effects import Effect
    from toolgate.nearmiss.misses import Filters
    from toolgate.nearmiss.needs import Need
    from toolgate.schemas.records import Denial, Reason

CLUSTERS_MAX = 1_000
EXAMPLES_MAX = 50  # of a cluster, the newest
NEEDS_MAX = 256  # different combinations of limits that would have been enough, of a cluster


@dataclass(slots=True)
class Cluster:
    """Denials of one effect.

    `needs`: what each reason's limit would have had to be, in the order of the effect's reasons (None: no figure
    tells), and how often; `unplaced` denials found no room there. `together`: by reason, what all would have taken
    from one account. `newest`: the reasons of the newest denial.
    """

    effect: Effect
    windows: Windows
    count: int = 0
    first_ms: int = 0
    last_ms: int = 0
    nearest: Miss | None = None
    examples: deque[Miss] = field(default_factory=lambda: deque(maxlen=EXAMPLES_MAX))
    needs: dict[Need, int] = field(default_factory=dict)
    unplaced: int = 0
    together: dict[tuple[str, str], Together] = field(default_factory=dict)
    newest: tuple[Reason, ...] = ()
    digest: str = ""  # of the policy set that the newest denial was decided under

    @property
    def id(self) -> str:
        """Of its effect."""
        return self.effect.id

    def take(self, miss: Miss) -> None:
        """The next denial."""
        denial, time_ms = miss.denial, miss.time_ms
        self.count += 1
        self.first_ms = min(self.first_ms or time_ms, time_ms)
        if time_ms >= self.last_ms:
            self.last_ms, self.newest, self.digest = time_ms, denial.reasons, denial.policy_digest
        if self.nearest is None or miss.nearness <= self.nearest.nearness:
            self.nearest = miss
        self.examples.append(miss)
        self.windows.take(denial, time_ms)
        reasons = [_furthest(denial.reasons, key) for key in self.effect.reasons]
        for key, reason in zip(self.effect.reasons, reasons, strict=True):
            self.together.setdefault(key, Together()).take(reason)
        need = tuple(map(need_of, reasons))
        if need in self.needs or len(self.needs) < NEEDS_MAX:
            self.needs[need] = self.needs.get(need, 0) + 1
        else:
            self.unplaced += 1

    def reasons(self) -> tuple[Reason, ...]:
        """One for each code and rule of the effect, as the newest denial has them."""
        return tuple(_furthest(self.newest, key) for key in self.effect.reasons)

    def shown(self) -> list[Miss]:
        """The examples, the nearest to allowed first, of equals the newest."""
        return sorted(self.examples, key=lambda miss: (miss.nearness, -miss.time_ms))


@dataclass(frozen=True, slots=True)
class Ranked:
    """A cluster with the window that ends now, and the one before it."""

    cluster: Cluster
    this: Tally
    before: Tally


class Clusters:
    """A fold of the topic of denials.

    Args:
        window_ms: what counts for the rank, and is compared with as long before.
    """

    def __init__(self, window_ms: int = WEEK_MS) -> None:
        self.window_ms = window_ms
        self.seen = 0
        self.forgotten = (
            0  # clusters of which nothing had come for the longest time, when there were too many
        )
        self._clusters: OrderedDict[Effect, Cluster] = OrderedDict()

    def take(self, denial: Denial, time_ms: int) -> None:
        """The next denial, with the time at which it came."""
        self.seen += 1
        effect = effect_of(denial)
        cluster = self._clusters.get(effect)
        if cluster is None:
            if len(self._clusters) == CLUSTERS_MAX:
                self._clusters.popitem(last=False)
                self.forgotten += 1
            cluster = self._clusters[effect] = Cluster(effect, Windows(self.window_ms))
        self._clusters.move_to_end(effect)
        cluster.take(Miss(denial, time_ms, nearness(denial.reasons)))

    def ranked(self, filters: Filters, now_ms: int) -> list[Ranked]:
        """Those of which something was denied in this window, the highest score first."""
        found = [
            Ranked(cluster, *cluster.windows.both(now_ms))
            for effect, cluster in self._clusters.items()
            if filters.wants(effect.workflow_id, effect.tool, (code for code, _ in effect.reasons))
        ]
        found = [one for one in found if one.this.count]
        return sorted(found, key=lambda one: (-one.this.score, one.cluster.id))

    def find(self, wanted: str, now_ms: int) -> Ranked | None:
        """The cluster of an id, or of the beginning of one that no other begins with; None for neither."""
        found = [cluster for cluster in self._clusters.values() if cluster.id.startswith(wanted)]
        exact = [cluster for cluster in found if cluster.id == wanted]
        if not wanted or len(exact or found) != 1:
            return None
        [cluster] = exact or found
        return Ranked(cluster, *cluster.windows.both(now_ms))


def _furthest(reasons: tuple[Reason, ...], key: tuple[str, str]) -> Reason:
    """Of several reasons of one code and rule, the one that wants the most."""
    found = [reason for reason in reasons if (reason.code, reason.rule) == key]
    return max(found, key=lambda reason: reason.distance or 0)
