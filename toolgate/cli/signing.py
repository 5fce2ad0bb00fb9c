"""Who signs an operator's word, and saying it: what the commands that write control have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from toolgate.streams import schema_ids
from toolgate.streams.gate import keys
from toolgate.streams.operating import Operating

if TYPE_CHECKING:
    from pathlib import Path

    from nacl.signing import SigningKey

    from toolgate.streams.settings import Settings

Signers = Annotated[
    list[str],
    typer.Option(
        "--as", metavar="KID", help="Who signs; the private key lies beside the keyring. Repeatable."
    ),
]
Why = Annotated[str, typer.Option("--reason", help="Why, for people.")]
Timeout = Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds to wait for the audit.")]


def load(keys_file: Path, kids: list[str]) -> dict[str, SigningKey]:
    """The private keys of those who sign. Raises LoadError."""
    return {kid: keys.load_signer(keys_file, kid) for kid in kids}


def operating(settings: Settings, keys_file: Path) -> Operating:
    """How things stand, by the operators of a keyring. Raises LoadError."""
    return Operating(settings, keys.load_operators(keys_file), schema_ids.registry(settings))
