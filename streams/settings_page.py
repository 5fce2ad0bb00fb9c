"""The page docs/reference/settings.md: every setting, made from the model that reads them.

`python -m toolgate.streams.settings_page` prints it.
"""

from __future__ import annotations

from typing import Any

from toolgate.streams.settings import CLIENT_PROPERTIES, Settings

_PAGE = """\
# Settings

Made from `streams/settings.py` by `python -m toolgate.streams.settings_page`; do not edit.

A setting comes from the first of these that has it: an option of the command (`--help` names them), its variable, the
TOML file given by `--config`, the default. An unknown key in the file, or a value out of range, stops the process at
its start with exit code 2 and a message that names each of them.

| setting | variable | value | default | meaning |
| --- | --- | --- | --- | --- |
"""
_REST = """
In a TOML file the keys are the names in the first column:

```toml
bootstrap_servers = "kafka-1:9093,kafka-2:9093"
redis_url = "rediss://gate@redis:6380/0"
partitions = 64

[kafka]
"security.protocol" = "SASL_SSL"
"sasl.mechanism" = "SCRAM-SHA-512"
"sasl.username" = "gate"
"sasl.password" = "from your secret store"
```

As a variable, `kafka` is one JSON object:
`TOOLGATE_KAFKA='{{"security.protocol": "SSL", "ssl.ca.location": "/etc/ssl/kafka.pem"}}'`. It takes properties of
librdkafka that say how to connect, {properties}.
Whatever bears a promise, such as isolation, idempotence or the transactional id, is not a setting.

Two more variables are read outside of the settings: `TOOLGATE_DEBUG=1` shows the traceback behind an error message, and
the secrets of a keyring may come from variables that the keyring names.
"""


def as_markdown() -> str:
    """The page."""
    schema = Settings.model_json_schema()["properties"]
    rows = []
    for name, field in Settings.model_fields.items():
        default = "required" if field.is_required() else _shown(field.get_default(call_default_factory=True))
        cells = (
            f"`{name}`",
            f"`TOOLGATE_{name.upper()}`",
            _value(schema[name]),
            default,
            field.description or "",
        )
        rows.append("| " + " | ".join(cells) + " |\n")
    properties = ", ".join(f"`{name}*`" if name.endswith(".") else f"`{name}`" for name in CLIENT_PROPERTIES)
    return _PAGE + "".join(rows) + _REST.format(properties=properties)


def _shown(default: Any) -> str:
    if default is None or default == {}:
        return "none"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _value(schema: dict[str, Any]) -> str:
    """What may be written, as a person says it: "1 to 1024", "path", "text"."""
    (plain,) = [part for part in schema.get("anyOf", [schema]) if part.get("type") != "null"]
    kind = {"boolean": "true or false", "object": "table of text", "string": "text"}.get(plain["type"], "")
    if plain.get("format") == "path":
        return "path"
    if "pattern" in plain:
        return f"`{plain['pattern']}`".replace("|", "\\|")
    least, above, most = plain.get("minimum"), plain.get("exclusiveMinimum"), plain.get("maximum")
    if above is not None:
        return f"above {above:g}, at most {most:g}"
    if most is not None:
        return f"{least} to {most}"
    return kind or f"{least} or more"


if __name__ == "__main__":
    print(as_markdown(), end="")  # noqa: T201 - printing is what it is for
