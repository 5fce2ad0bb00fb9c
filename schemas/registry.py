"""Which number on the wire names which schema.

Without a Schema Registry the numbers are those of the committed `registry.json`. They start far above what a
Schema Registry gives out, and stay readable for ever, so a log that was begun without one can go on with one.

`python -m toolgate.schemas.registry` makes `registry.json` again after a schema file was added.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from toolgate.schemas.bundle import SUBJECTS, Schema, schemas

if TYPE_CHECKING:
    from collections.abc import Iterable

FIRST_ID = 0x7467_0001  # "tg" in a hex dump
_HINT = "run `python -m toolgate.schemas.registry` and commit registry.json"


class RegistryError(Exception):
    """The registry cannot say: unreachable, forbidden, or not what the package carries."""


class Registry(Protocol):
    """Ids of bundled schemas; nothing that is not bundled is ever read."""

    def id_of(self, schema: Schema) -> int:
        """The id to write a bundled schema under.

        Raises:
            RegistryError: It has none and none could be got.
        """

    def find(self, schema_id: int) -> Schema | None:
        """The bundled schema that an id names; None for any other id.

        Raises:
            RegistryError: The answer could not be got now.
        """


class BundledRegistry:
    """The ids of the committed `registry.json`."""

    def __init__(self) -> None:
        ids = {row["fingerprint"]: row["id"] for row in committed()}
        bundled = [schema for subject in SUBJECTS for schema in schemas(subject.stem)]
        missing = [f"{s.subject.stem}.v{s.version}" for s in bundled if s.fingerprint not in ids]
        if missing:
            raise RegistryError(f"no id in registry.json for {', '.join(missing)}: {_HINT}")
        self._ids = {schema.fingerprint: ids[schema.fingerprint] for schema in bundled}
        self._schemas = {ids[schema.fingerprint]: schema for schema in bundled}

    def id_of(self, schema: Schema) -> int:
        """The committed id."""
        return int(self._ids[schema.fingerprint])

    def find(self, schema_id: int) -> Schema | None:
        """The schema of a committed id."""
        return self._schemas.get(schema_id)


@cache
def bundled() -> BundledRegistry:
    """The bundled registry, read once."""
    return BundledRegistry()


def committed() -> list[dict[str, Any]]:
    """The rows of `registry.json`: fingerprint, id, subject, version; [] where there is none yet."""
    path = files(__package__) / "registry.json"
    rows: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["schemas"] if path.is_file() else []
    return rows


def build(before: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows for the bundled schemas: ids once given stay, new schemas get the next ones.

    Raises:
        RegistryError: A version that has an id was changed or removed, or two versions are the same.
    """
    rows = {(row["subject"], row["version"]): row for row in before}
    bundled_schemas = {
        (f"{subject.topic}-value", schema.version): schema
        for subject in SUBJECTS
        for schema in schemas(subject.stem)
    }
    for (name, version), row in rows.items():
        schema = bundled_schemas.get((name, version))
        if schema is None or schema.fingerprint != row["fingerprint"]:
            raise RegistryError(
                f"{name} v{version} was changed or removed, but records may have been written with it: "
                f"put it back and add version {version + 1} instead"
            )
    next_id = max((row["id"] + 1 for row in rows.values()), default=FIRST_ID)
    for (name, version), schema in bundled_schemas.items():
        if (name, version) not in rows:
            row = {"fingerprint": schema.fingerprint, "id": next_id, "subject": name, "version": version}
            rows[name, version] = row
            next_id += 1
    twice = len(rows) - len({row["fingerprint"] for row in rows.values()})
    if twice:
        raise RegistryError(
            "two schemas have the same fingerprint: a new version must differ in more than its docs"
        )
    return sorted(rows.values(), key=lambda row: int(row["id"]))


def render(rows: list[dict[str, Any]]) -> str:
    """The text of `registry.json`: one row a line."""
    lines = ",\n".join(f"    {json.dumps(row)}" for row in rows)
    return f'{{\n  "schemas": [\n{lines}\n  ]\n}}\n'


def main() -> None:
    """Write `registry.json` beside this module."""
    rows = build(committed())
    Path(__file__).with_name("registry.json").write_text(render(rows), "utf-8")
    sys.stdout.write(f"registry.json: {len(rows)} schemas\n")


if __name__ == "__main__":
    main()
