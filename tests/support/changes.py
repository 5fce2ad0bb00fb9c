"""Random changes of what is valid, as hypothesis draws them: of bytes, and of the texts that people write."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Sequence

CHANGES_MAX = 4  # at once: more of them, and nothing behind the first refusal is ever reached
# Lengths, counts and numbers at the ends of their ranges, as Avro writes them.
EXTREMES = (
    b"\x00", b"\x01", b"\x02", b"\x03", b"\x7f", b"\x80\x00", b"\x80\x01", b"\xfe\xff\xff\xff\x0f",
    b"\xff\xff\xff\xff\x0f", b"\xfe" + b"\xff" * 8 + b"\x01", b"\xff" * 9 + b"\x01", b"\xff" * 11,
    b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80",
)  # fmt: skip
# What YAML, JSON, numbers, names and conditions might trip over.
WORDS = (
    "", "~", "null", "true", "no", "0", "-1", "1.5", "1e400", ".inf", "010", "0x1f", "1_000",
    "9007199254740992", "9" * 400,
    "[]", "{}", "[[]]", "{a: 1}", "[1, a]", "''", '"', "'", "|", ">-", "&a x", "*a", "!!str x", "!x y", "<<",
    "%YAML 1.1",
    "---", "...", "? a", "- a", ": ", "#", "\t", "\n", "\r", "\u2028", "\x85", "\x00", "\x7f", "\ufeff",
    "\u202e", "\u200b",
    "\u0430", "\uff11", "a\u0301", "\U0001f600", "\uffff", "*", "a*", "+1m", "1h", "2026-02-30", "2026-01-01T00:00:00Z",
    "params.x > 1", "has(params.x)", "facts.a[params.b].c == 1", "a" * 300, "a.b.*.c", "{{", "}}", "]",
    "}", ",", "\\ud800",
)  # fmt: skip
_PARTS = re.compile(r"\w+|\s+|[^\w\s]")


@st.composite
def changed_bytes(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """One of the seeds with a few bytes flipped, cut, put in, doubled, or taken from another seed."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(1, CHANGES_MAX))):
        at = draw(st.integers(0, len(data)))
        end = draw(st.integers(at, min(at + 12, len(data))))
        match draw(st.sampled_from(("flip", "cut", "junk", "extreme", "double", "splice", "end"))):
            case "flip" if at < len(data):
                data = data[:at] + bytes([data[at] ^ 1 << draw(st.integers(0, 7))]) + data[at + 1 :]
            case "cut":
                data = data[:at] + data[end:]
            case "junk":
                data = data[:at] + draw(st.binary(max_size=8)) + data[end:]
            case "extreme":
                data = data[:at] + draw(st.sampled_from(EXTREMES)) + data[end:]
            case "double":
                data = data[:end] + data[at:end] * draw(st.integers(1, 40)) + data[end:]
            case "splice":
                other = draw(st.sampled_from(seeds))
                data = data[:at] + other[draw(st.integers(0, len(other))) :]
            case _:
                data = data[:at]
    return data


@st.composite
def changed_text(draw: st.DrawFn, seeds: Sequence[str]) -> str:
    """One of the seeds with a few words, signs or lines taken out, put in, doubled, moved or exchanged."""
    text = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(1, CHANGES_MAX))):
        by_line = draw(st.booleans())
        parts = text.splitlines(keepends=True) if by_line else _PARTS.findall(text)
        if not parts:
            return text
        at = draw(st.integers(0, len(parts) - 1))
        match draw(st.sampled_from(("out", "word", "before", "double", "swap", "indent", "any", "many"))):
            case "out":
                parts[at] = ""
            case "word":
                parts[at] = draw(st.sampled_from(WORDS)) + ("\n" if by_line else "")
            case "before":
                parts[at] = draw(st.sampled_from(WORDS)) + parts[at]
            case "double":
                parts[at] *= 2
            case "swap":
                other = draw(st.integers(0, len(parts) - 1))
                parts[at], parts[other] = parts[other], parts[at]
            case "indent":
                parts[at] = " " * draw(st.integers(1, 5)) + parts[at]
            case "any":
                parts[at] = draw(st.text(max_size=6))
            case _:
                parts[at] *= draw(st.integers(2, 60))
        text = "".join(parts)
    return text
