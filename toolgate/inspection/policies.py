"""The policies that something was decided under, where they were activated: they are on the log like all else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate import __version__
from toolgate.inspection.reader import TopicReader
from toolgate.inspection.stretches import records, whole
from toolgate.processors.policy_store import PolicyStore, loader_of
from toolgate.processors.problems import LoadError
from toolgate.streams.errors import RefusedError
from toolgate.streams.ports import POLICIES

if TYPE_CHECKING:
    from toolgate.processors.policy import PolicySet
    from toolgate.streams.settings import Settings


def published(settings: Settings, digest: str) -> PolicySet | None:
    """The set of this digest; None where it is not published, does not load here, or may not be read.

    Raises:
        UnreachableError: Kafka does not answer.
    """
    found = store(settings)
    try:
        return found.policies(digest) if found and found.files(digest) else None
    except LoadError:
        return None


def store(settings: Settings) -> PolicyStore | None:
    """Everything that was published; None where it may not be read.

    Raises:
        UnreachableError: Kafka does not answer.
    """
    found = PolicyStore(loader_of(__version__))
    try:
        with TopicReader(settings, POLICIES) as reader:
            for envelope in records(reader, whole(reader)):
                found.take(envelope)
    except RefusedError:
        return None
    return found
