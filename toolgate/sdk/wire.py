"""The wire: codecs whose schema ids are the gate's, from the Schema Registry of the settings where there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from toolgate.schemas.codec import Codec, DecodeCode, DecodeError
from toolgate.schemas.registry import RegistryError
from toolgate.streams import schema_ids
from toolgate.streams.errors import RefusedError, UnreachableError
from toolgate.streams.ports import RetryError

if TYPE_CHECKING:
    from toolgate.processors.case import Envelope
    from toolgate.streams.settings import Settings

T = TypeVar("T")


class Wire:
    """Makes the codecs of a client or an executor, all over one registry.

    Args:
        settings: `schema_registry_url` names the Schema Registry, `prefix` begins its subjects; without a URL the ids
            are the bundled ones. Both must be the gate's: what carries another registry's ids cannot be read.

    Raises:
        UnreachableError: the URL is none.
    """

    def __init__(self, settings: Settings) -> None:
        try:
            self._registry = schema_ids.registry(settings)
        except RegistryError as error:
            raise _silent(error) from error

    def codec(self, record_type: type[T]) -> Codec[T]:
        """The codec of a record's topic; asks the Schema Registry for the id of the newest schema.

        Raises:
            UnreachableError: it does not answer, or refuses.
        """
        try:
            return Codec(record_type, self._registry)
        except RegistryError as error:
            raise _silent(error) from error


def decode(codec: Codec[T], envelope: Envelope) -> T:
    """The record in an envelope that must not be passed over while it is undecided.

    Raises:
        RetryError: it is undecided; says at which place.
        RefusedError: it is a command whose schema nobody knows here: passed over, it would be run by nobody.
        DecodeError: it is no record, now or later.
    """
    try:
        return codec.decode(envelope.value)
    except DecodeError as error:
        if error.undecided:
            raise RetryError(f"{place_of(envelope)}: {error}") from error
        if error.reason_code == DecodeCode.UNKNOWN_SCHEMA and envelope.topic == "commands":
            raise RefusedError(
                "the schema of this command is not known here: a newer gate wrote it, or one with another registry",
                where=place_of(envelope),
                remedy="upgrade toolgate here, or name the gate's TOOLGATE_SCHEMA_REGISTRY_URL: it goes on from there",
            ) from error
        raise


def place_of(envelope: Envelope) -> str:
    """Where a record lies, for people."""
    return f"{envelope.topic}[{envelope.partition}] at {envelope.offset}"


def _silent(error: RegistryError) -> UnreachableError:
    return UnreachableError(
        str(error),
        where="TOOLGATE_SCHEMA_REGISTRY_URL",
        remedy="start the Schema Registry, or give the URL that the gate has",
    )
