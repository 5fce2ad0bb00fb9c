"""What the ledger requires of its Redis, asked before the gate joins: refuse by name, say what to set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import redis

from toolgate.streams.errors import RefusedError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION_MIN = 7


def check(client: redis.Redis, where: str) -> None:
    """Ask the server and raise unless the ledger may live there.

    Args:
        client: connected to the ledger's server, whichever way it decodes.
        where: the address for messages, without a password.

    Raises:
        RefusedError: names every setting that would lose or falsify accounts, and what to set.
        UnreachableError: it does not answer.
    """
    try:
        info = cast("Mapping[str, Any]", client.info())
        settings = _setting(client, "appendonly", "maxmemory-policy")
    except redis.exceptions.NoPermissionError as error:
        raise RefusedError(
            f"Redis does not let us see how it is set up: {error}",
            where=where,
            remedy="allow this user INFO and CONFIG GET: ACL SETUSER <user> +info +config|get",
        ) from None
    except redis.AuthenticationError as error:
        raise RefusedError(
            f"Redis refuses the password: {error}", where=where, remedy="correct it in TOOLGATE_REDIS_URL"
        ) from None
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise UnreachableError(
            f"Redis does not answer: {error}", where=where, remedy="start it, or correct TOOLGATE_REDIS_URL"
        ) from None
    found = faults(info, settings)
    if found:
        raise RefusedError(
            f"{len(found)} thing(s) about this Redis would break a promise:\n"
            + "\n".join(f"    {fault}" for fault in found),
            where=where,
            remedy="set them as their lines say, in the server's configuration too, and start again",
        )


def faults(info: Mapping[str, Any], settings: Mapping[str, str]) -> list[str]:
    """One line for each promise that such a server would break; empty when the ledger may live there.

    Args:
        info: the answer to INFO.
        settings: `appendonly` and `maxmemory-policy` as CONFIG GET has them.
    """
    found = []
    version = str(info.get("redis_version", "0"))
    major = version.partition(".")[0]
    if not major.isdigit() or int(major) < VERSION_MIN:
        found.append(
            f"version is {version}, must be {VERSION_MIN} or later (an older one remembers scripts over a "
            "restart, so that its return to an earlier state would go unnoticed); use Redis 7 or Valkey"
        )
    if settings.get("maxmemory-policy") != "noeviction":
        found.append(
            f"maxmemory-policy is {settings.get('maxmemory-policy', 'unknown')}, must be noeviction "
            "(accounts would be forgotten); CONFIG SET maxmemory-policy noeviction"
        )
    if settings.get("appendonly") != "yes":
        found.append(
            f"appendonly is {settings.get('appendonly', 'unknown')}, must be yes (a restart would "
            "lose every account); CONFIG SET appendonly yes"
        )
    if str(info.get("cluster_enabled", 0)) != "0":
        found.append(
            "cluster mode is on, must be off (one ledger lives on one node, and a resharding would move it "
            "under a running gate); use a server with cluster-enabled no"
        )
    role = info.get("role", "master")
    if role != "master":
        found.append(f"role is {role}, must be master (a replica takes no writes); give its master's address")
    return found


def _setting(client: redis.Redis, *names: str) -> dict[str, str]:
    answer = cast("Mapping[Any, Any]", client.config_get(*names))
    return {_text(name): _text(value) for name, value in answer.items()}


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
