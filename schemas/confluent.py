"""Schema ids from a Confluent Schema Registry.

The registry gives numbers, never trust: a schema counts only if its fingerprint is that of a bundled one. Ids
of the bundled registry stay readable, so a log that began without a Schema Registry can be read from there.
"""

from __future__ import annotations

import re
from time import monotonic
from typing import TYPE_CHECKING

from confluent_kafka.schema_registry import Schema as RegistrySchema
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from toolgate.schemas.bundle import SUBJECTS, Schema, fingerprint, schemas
from toolgate.schemas.registry import RegistryError, bundled

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolgate.schemas.registry import Registry

TIMEOUT_S = 3
QUIET_S = 5  # after a failure nobody asks for so long: a loop must not wait for each record
FOREIGN_IDS_MAX = 256  # ids that were asked for and are not ours; hostile writers can think of two milliards
_NOT_FOUND = 404


class ConfluentRegistry:
    """Ids of the bundled schemas as a Schema Registry numbers them, under subjects `<prefix><topic>-value`.

    Args:
        url: `http(s)://host:port`, with user information to log in; `mock://` is a registry of its own.
        prefix: The topic prefix.
        clock: Seconds that never run back.
    """

    def __init__(
        self, url: str, *, prefix: str = "toolgate.", clock: Callable[[], float] = monotonic
    ) -> None:
        self._url = re.sub("//[^/]*@", "//", url)  # for messages: a password must not reach a log
        self._prefix = prefix
        self._clock = clock
        self._quiet_until = float("-inf")
        self._bundled = bundled()
        self._by_fingerprint = {
            schema.fingerprint: schema for subject in SUBJECTS for schema in schemas(subject.stem)
        }
        self._found: dict[int, Schema] = {}
        self._foreign: set[int] = set()
        try:
            self._client = SchemaRegistryClient.new_client(
                {"url": url, "timeout": TIMEOUT_S, "max.retries": 1, "retries.wait.ms": 100}
            )
        except (TypeError, ValueError) as error:
            raise RegistryError(
                f"Schema Registry {self._url!r}: {str(error).replace(url, self._url)}"
            ) from error

    def id_of(self, schema: Schema) -> int:
        """The id under the schema's subject; the schema is registered there when it is not yet.

        Raises:
            RegistryError: The registry is unreachable, or refuses the schema.
        """
        subject = f"{self._prefix}{schema.subject.topic}-value"
        asked = RegistrySchema(schema.text, "AVRO")
        try:
            found = int(self._client.lookup_schema(subject, asked).schema_id or 0)
        except SchemaRegistryError as error:
            if error.http_status_code != _NOT_FOUND:
                raise self._failed(f"looking up subject {subject}", error) from error
            found = self._register(subject, asked)
        except Exception as error:
            raise self._failed(f"looking up subject {subject}", error) from error
        self._found[found] = schema
        return found

    def find(self, schema_id: int) -> Schema | None:
        """The bundled schema that the id names, here or in the bundled registry.

        Raises:
            RegistryError: The id is new and the registry is, or was just now, unreachable.
        """
        known = self._found.get(schema_id) or self._bundled.find(schema_id)
        if known or schema_id in self._foreign or len(self._foreign) >= FOREIGN_IDS_MAX:
            return known
        if self._clock() < self._quiet_until:
            raise RegistryError(f"Schema Registry {self._url!r} did not answer less than {QUIET_S} s ago")
        schema = self._ask(schema_id)
        if schema is None:
            self._foreign.add(schema_id)
        else:
            self._found[schema_id] = schema
        return schema

    def _ask(self, schema_id: int) -> Schema | None:
        try:
            text = self._client.get_schema(schema_id).schema_str
        except SchemaRegistryError as error:
            if error.http_status_code == _NOT_FOUND:
                return None
            raise self._failed(f"asking for schema id {schema_id}", error) from error
        except Exception as error:
            raise self._failed(f"asking for schema id {schema_id}", error) from error
        try:
            return self._by_fingerprint.get(fingerprint(text or ""))
        except Exception:  # noqa: BLE001 - somebody else's text: what is no Avro schema is none of ours
            return None

    def _register(self, subject: str, schema: RegistrySchema) -> int:
        try:
            return int(self._client.register_schema(subject, schema))
        except Exception as error:
            raise self._failed(f"registering subject {subject}", error) from error

    def _failed(self, doing: str, error: Exception) -> RegistryError:
        self._quiet_until = self._clock() + QUIET_S
        return RegistryError(
            f"Schema Registry {self._url!r}, {doing}: {type(error).__name__}: {error}; "
            "check the URL and that this process may read and register there"
        )


def connect(url: str = "", *, prefix: str = "toolgate.") -> Registry:
    """The Schema Registry at `url`, or the bundled one when there is no url.

    Args:
        url: `http(s)://host:port`, or "" for none.
        prefix: The topic prefix; subjects are `<prefix><topic>-value`.
    """
    if not url:
        return bundled()
    return ConfluentRegistry(url, prefix=prefix)
