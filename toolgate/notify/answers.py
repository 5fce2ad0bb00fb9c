"""Answers: what an endpoint's answer means for the message, and when to try again. Pure."""

from __future__ import annotations

from enum import StrEnum

FIRST_S, LONGEST_S = 1.0, 300.0
_TRIES_MAX = 16  # beyond, the wait is the longest anyhow
# These say that the message is wrong, whoever asks again; all others that something is out of order there.
_REFUSES = frozenset({400, 406, 409, 410, 413, 414, 415, 422, 431, 451})


class Meaning(StrEnum):
    """What becomes of the message."""

    TAKEN = "taken"
    REFUSED = "refused"  # logged, counted, stepped over
    AGAIN = "again"


def meaning(status: int | None) -> Meaning:
    """What a status says; None: there was no answer. Redirects are not followed: the url is to be corrected."""
    if status is None:
        return Meaning.AGAIN
    if 200 <= status < 300:
        return Meaning.TAKEN
    return Meaning.REFUSED if status in _REFUSES else Meaning.AGAIN


def wait_s(tries: int, retry_after: str, chance: float) -> float:
    """Seconds to wait after so many tries: at random up to twice as long as last time, five minutes at most.

    Args:
        tries: so far, from 1.
        retry_after: what the endpoint asks for in seconds, never less than that, within the same bound; whatever
            is no number of seconds, a date as well, asks for nothing.
        chance: a random number from 0 to 1: endpoints that come back are not met by all at once.
    """
    most = min(LONGEST_S, FIRST_S * (1 << min(tries, _TRIES_MAX)))
    asked = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0.0
    return max(min(asked, LONGEST_S), most / 2 + chance * most / 2)
