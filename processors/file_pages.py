"""The page docs/reference/policy.md: every key of the files that people write, made from the models that read them.

`python -m toolgate.processors.file_pages` prints it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from toolgate.processors.cases_file import CODE_FORMAT, CaseEntry, CasesFile
from toolgate.processors.catalogue import CatalogueFile, ToolEntry
from toolgate.processors.fields import MONEY_SCHEMA, PATH_FORMAT
from toolgate.processors.key_examples import EXAMPLES
from toolgate.processors.modes import CANARY_PATTERN
from toolgate.processors.policy_file import Policy, PolicyFile
from toolgate.processors.registry_file import Registry, RegistryFile

if TYPE_CHECKING:
    from pydantic import BaseModel

_PAGE = """\
# Policy files

Made from `processors/policy_file.py`, `catalogue.py`, `registry_file.py` and `cases_file.py` beside it by `python -m
toolgate.processors.file_pages`; do not edit. Each example is loaded by a test.

A folder of policies has one catalogue, `tools.yaml`, and the policies: `policy.yaml`, or one file each under
`policies/`. Beside them may lie registries under `registries/`, the catalogue's lock, `tools.lock`, which `toolgate
tools accept` writes, and cases under `cases/` or as `<name>.cases.yaml`. They are YAML 1.2 without anchors, aliases and
tags. An unknown or doubled key, a value out of range, a name that no tool has: each is an error with file, line, column
and what to do, and all are reported at once.

For editors there are JSON Schemas: [policy.schema.json](policy.schema.json), [tools.schema.json](tools.schema.json),
[registry.schema.json](registry.schema.json) and [cases.schema.json](cases.schema.json). Editors with a YAML language
server take the one that a file's first line names: `# yaml-language-server: $schema=<path or address>`.

A **path** names a place in the parameters: `invoice_id`, or `lines.*.sku` for every item of a list. **US dollars** have
at most six decimals; write large ones in quotes, `"1500.25"`. An **id** has letters, digits and `._:@+-`, at most 128.
"""
_HEAD = "\n| key | value | default | meaning | example |\n| --- | --- | --- | --- | --- |\n"
# What a pattern or format of a schema means, in a word.
_WORDS = {
    PATH_FORMAT: "path",
    r"^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}$": "id",
    r"^[A-Za-z0-9*?][A-Za-z0-9._:@+*?-]{0,127}$": "id or pattern",
    CANARY_PATTERN: "`canary:<1 to 99>%`",
    r"^[1-9][0-9]{0,8}(ms|s|m|h|d)$": "duration, such as `1m`",
    r"^(none|[1-9][0-9]{0,8}(ms|s|m|h|d))$": "`none` or a duration, such as `1d`",
    r"^\+[1-9][0-9]{0,8}(ms|s|m|h|d)$": "`+` and a duration, such as `+5m`",
    "date-time": "time with its zone",
    CODE_FORMAT: "[reason code](reasons.md)",
}
_MONEY = MONEY_SCHEMA["anyOf"][1]
_EXACT_MAX = 2**53 - 1


def as_markdown() -> str:
    """The page."""
    parts = [_PAGE, "\n## A policy\n\nUnder the key `policy` of its file.\n"]
    parts += _sections(PolicyFile, Policy)
    parts.append("\n## The catalogue\n\nThe file has one key, `tools`, with a list of these:\n")
    parts += _sections(CatalogueFile, ToolEntry)
    parts.append("\n## A registry\n\nUnder the key `registry` of its file.\n")
    parts += _sections(RegistryFile, Registry)
    parts.append("\n## Cases\n\nThe file has one key, `cases`, with a list of these:\n")
    parts += _sections(CasesFile, CaseEntry)
    return "".join(parts)


def _sections(file: type[BaseModel], first: type[BaseModel]) -> list[str]:
    """The table of the first model, then one section for each model below it, in the order of their keys."""
    schemas: dict[str, Any] = file.model_json_schema(by_alias=True)["$defs"]
    found = [_table(first.__name__, schemas[first.__name__])]
    for name in _below(schemas, first.__name__, []):
        schema = schemas[name]
        found.append(f"\n### {name}\n\n{schema['description']}\n{_table(name, schema)}")
    return found


def _below(schemas: dict[str, Any], name: str, seen: list[str]) -> list[str]:
    for schema in schemas[name]["properties"].values():
        for inner in _references(schema):
            if inner not in seen:
                seen.append(inner)
                _below(schemas, inner, seen)
    return seen


def _references(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [name for part in schema for name in _references(part)]
    if not isinstance(schema, dict):
        return []
    own = [schema["$ref"].rpartition("/")[2]] if "$ref" in schema else []
    return own + [name for key, part in schema.items() if key != "default" for name in _references(part)]


def _table(model: str, schema: dict[str, Any]) -> str:
    rows = []
    for key, field in schema["properties"].items():
        default = "required" if key in schema.get("required", ()) else _shown(field.get("default"))
        example = EXAMPLES.get(model, {}).get(key, "")  # a test wants one for every key
        said = (f"`{key}`", _value(field), default, field.get("description", ""), f"`{example}`")
        rows.append(f"| {' | '.join(said)} |\n")
    return _HEAD + "".join(rows)


def _shown(default: Any) -> str:
    if default in (None, [], {}, ""):
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _value(schema: dict[str, Any]) -> str:
    """What may be written, as a person says it."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return _of_several([part for part in schema["anyOf"] if part.get("type") != "null"])
    if schema.get("format") not in _WORDS and ("enum" in schema or "const" in schema):
        return ", ".join(f"`{choice}`" for choice in schema.get("enum", [schema.get("const")]))
    kinds = {"array": _list, "object": _mapping, "integer": _number, "number": _number, "boolean": _truth}
    return kinds.get(schema.get("type", ""), _text)(schema)


def _of_several(parts: list[dict[str, Any]]) -> str:
    if len(parts) == 1:
        return _value(parts[0])
    if any("enum" in part for part in parts):
        return ", ".join(map(_value, parts))
    if _MONEY in parts:
        return "US dollars, or a whole number" if len(parts) > 2 else "US dollars"
    return " or ".join(map(_value, parts))


def _list(schema: dict[str, Any]) -> str:
    least, most = schema.get("minItems"), schema.get("maxItems")
    bounds = f", at most {most:,}" if most else f", at least {least}" if least else ""
    return f"list of {_value(schema['items'])}{bounds}"


def _mapping(schema: dict[str, Any]) -> str:
    values = schema.get("additionalProperties")
    return f"mapping to {_value(values)}" if isinstance(values, dict) else "mapping"


def _truth(_schema: dict[str, Any]) -> str:
    return "true or false"


def _text(schema: dict[str, Any]) -> str:
    plain = "text" if "type" in schema else "any data"
    return _WORDS.get(schema.get("pattern", schema.get("format", "")), plain)


def _number(schema: dict[str, Any]) -> str:
    noun = "whole number" if schema["type"] == "integer" else "number"
    if "exclusiveMinimum" in schema:
        return f"{noun} above {schema['exclusiveMinimum']}, at most {schema['maximum']}"
    if "minimum" not in schema:
        return noun
    least, most = schema["minimum"], schema.get("maximum", _EXACT_MAX)
    return f"{noun} from {least}" if most == _EXACT_MAX else f"{noun}, {least} to {most:,}"


if __name__ == "__main__":
    sys.stdout.write(as_markdown())
