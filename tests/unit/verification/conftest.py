"""Good histories, made once."""

from __future__ import annotations

from copy import copy
from functools import cache

import contracted
import granted
import pytest
import voted
from past import Past
from universe import Universe
from universe_policies import PROPOSING_FILES

SEEDS = {
    "proposing": 12,
    "freed": 7,
    "contracted": 3,
    "granted": 61,
    "voted": 95,
}  # each has everything that a test looks for


@cache
def _lived(kind: str) -> Universe:
    if kind == "contracted":
        made: Universe = contracted.Contracted(SEEDS[kind])
        made.live(2000, contracted.RATES)
    elif kind == "granted":
        made = granted.Granted(SEEDS[kind])
        made.live(2000, granted.RATES)
    elif kind == "voted":
        made = voted.Voted(SEEDS[kind])
        made.live(2000, voted.RATES)
    else:
        made = Universe(SEEDS[kind], files=PROPOSING_FILES)
        made.live(2500)
    assert made.rest()
    return made


@cache
def _past(kind: str) -> Past:
    return Past(_lived(kind))


@pytest.fixture
def past() -> Past:
    """A history with holds, drafts, a workflow in shadow, kills, duplicates and noise, to be changed at will."""
    return _fresh("proposing")


@pytest.fixture
def freed() -> Past:
    """One of the same kind, in which room is needed as soon as it is given back."""
    return _fresh("freed")


@pytest.fixture
def contracts() -> Past:
    """A history of runs that may have contracts, to be changed at will."""
    return _fresh("contracted")


@pytest.fixture
def grants() -> Past:
    """A history with grants, some of them used, to be changed at will."""
    return _fresh("granted")


@pytest.fixture
def votes() -> Past:
    """A history of people who count, promote and come too late, to be changed at will."""
    return _fresh("voted")


@pytest.fixture
def universe() -> Universe:
    """Where `past` comes from."""
    return _lived("proposing")


def _fresh(kind: str) -> Past:
    made = copy(_past(kind))
    made.envelopes = list(made.envelopes)
    return made
