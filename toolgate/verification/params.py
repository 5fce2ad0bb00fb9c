"""The digest of a command's parameters, as the audit has it: of their one canonical JSON."""

from __future__ import annotations

import orjson

from toolgate.schemas.bundle import OUTPUT_BYTES_MAX
from toolgate.schemas.strict_json import DEPTH_MAX, JsonError, digest, read_strict

_DIGITS = bytes.maketrans(b"0123456789", b"9" * 10)
_LONG_NUMBER = b"9" * 16


def digest_of(params: str) -> str:
    """The digest of parameters; "" of what is no JSON of one meaning."""
    data = params.encode()
    try:
        return digest(data if _plainly_canonical(data) else read_strict(data, max_bytes=OUTPUT_BYTES_MAX)[1])
    except JsonError:
        return ""


def _plainly_canonical(data: bytes) -> bool:
    """Whether two quick looks show what the strict reader would find: nearly always they do.

    Whatever reads and is written again as it stood has no key twice and no number that is none; what is too long for
    a number and too deep shows in the bytes.
    """
    if (
        not data.startswith(b"{")
        or len(data) > OUTPUT_BYTES_MAX
        or data.count(b"{") + data.count(b"[") > DEPTH_MAX
        or _LONG_NUMBER in data.translate(_DIGITS)
    ):
        return False
    try:
        return orjson.dumps(orjson.loads(data), option=orjson.OPT_SORT_KEYS) == data
    except orjson.JSONDecodeError:
        return False
