"""The application for Faust's own command line: settings, keyring and policies come from the environment."""

from __future__ import annotations

import atexit
import os
from functools import cache
from typing import TYPE_CHECKING

from toolgate.processors import loader
from toolgate.processors.keyring import WATCH, Keyring
from toolgate.streams import schema_ids
from toolgate.streams import settings as streams_settings
from toolgate.streams.errors import SettingsError
from toolgate.streams.gate import keys
from toolgate.streams.watch.measures import Prices
from toolgate.streams.watch.running import Parts, Watch

if TYPE_CHECKING:
    import faust

    from toolgate.streams.settings import Settings

KEY = "TOOLGATE_WATCH_KEY"  # id of the key that it orders with


def parts(settings: Settings, key: str | None) -> Parts:
    """What a watch needs, from the files that the settings name.

    Args:
        settings: which prefix, the keyring file, the folder of policies.
        key: id of the key that it orders tighter modes with; None: it only tells.

    Raises:
        SettingsError: no keyring is named, which nobody's word can be checked without; or the key may say more than
            a watch, or not even that.
        LoadError: a file is faulty, or the key is not there.
    """
    if settings.keys_file is None and not settings.insecure_dev:
        raise SettingsError(
            streams_settings.not_set("keys_file"),
            where="arguments and environment",
            remedy="name the keyring file: the watch must know whose orders and reviews count",
        )
    keyring = Keyring.insecure() if settings.keys_file is None else keys.load_operators(settings.keys_file)
    signers = {key: keys.load_signer(settings.keys_file, key)} if key and settings.keys_file else {}
    for kid in signers:
        _check_role(kid, keyring)
    return Parts(
        settings,
        schema_ids.registry(settings),
        keyring,
        loader.load(settings.policies_dir) if settings.policies_dir else None,
        signers,
        Prices(settings.minute_micros, settings.word_minutes, settings.remedy_minutes),
    )


def _check_role(kid: str, keyring: Keyring) -> None:
    roles = keyring.operators[kid].roles
    if roles != {WATCH}:
        raise SettingsError(
            f"key {kid} has the role {', '.join(sorted(roles))}, and a watch is only a watch",
            where="--as",
            remedy=f"make one that can do nothing else: toolgate keys new operator KID --role {WATCH}",
        )


@cache
def application() -> faust.App:
    """The application of the prefix that the environment names, with everything around it running."""
    watch = Watch(parts(streams_settings.load(), os.environ.get(KEY)))
    watch.__enter__()
    atexit.register(watch.__exit__)
    return watch.app
