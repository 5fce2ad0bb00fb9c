"""The law of tightening: whatever makes a policy tighter, or a call dearer, never opens what was closed."""

from __future__ import annotations

from copy import deepcopy
from functools import lru_cache
from random import Random

import pytest
import tightening

from toolgate.processors import written_file

WAYS, CALLS = 10, 20  # of one policy: 200 cases
POLICIES_OF_EVERY_CHANGE, POLICIES_OF_A_NIGHT = 100, 2_500


@pytest.fixture(autouse=True)
def catalogues_read_once(monkeypatch):
    """Most tighter policies have the catalogue of the loose one, and reading YAML is what takes the time."""
    monkeypatch.setattr(written_file, "parse", lru_cache(maxsize=64)(written_file.parse))


@pytest.mark.parametrize("block", range(4))
def test_tightening_opens_nothing(block):
    """20,000 cases: a policy, a way to tighten it, a call, and the accounts as they stand."""
    size = POLICIES_OF_EVERY_CHANGE // 4
    approved = refused = 0
    for seed in range(block * size, (block + 1) * size):
        faults, passed, stopped = tightening.opened(Random(seed), WAYS, CALLS)
        assert faults == [], f"seed {seed}"
        approved, refused = approved + passed, refused + stopped
    # Policies that approve nothing, or everything, would show nothing.
    assert approved > size
    assert refused > size * CALLS // 4


@pytest.mark.parametrize("way", tightening.WAYS, ids=lambda way: way.__name__)
def test_every_way_to_tighten_closes_something(way):
    """A way that changes nothing would hold the law for nothing."""
    closed = 0
    for seed in range(60):
        random = Random(seed)
        loose = tightening.written(random)
        tight = deepcopy(loose)
        if not way(random, tight):
            continue
        verdicts = []
        for one in (loose, tight):
            world, accounts, found = one.loaded(), tightening.ledger(), []
            for offset, (time_ms, intent) in enumerate(tightening.intents(Random(seed), CALLS)):
                ask = tightening.asked(world, intent, time_ms, offset, one.extra_cost)
                share = tightening.Share(*tightening.HOME, 1, offset, offset, offset + 1, (ask,))
                found.append(accounts.decide(0, [share]).decisions[0][0].verdict)
            verdicts.append(found)
        closed += verdicts[0] != verdicts[1]
        if closed:
            return
    pytest.fail("nothing was closed")


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("block", range(10))
def test_tightening_opens_nothing_at_length(block):
    """500,000 further ones."""
    size = POLICIES_OF_A_NIGHT // 10
    for seed in range(10_000 + block * size, 10_000 + (block + 1) * size):
        assert tightening.opened(Random(seed), WAYS, CALLS)[0] == [], f"seed {seed}"
