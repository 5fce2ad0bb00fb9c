"""The ledger's Lua: one text for a generation, its digest in Redis, and the digest of the code without the nonce."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files

# Stored decisions hold asks as wire.py and claim_terms.py lay them out: raise this with any change there, so that
# workers of two layouts do not read each other's.
LAYOUT = b"asks-2"
PARTS = (
    "state", "expiry", "facts", "accounts", "claims", "stored", "flush", "decide", "marks", "recovery", "main",
)  # fmt: skip


@cache
def body() -> str:
    """The scripts of this package, joined in the order in which each part uses the ones before it."""
    folder = files("toolgate.streams.ledger")
    return "\n".join(folder.joinpath(f"{part}.lua").read_text(encoding="utf-8") for part in PARTS)


def code_digest(lua: str) -> str:
    """What `st.code` holds: the scripts without any nonce and the layout of what they keep, BLAKE2b-64 hex."""
    return hashlib.blake2b(lua.encode(), digest_size=8, person=LAYOUT).hexdigest()


def text(lua: str, nonce: str) -> str:
    """The script of one generation. The nonce comes first: another generation is another script."""
    return f"local GEN = '{nonce}'\n{lua}"


def sha(lua: str, nonce: str) -> str:
    """The name by which EVALSHA calls it (Redis takes SHA-1; nothing here relies on it being hard to forge)."""
    return hashlib.sha1(text(lua, nonce).encode()).hexdigest()  # noqa: S324
