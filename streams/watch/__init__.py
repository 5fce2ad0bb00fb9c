"""The watch: a Faust application that turns the stream into figures, alerts and orders.

`faust -A toolgate.streams.watch worker` finds its `app` here.
"""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    """`app`, made from the environment when somebody asks for it: importing a module of this package makes nothing."""
    if name != "app":
        raise AttributeError(name)
    from toolgate.streams.watch.standalone import application  # noqa: PLC0415 - Faust takes a second to load

    return application()
