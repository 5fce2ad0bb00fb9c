"""Schema Registries for the SDK's tests: one that all parts of a test share, and one that does not answer."""

from __future__ import annotations

import pytest

from toolgate.schemas import confluent
from toolgate.schemas.codec import Codec
from toolgate.schemas.registry import RegistryError, bundled


class Silent:
    """Knows the bundled ids and does not answer for any other."""

    id_of = staticmethod(bundled().id_of)

    def find(self, schema_id: int):
        """As `Registry.find`."""
        raise RegistryError("no answer")


@pytest.fixture
def undecided():
    """Makes codecs for which an id that is not bundled is undecided."""
    return lambda record_type: Codec(record_type, Silent())


@pytest.fixture
def registry(monkeypatch):
    """The registry of whoever asks for one of these settings; each `mock://` would be one of its own."""
    one = confluent.connect("mock://schemas", prefix="toolgate.")
    monkeypatch.setattr(confluent, "connect", lambda url, *, prefix: one)
    return one
