"""The webhooks file: who is told of what, where. It names secrets and holds none.

    endpoints:
      - name: pager
        url: https://hooks.example.com/toolgate
        secret_file: pager.secret      # or secret_env; whsec_ and base64, or base64 alone
        events: [hold.opened, item.overdue, alert.raised]   # default: all
        workflows: [refunds_v1]        # default: all
        parameters: true               # default: false
        timeout: 10s
        give_up_after: 24h

A relative `secret_file` lies beside the file.
"""

from __future__ import annotations

import os
import re
from base64 import b64decode
from binascii import Error as Base64Error
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from toolgate.notify.events import EventType
from toolgate.processors.fields import DurationMs, Id, StrictModel, refused
from toolgate.processors.names import names_this_machine
from toolgate.processors.problems import LoadError, Problem
from toolgate.processors.written_file import read_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ENDPOINTS_MAX = 32
SECRET_BYTES_MIN, SECRET_BYTES_MAX = 24, 64
TIMEOUT_MS_MIN, TIMEOUT_MS_MAX = 100, 60_000
GIVE_UP_MS_MIN, GIVE_UP_MS_MAX = 60_000, 7 * 86_400_000
_PREFIX = "whsec_"
# A host's name; addresses with colons `urlsplit` has checked.
_HOST = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?")


class EndpointEntry(StrictModel):
    """One endpoint, as people write it."""

    name: Id = Field(description="names its consumer group: another name begins anew, at what comes then")
    url: Annotated[str, Field(min_length=1, max_length=2_000)] = Field(
        description="https; http only to this machine itself"
    )
    secret_file: str | None = Field(default=None, min_length=1, description="the signing secret")
    secret_env: str | None = Field(default=None, min_length=1, description="... or the variable that has it")
    # Strict models take no text for an enum: checked below, with a hint.
    events: Annotated[list[str], Field(min_length=1)] | None = Field(default=None, description="default: all")
    workflows: Annotated[list[Id], Field(min_length=1)] | None = Field(
        default=None, description="default: all"
    )
    parameters: bool = Field(
        default=False, description="whether it is shown what calls ask, as far as policies do not redact it"
    )
    begin: Literal["end", "beginning"] = Field(
        default="end", description="where its group begins as long as Kafka keeps no place of it"
    )
    timeout: DurationMs = Field(default=10_000, description="for one request, 100ms to 60s")
    give_up_after: DurationMs = Field(
        default=86_400_000, description="what is so old is told no more if it could not be: 1m to 7d"
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.secret_file is None) == (self.secret_env is None):
            raise refused((), f"endpoint {self.name} needs one secret", "give it secret_file or secret_env")
        for key in ("secret_file", "secret_env"):
            if (getattr(self, key) or "").startswith(_PREFIX):  # whatever else is said of it would show it
                what = f"{key} of endpoint {self.name} is a secret, not where one is"
                raise refused((key,), what, "put it into a file, and name that")
        if fault := url_fault(self.url):
            raise refused(("url",), f"url {fault}", "write https://host/path")
        for at, name in enumerate(self.events or ()):
            if name not in set(EventType):
                raise refused(("events", at), f"no event is called {name[:64]!r}", ", ".join(EventType))
        if not TIMEOUT_MS_MIN <= self.timeout <= TIMEOUT_MS_MAX:
            raise refused(("timeout",), "a timeout is 100ms to 60s", "write 10s")
        if not GIVE_UP_MS_MIN <= self.give_up_after <= GIVE_UP_MS_MAX:
            raise refused(("give_up_after",), "what is old is given up after 1m to 7d", "write 24h")
        return self


class WebhooksFile(StrictModel):
    """The whole file."""

    endpoints: Annotated[list[EndpointEntry], Field(min_length=1, max_length=ENDPOINTS_MAX)]

    @model_validator(mode="after")
    def _names(self) -> Self:
        names = [entry.name for entry in self.endpoints]
        for at, name in enumerate(names):
            if name in names[:at]:
                what = f"two endpoints are called {name}: they would share what they are told"
                raise refused(("endpoints", at, "name"), what, "give each a name of its own")
        return self


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Who is told, with the secret; times in milliseconds."""

    name: str
    url: str
    secret: bytes = field(repr=False)
    events: frozenset[EventType]
    workflows: frozenset[str] | None  # None: all
    parameters: bool
    from_beginning: bool  # where its group has no place
    timeout_ms: int
    give_up_ms: int


def load(path: Path, environment: Mapping[str, str] = os.environ) -> tuple[Endpoint, ...]:
    """The endpoints of a file with their secrets.

    Raises:
        LoadError: every mistake and every secret that cannot be had, by endpoint; never a secret's content.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        hint = "write one: docs/guides/webhooks.md"
        raise LoadError([Problem(str(path), 0, 0, f"cannot be read: {error.strerror}", hint)]) from None
    document, file, faults = read_file(str(path), text, WebhooksFile)
    if document is None or file is None or faults:
        raise LoadError(faults)
    found: list[Endpoint] = []
    for at, entry in enumerate(file.endpoints):
        try:
            found.append(_endpoint(entry, _secret(entry, path, environment)))
        except ValueError as error:
            hint = "a secret is whsec_ and 24 to 64 random bytes in base64"
            faults.append(document.problem(("endpoints", at), f"endpoint {entry.name}: {error}", hint))
    if faults:
        raise LoadError(faults)
    return tuple(found)


def url_fault(url: str) -> str:
    """What is wrong with an endpoint's address, or ""."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:  # its text may hold a part of a password
        return "is none"
    if not url.isascii() or not url.isprintable() or " " in url:
        return "has characters that no address has"
    if parts.username is not None or parts.fragment:
        return "has a user, a password or a fragment"
    if parts.scheme not in {"https", "http"} or port == 0 or not (_HOST.fullmatch(host) or ":" in host):
        return "is none"
    if parts.scheme == "http" and not names_this_machine(host):
        return "is not encrypted: anybody on the way could read and answer it"
    return ""


def _endpoint(entry: EndpointEntry, secret: bytes) -> Endpoint:
    return Endpoint(
        name=entry.name,
        url=entry.url,
        secret=secret,
        events=frozenset(map(EventType, entry.events or EventType)),
        workflows=frozenset(entry.workflows) if entry.workflows else None,
        parameters=entry.parameters,
        from_beginning=entry.begin == "beginning",
        timeout_ms=entry.timeout,
        give_up_ms=entry.give_up_after,
    )


def _secret(entry: EndpointEntry, path: Path, environment: Mapping[str, str]) -> bytes:
    if entry.secret_file is not None:
        source = f"secret file {path.parent / entry.secret_file}"
        try:
            text = (path.parent / entry.secret_file).read_text(encoding="ascii")
        except OSError as error:
            raise ValueError(f"{source} cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            text = ""
    else:
        source = f"variable {entry.secret_env}"
        text = environment.get(entry.secret_env or "", "")
    try:
        found = b64decode(text.strip().removeprefix(_PREFIX), validate=True)
    except (Base64Error, ValueError):
        found = b""
    if not SECRET_BYTES_MIN <= len(found) <= SECRET_BYTES_MAX:
        raise ValueError(f"{source} holds no secret")
    return found
