"""What the commands of `toolgate near-miss` work with: denials and audit of a window, folded; policies; options."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolgate.cli import folders, progress
from toolgate.cli.deadline import duration_of
from toolgate.inspection.errors import NotFoundError
from toolgate.inspection.policies import store
from toolgate.inspection.search import Readers
from toolgate.nearmiss.bodies import intents_at
from toolgate.nearmiss.looking import places, told
from toolgate.nearmiss.reading import folded
from toolgate.nearmiss.sets import Sets
from toolgate.streams import schema_ids
from toolgate.streams.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolgate.nearmiss.clusters import Ranked
    from toolgate.nearmiss.looking import Told
    from toolgate.nearmiss.reading import Folded
    from toolgate.schemas.registry import Registry
    from toolgate.streams.settings import Settings

EXAMPLES = 10
WINDOW_MS_MIN, WINDOW_MS_MAX = 60_000, 90 * 86_400_000


Since = Annotated[
    str,
    typer.Option("--since", metavar="DURATION", help="The window; as long before it is compared with it."),
]
Policies = Annotated[
    Path | None,
    typer.Option(
        "--policy", help="Folder of the policies, where no set was activated. Default: the published set."
    ),
]
ClusterId = Annotated[str, typer.Argument(metavar="CLUSTER", help="Its id, or how that begins.")]


@dataclass(frozen=True, slots=True)
class Desk:
    """What the commands of the group work with."""

    settings: Settings
    registry: Registry
    readers: Readers
    folded: Folded
    sets: Sets

    def find(self, wanted: str) -> Ranked:
        """The cluster of an id. Raises NotFoundError."""
        ranked = self.folded.clusters.find(wanted, self.folded.now_ms)
        if ranked is None:
            raise NotFoundError(
                f"no cluster, or more than one, is {wanted!r}",
                where="the denials of this window and of the one before it",
                remedy="see which there are: toolgate near-miss; or look further back: --since 30d",
            )
        return ranked

    def told(self, found: Sequence[Ranked], most: int, *, bodies: bool) -> list[Told]:
        """What is known of some clusters; with what their intents say where `bodies`."""
        approvals = self.folded.approvals
        wanted = [place for one in found for place in places(one, approvals, most)] if bodies else []
        read = intents_at(self.readers("intents"), wanted, self.registry) if wanted else {}
        return [told(one, approvals, self.sets.policies(one.cluster.digest), read, most) for one in found]


@contextmanager
def opened(settings: Settings, since: str) -> Iterator[Desk]:
    """Read the denials and the audit of a window and the one before it.

    Raises:
        SettingsError: `--since` is no window.
        LoadError: the folder of the settings' policies does not load.
    """
    window_ms, policy = _window(since), settings.policies_dir
    registry = schema_ids.registry(settings)
    if policy is not None:
        folders.load(policy)  # its mistakes are told by paths that lead there from here
    with Readers(settings) as readers:
        sets = Sets(store(settings), policy)
        with progress.bars("Reading") as notify:
            found = folded(readers, registry, time.time_ns() // 1_000_000, window_ms, notify)
        yield Desk(settings, registry, readers, found, sets)


def _window(text: str) -> int:
    window_ms = duration_of("--since", text, "1d or 7d")
    if not WINDOW_MS_MIN <= window_ms <= WINDOW_MS_MAX:
        raise SettingsError(
            f"--since {text} is no window", where="arguments", remedy="give one between 1m and 90d"
        )
    return window_ms
