"""Connecting: what librdkafka is told of TLS and SASL, said to Faust's client."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import faust

from toolgate.streams.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolgate.streams.settings import Settings

_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_UNDERSTOOD = frozenset(
    {
        "security.protocol",
        "sasl.mechanism",
        "sasl.mechanisms",
        "sasl.username",
        "sasl.password",
        "ssl.ca.location",
        "ssl.certificate.location",
        "ssl.key.location",
        "ssl.key.password",
        "ssl.endpoint.identification.algorithm",
    }
)
_IGNORED = ("client.rack", "broker.address.")  # they bear no promise


def credentials(settings: Settings) -> faust.auth.Credentials | None:
    """How the watch shows who it is; None on a plain connection.

    Raises:
        SettingsError: a property that this client does not know: it must not be passed over in silence.
    """
    told = {name: secret.get_secret_value() for name, secret in settings.kafka.items()}
    for name in told:
        if name not in _UNDERSTOOD and not name.startswith(_IGNORED):
            raise _refused(
                f"{name} means nothing to the watch's client", f"one of {', '.join(sorted(_UNDERSTOOD))}"
            )
    protocol = told.get("security.protocol", "plaintext").upper()
    match protocol:
        case "PLAINTEXT":
            return None
        case "SSL":
            return faust.SSLCredentials(context=_context(told))
        case "SASL_PLAINTEXT" | "SASL_SSL":
            mechanism = (told.get("sasl.mechanism") or told.get("sasl.mechanisms") or "PLAIN").upper()
            if mechanism not in _MECHANISMS:
                raise _refused(
                    f"the watch cannot do sasl.mechanism {mechanism}", f"one of {', '.join(_MECHANISMS)}"
                )
            return faust.SASLCredentials(
                mechanism=mechanism,
                username=told.get("sasl.username"),
                password=told.get("sasl.password"),
                ssl_context=_context(told) if protocol == "SASL_SSL" else None,
            )
    raise _refused(
        f"security.protocol {protocol} is unknown", "one of plaintext, ssl, sasl_plaintext, sasl_ssl"
    )


def _context(told: Mapping[str, str]) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=told.get("ssl.ca.location"))
        if certificate := told.get("ssl.certificate.location"):
            context.load_cert_chain(certificate, told.get("ssl.key.location"), told.get("ssl.key.password"))
    except (OSError, ssl.SSLError) as error:
        raise _refused(f"TLS cannot be set up: {error}", "files that exist and fit each other") from None
    if told.get("ssl.endpoint.identification.algorithm") == "none":
        context.check_hostname = False
    return context


def _refused(what: str, remedy: str) -> SettingsError:
    return SettingsError(f"settings: kafka: {what}", where="TOOLGATE_KAFKA", remedy=f"write {remedy}")
