"""Which Redis the ledger may live in."""

from __future__ import annotations

import pytest

from toolgate.streams.redis_check import faults

INFO = {"redis_version": "7.2.4", "cluster_enabled": 0, "role": "master"}
SETTINGS = {"appendonly": "yes", "maxmemory-policy": "noeviction"}


def test_accepts_what_the_local_stack_starts():
    """The required settings and nothing more."""
    assert faults(INFO, SETTINGS) == []


@pytest.mark.parametrize(
    ("info", "settings", "begins"),
    [
        ({"redis_version": "6.2.14"}, {}, "version is 6.2.14, must be 7 or later"),
        ({"redis_version": "unstable"}, {}, "version is unstable, must be 7 or later"),
        ({}, {"maxmemory-policy": "allkeys-lru"}, "maxmemory-policy is allkeys-lru, must be noeviction"),
        ({}, {"maxmemory-policy": "volatile-ttl"}, "maxmemory-policy is volatile-ttl, must be noeviction"),
        ({}, {"appendonly": "no"}, "appendonly is no, must be yes"),
        ({"cluster_enabled": 1}, {}, "cluster mode is on, must be off"),
        ({"role": "slave"}, {}, "role is slave, must be master"),
    ],
)
def test_refuses_by_name(info, settings, begins):
    """One fault is one line that says what it is, what it must be and what to do."""
    found = faults(INFO | info, SETTINGS | settings)
    assert len(found) == 1
    assert found[0].startswith(begins)
    assert "; " in found[0]


def test_refuses_what_it_cannot_learn():
    """A server that hides a setting is refused for each it hides."""
    assert len(faults({}, {})) == 3
