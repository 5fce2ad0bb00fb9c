"""Connecting: what librdkafka is told, said to Faust's client."""

from __future__ import annotations

import pytest

from toolgate.streams.errors import SettingsError
from toolgate.streams.settings import load
from toolgate.streams.watch import application
from toolgate.streams.watch.connecting import credentials


def settings(**kafka: str):
    """Settings with these connection properties; an underscore stands for a dot."""
    return load(
        bootstrap_servers="a:1, b:2", kafka={name.replace("_", "."): value for name, value in kafka.items()}
    )


def test_a_plain_connection_needs_nothing() -> None:
    """Also with what bears no promise."""
    assert credentials(settings(client_rack="r1")) is None


def test_sasl() -> None:
    """User and mechanism are passed on; TLS where it is asked for."""
    found = credentials(
        settings(
            security_protocol="SASL_SSL",
            sasl_mechanism="SCRAM-SHA-256",
            sasl_username="watch",
            sasl_password="word",
        )
    )
    assert (found.username, found.mechanism.value, found.protocol.value) == (
        "watch",
        "SCRAM-SHA-256",
        "SASL_SSL",
    )
    assert found.ssl_context is not None
    assert credentials(settings(security_protocol="sasl_plaintext")).ssl_context is None
    assert credentials(settings(security_protocol="ssl")).protocol.value == "SSL"


@pytest.mark.parametrize(
    ("kafka", "says"),
    [
        ({"security_protocol": "tls"}, "security.protocol TLS"),
        ({"security_protocol": "sasl_ssl", "sasl_mechanism": "GSSAPI"}, "GSSAPI"),
        ({"security_protocol": "ssl", "ssl_ca_location": "/no/such/file"}, "TLS cannot be set up"),
        ({"ssl_cipher_suites": "x"}, "ssl.cipher.suites means nothing"),
    ],
)
def test_what_cannot_be_kept_is_refused(kafka: dict[str, str], says: str) -> None:
    """A property that is passed over in silence might be what keeps others out."""
    with pytest.raises(SettingsError, match=says):
        credentials(settings(**kafka))


def test_the_application_is_named_by_its_prefix() -> None:
    """Its group and its changelogs are of this trust zone; every broker is tried."""
    app = application.make(settings())
    assert app.conf.id == "toolgate-watch"
    assert [str(url) for url in app.conf.broker] == ["kafka://a:1", "kafka://b:2"]


def test_no_worker_stands_by() -> None:
    """Faust drops records of a changelog that it read as a standby once it takes the partition over, and hangs."""
    assert application.make(settings()).conf.table_standby_replicas == 0
