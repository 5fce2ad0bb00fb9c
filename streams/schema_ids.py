"""Where schema ids come from: the Schema Registry of the settings, or the bundled ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolgate.schemas.registry import bundled

if TYPE_CHECKING:
    from toolgate.schemas.registry import Registry
    from toolgate.streams.settings import Settings


def registry(settings: Settings) -> Registry:
    """The Schema Registry that the settings name, or the bundled ids.

    Raises:
        RegistryError: the address is none.
    """
    if not settings.schema_registry_url:
        return bundled()
    from toolgate.schemas import confluent  # noqa: PLC0415 - its client takes a third of a second to load

    return confluent.connect(settings.schema_registry_url, prefix=f"{settings.prefix}.")
