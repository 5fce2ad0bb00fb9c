"""The console without Kafka: its views are fed by hand, its desk remembers what it was asked to do."""

from __future__ import annotations

import pytest
from console_site import DAY_MS, NOW, Clock, Desk, Front, opened

from toolgate.console.app import application
from toolgate.console.attempts import Attempts
from toolgate.console.halves import Proposals
from toolgate.console.sessions import Sessions
from toolgate.console.site import Site
from toolgate.console.views import TOPICS, Views


@pytest.fixture
def clock() -> Clock:
    """Seconds that pass when a test says so."""
    return Clock()


@pytest.fixture
def desk() -> Desk:
    """What pages ask and do."""
    return Desk()


@pytest.fixture
def site(clock: Clock, desk: Desk) -> Site:
    """A console whose topics have all been read, and have nothing."""
    views = Views()
    for topic in TOPICS:
        views.says(topic, whole=True)
    return Site(
        views, desk, desk.door, Sessions(clock), Attempts(clock), Proposals(clock), lambda: NOW + DAY_MS
    )


@pytest.fixture
def front(site: Site):
    """A browser without JavaScript, in front of it."""
    with opened(application(site, ["console.test"])) as client:
        yield Front(client, site)
