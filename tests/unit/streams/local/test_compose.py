"""docker-compose.yml describes the system that the local stack starts."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from toolgate.streams.local.artefacts import KAFKA_VERSION
from toolgate.streams.local.broker import BROKER_PROPERTIES
from toolgate.streams.local.valkey import VALKEY_SETTINGS

FILE = Path(__file__).parents[4] / "docker-compose.yml"
# What differs because a container is not this machine.
OWN = {
    "controller.quorum.voters",
    "listeners",
    "advertised.listeners",
    "listener.security.protocol.map",
    "log.dirs",
}


@pytest.fixture(scope="module")
def services():
    """The file's services."""
    return YAML(typ="safe", pure=True).load(FILE)["services"]


def test_kafka_has_the_same_properties(services):
    """Name by name: KAFKA_X_Y in the container is x.y here."""
    environment = services["kafka"]["environment"]
    properties = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in environment.items()
        if name.startswith("KAFKA_") and name != "KAFKA_HEAP_OPTS"
    }
    assert {name: value for name, value in properties.items() if name not in OWN} == BROKER_PROPERTIES
    assert set(properties) - set(BROKER_PROPERTIES) == OWN


def test_kafka_has_the_same_version(services):
    """The image's tag is the version of the jars."""
    assert services["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"


def test_valkey_has_the_same_settings(services):
    """Option by option."""
    words = services["valkey"]["command"]
    assert words[0] == "valkey-server"
    assert (
        dict(zip([word.removeprefix("--") for word in words[1::2]], words[2::2], strict=True))
        == VALKEY_SETTINGS
    )
    assert services["valkey"]["image"] == "valkey/valkey:8"


@pytest.mark.parametrize("name", ["kafka", "valkey"])
def test_is_reachable_from_this_machine_only_and_has_a_health_check(services, name):
    """Nothing here asks for a password, so nothing may listen to the network."""
    service = services[name]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["profiles"] == ["core"]
