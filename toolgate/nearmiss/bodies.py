"""Bodies: the intents behind denials and approvals, read by their places, and shown without what policies hide."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from toolgate.inspection.stretches import records
from toolgate.processors.capture import redacted
from toolgate.processors.limits import record_names
from toolgate.processors.paths import values_at
from toolgate.schemas.codec import Codec, DecodeError
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Intent
from toolgate.schemas.strict_json import JsonError, dumps_canonical, loads_strict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from toolgate.inspection.stretches import Readable
    from toolgate.processors.policy import PolicySet
    from toolgate.schemas.registry import Registry

Place = tuple[int, int]  # partition and offset on the topic of intents
PARAMS_BYTES_MAX = 1_000_000
_GAP = 500  # offsets that are read over sooner than to begin anew behind them


@dataclass(frozen=True, slots=True)
class Body:
    """What a call's parameters say of its effect. `numbers`: those above 0 that name no record, as `params.<name>`."""

    records: frozenset[str] | None  # None where nobody can say
    numbers: dict[str, Decimal]


def intents_at(reader: Readable, places: Iterable[Place], registry: Registry | None) -> dict[Place, Intent]:
    """The intents at some places; those that are no longer kept, or cannot be read, are left out.

    Raises:
        RefusedError, UnreachableError: as the reader.
    """
    codec = Codec(Intent, registry)
    wanted = sorted({place for place in places if place[0] in reader.partitions})
    found: dict[Place, Intent] = {}
    while wanted:
        partition, begin = wanted[0]
        last = begin
        run = [place for place in wanted if place[0] == partition]
        for _, offset in run:
            if offset - last > _GAP:
                break
            last = offset
        here = {place for place in run if place[1] <= last}
        first, end = reader.span(partition)
        stretch = (max(begin, first), min(last + 1, end))
        for envelope in records(reader, {partition: stretch}) if stretch[0] < stretch[1] else ():
            if (partition, envelope.offset) in here:
                with suppress(DecodeError):
                    found[partition, envelope.offset] = codec.decode(envelope.value)
        wanted = [place for place in wanted if place not in here]
    return found


def shown(intent: Intent, policies: PolicySet | None) -> Intent:
    """An intent without what its policy hides; without any parameters where nobody can say what that is."""
    if policies is None:
        return changed(intent, params="{}")
    policy = policies.for_workflow(intent.tenant, intent.workflow_id)
    tool = policies.tools.get(intent.tool)
    hidden = (*(policy.redact if policy else ()), *(tool.redact if tool else ()))
    try:
        params = loads_strict(intent.params, max_bytes=PARAMS_BYTES_MAX)
    except JsonError:
        return changed(intent, params="{}")
    return changed(intent, params=dumps_canonical(redacted(params, hidden)))


def body_of(intent: Intent, policies: PolicySet) -> Body | None:
    """What a call's parameters say of its effect; None where they cannot be read.

    The records are those that the catalogue of the set finds in them, and what the agent declared.
    """
    try:
        params = loads_strict(intent.params, max_bytes=PARAMS_BYTES_MAX)
    except JsonError:
        return None
    tool = policies.tools.get(intent.tool)
    paths = (tool.records if tool else None) or ()
    named = [
        str(value) for path in paths for value in values_at(params, path) if isinstance(value, str | int)
    ]
    numbers = {
        f"params.{name}": Decimal(repr(value))
        for name, value in params.items()
        if isinstance(value, int | float)
        and not isinstance(value, bool)
        and value > 0
        and (name,) not in paths
    }
    return Body(frozenset(record_names((*named, *intent.declared_records))) or None, numbers)
