"""Names: what an id may look like, globs over names, and which hosts are this machine.

Ids are ASCII, so that two that look alike are alike; none has a slash, which joins a tenant to what it owns.
"""

from __future__ import annotations

import fnmatch
import re
import unicodedata
from ipaddress import ip_address

ID_CHARS_MAX = 128
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}\Z", re.ASCII)
_GLOB = re.compile(r"[A-Za-z0-9*?][A-Za-z0-9._:@+*?-]{0,127}\Z", re.ASCII)
_UNIT = re.compile(r"[a-z][a-z0-9_]{0,31}\Z", re.ASCII)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}\Z", re.ASCII)

is_id = _ID.match
is_unit = _UNIT.match


def id_fault(text: str) -> str:
    """What is wrong with an id, or "" for a good one."""
    return "" if _ID.match(text) else _fault(text, "._:@+-")


def glob_fault(text: str) -> str:
    """What is wrong with a name or glob (`*` any characters, `?` one), or "" for a good one."""
    return "" if _GLOB.match(text) else _fault(text, "._:@+-*?")


def name_fault(text: str) -> str:
    """What is wrong with a name that stands in conditions, or "" for a good one."""
    return "" if _NAME.match(text) else "is no name: small letters, digits and _, a letter first"


def is_glob(text: str) -> bool:
    """Whether it may match more than one name."""
    return "*" in text or "?" in text


def compile_globs(globs: tuple[str, ...]) -> re.Pattern[str]:
    """One pattern that matches (with `fullmatch`) what any of the globs does; no globs match nothing."""
    if not globs:
        return re.compile(r"(?!)")
    # fnmatch's own translation takes linear time however many stars there are.
    return re.compile("|".join(fnmatch.translate(glob) for glob in globs))


def _fault(text: str, marks: str) -> str:
    if not text:
        return "is empty"
    if len(text) > ID_CHARS_MAX:
        return f"has {len(text)} characters, at most {ID_CHARS_MAX} are allowed"
    for place, char in enumerate(text, start=1):
        if not char.isascii():
            name = unicodedata.name(char, "unnamed")
            return (
                f"has U+{ord(char):04X} {name} at character {place}: only ASCII letters, digits and {marks}"
            )
        if not char.isalnum() and char not in marks:
            return f"has {char!r} at character {place}: only ASCII letters, digits and {marks}"
    return f"starts with {text[0]!r}: the first character is a letter or digit"


def names_this_machine(host: str) -> bool:
    """Whether what a host name or address reaches never leaves this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
