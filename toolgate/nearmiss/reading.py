"""Reading denials and audit from Kafka into the folds: what the command line and the report begin with."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolgate.inspection.stretches import records, since
from toolgate.nearmiss.approvals import Approvals
from toolgate.nearmiss.clusters import Clusters
from toolgate.schemas.codec import Codec, DecodeError
from toolgate.schemas.records import AuditEvent, Denial

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolgate.inspection.search import Readers
    from toolgate.schemas.registry import Registry


@dataclass(frozen=True, slots=True)
class Folded:
    """Clusters of denials, and the approvals of the same time."""

    clusters: Clusters
    approvals: Approvals
    now_ms: int


def folded(
    readers: Readers,
    registry: Registry,
    now_ms: int,
    window_ms: int,
    notify: Callable[[str, int, int], None] = lambda _name, _done, _total: None,
) -> Folded:
    """Everything of the window that ends now, and of the one before it.

    Args:
        readers: of the topics.
        registry: where schema ids come from.
        now_ms: the end of the window.
        window_ms: how long it is.
        notify: told of each topic how many offsets are done, and of how many.

    Raises:
        RefusedError, UnreachableError: as the readers.
    """
    found = Folded(Clusters(window_ms), Approvals(), now_ms)
    denials, audit = Codec(Denial, registry), Codec(AuditEvent, registry)
    begin_ms = max(0, now_ms - 2 * window_ms)
    reader = readers("denials")
    for envelope in records(
        reader, since(reader, begin_ms), lambda done, total: notify("denials", done, total)
    ):
        with suppress(DecodeError):  # only the gate writes here: noise is passed over
            found.clusters.take(denials.decode(envelope.value), envelope.time_ms)
    reader = readers("audit")
    for envelope in records(
        reader, since(reader, begin_ms), lambda done, total: notify("audit", done, total)
    ):
        with suppress(DecodeError):
            found.approvals.take(audit.decode(envelope.value))
    return found
