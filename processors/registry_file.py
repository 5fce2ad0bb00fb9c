"""The registry file: reference data that all policies of a set may ask, as people write it.

`python -m toolgate.processors.registry_file` prints its JSON Schema, which editors use to complete and check.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pydantic import Field

from toolgate.processors.fields import StrictModel, schema_text
from toolgate.processors.names import name_fault
from toolgate.processors.problems import Problem
from toolgate.processors.tables import TABLES_MAX, RegistryRows
from toolgate.processors.written_file import read_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolgate.processors.tables import Rows

REGISTRIES = "registries/"
ENDING = ".yaml"


class Registry(StrictModel):
    """Entries without an order, or rows by key; conditions know it by the name of its file."""

    description: str = Field(default="", description="for people: what it holds, and who keeps it")
    rows: RegistryRows = Field(
        description="what `in` looks through, or rows by key: all the same kind of value, or with the same fields"
    )


class RegistryFile(StrictModel):
    """One registry file."""

    registry: Registry


def is_registry(file: str) -> bool:
    """Whether a file of a set is a registry."""
    return file.startswith(REGISTRIES) and "/" not in file.removeprefix(REGISTRIES) and file.endswith(ENDING)


def read_registries(files: Mapping[str, bytes]) -> tuple[dict[str, Rows], list[Problem]]:
    """The registries of a set by name, and what is wrong with them."""
    names = [file for file in sorted(files) if is_registry(file)]
    found: dict[str, Rows] = {}
    problems: list[Problem] = []
    if len(names) > TABLES_MAX:
        what = f"there are {len(names)} registries, at most {TABLES_MAX} are allowed"
        problems.append(Problem(names[TABLES_MAX], 0, 0, what, "keep those that are needed"))
    for file in names:
        name = file.removeprefix(REGISTRIES).removesuffix(ENDING)
        if fault := name_fault(name):
            problems.append(
                Problem(file, 0, 0, f"{name!r} {fault}", "rename the file: rules say registry.<name>")
            )
        _, model, wrong = read_file(file, files[file], RegistryFile)
        problems += wrong
        if model is not None:
            found[name] = model.registry.rows
    return found, problems


def json_schema() -> str:
    """The JSON Schema of a registry file, as the committed page has it."""
    return schema_text(RegistryFile.model_json_schema(by_alias=True), "toolgate registry")


if __name__ == "__main__":
    sys.stdout.write(json_schema())
