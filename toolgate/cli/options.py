"""Options that several commands share: spelt, explained and defaulted alike."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[Path | None, typer.Option("--config", help="A TOML file of settings.")]
Bootstrap = Annotated[str | None, typer.Option("--bootstrap-servers", help="Kafka's addresses.")]
Prefix = Annotated[str | None, typer.Option("--prefix", help="Topic prefix. Default: toolgate.")]
Partitions = Annotated[int | None, typer.Option("--partitions", help="Of co-partitioned topics. Default: 8.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
KEYRING = Path("keyring.yaml")
KeysFile = Annotated[Path, typer.Option("--keys", envvar="TOOLGATE_KEYS_FILE", help="The keyring file.")]
PolicyFolder = Annotated[
    Path, typer.Option("--policy", help="Folder with tools.yaml, and policy.yaml or policies/*.yaml.")
]
