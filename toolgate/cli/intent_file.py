"""An intent as people write it: options of the command line over a JSON file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from toolgate.processors.amounts import parse_usd
from toolgate.processors.contract import PARAMS_BYTES_MAX
from toolgate.processors.problems import nearest
from toolgate.schemas.strict_json import JsonError, loads_strict
from toolgate.streams.errors import SettingsError

# What a file may say: the arguments of `Client.intent`, and their types.
FIELDS: dict[str, type] = {
    "run_id": str,
    "tool": str,
    "params": dict,
    "intent_id": str,
    "tool_version": str,
    "declared_cost_micros": int,
    "declared_records": list,
    "reason": str,
    "ttl_ms": int,
    "dry_run": bool,
}
_FILE_BYTES_MAX = 2 * PARAMS_BYTES_MAX
_KINDS = {str: "text", dict: "an object", int: "a whole number", list: "a list", bool: "true or false"}


def arguments(file: str | None, **options: Any) -> dict[str, Any]:
    """The arguments of `Client.intent`.

    Args:
        file: a JSON file, "-" for stdin, or None.
        **options: what the command line says of these fields; None: nothing. It wins over the file.

    Raises:
        SettingsError: the file cannot be read or says something else than an intent, or run or tool are missing.
    """
    found = _read(file) | {name: value for name, value in options.items() if value is not None}
    missing = [f"--{name}" for name, field in (("run", "run_id"), ("tool", "tool")) if field not in found]
    if missing:
        raise SettingsError(
            f"the intent lacks {' and '.join(missing)}",
            where=f"arguments{f' and {file}' if file else ''}",
            remedy="give them, or a JSON file with run_id and tool",
        )
    records = tuple(found.get("declared_records", ()))
    return {"params": {}, **found, "declared_records": records}


def read_object(file: str, noun: str) -> dict[str, Any]:
    """The JSON object of a file, or of stdin for "-"; `noun` says what it is to hold.

    Raises:
        SettingsError: it cannot be read, or is no JSON object.
    """
    try:
        text = sys.stdin.buffer.read(_FILE_BYTES_MAX + 1) if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise SettingsError(
            f"cannot read the {noun}: {error.strerror}", where=file, remedy="give a JSON file, or - for stdin"
        ) from None
    return json_object(text, "stdin" if file == "-" else file)


def _read(file: str | None) -> dict[str, Any]:
    """The fields that a file or stdin names.

    Raises:
        SettingsError: it cannot be read, is no JSON object, or has a field that no intent has.
    """
    return {} if file is None else checked(read_object(file, "intent"), file)


def checked(found: dict[str, Any], file: str) -> dict[str, Any]:
    """The fields of an intent, as a file has them.

    Raises:
        SettingsError: a field is none that an intent has, or is of another type.
    """
    for name, value in found.items():
        expected = FIELDS.get(name)
        if expected is None:
            raise SettingsError(
                f"no intent has a field {name}", where=file, remedy=nearest(name, FIELDS) or "remove it"
            )
        if not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
            raise SettingsError(f"{name} is not {_KINDS[expected]}", where=file, remedy="correct it")
    if not all(isinstance(record, str) for record in found.get("declared_records", ())):
        raise SettingsError("declared_records has something that is no text", where=file, remedy="correct it")
    return found


def json_object(text: str | bytes, where: str) -> dict[str, Any]:
    """The one object that a text holds; SettingsError, naming `where`, when it is none that all read alike."""
    try:
        return loads_strict(text, max_bytes=_FILE_BYTES_MAX)
    except JsonError as error:
        raise SettingsError(error.detail, where=where, remedy="give one JSON object") from None


def micros(cost: str) -> int:
    """Micro-dollars of `--cost`; SettingsError when it is no plain amount."""
    try:
        return parse_usd(cost)
    except ValueError as error:
        raise SettingsError(f"--cost: {error}", where="arguments", remedy="write it like 0.35") from None
