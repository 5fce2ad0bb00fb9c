"""What is counted of webhooks, for Prometheus: labels are endpoints and event types, never runs or workflows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge

if TYPE_CHECKING:
    from toolgate.notify.events import EventType


class Counts:
    """Counters of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        to = self.registry
        self._taken = Counter(
            "toolgate_notify_taken", "Taken by the endpoint.", ["endpoint", "type"], registry=to
        )
        self._again = Counter(
            "toolgate_notify_again", "Requests to be tried again.", ["endpoint"], registry=to
        )
        self._refused = Counter(
            "toolgate_notify_refused", "Refused: stepped over.", ["endpoint"], registry=to
        )
        self._given_up = Counter(
            "toolgate_notify_given_up", "Too old: stepped over.", ["endpoint"], registry=to
        )
        self._failed = Counter(
            "toolgate_notify_failed",
            "Its records could not be read, or their places not kept: begun again.",
            ["endpoint"],
            registry=to,
        )
        self._passed_over = Counter(
            "toolgate_notify_passed_over",
            "Records, at most, that were there when a group without a place began: nothing is told of them.",
            ["endpoint"],
            registry=to,
        )
        self._age = Gauge(
            "toolgate_notify_age_seconds",
            "How old what is being told is; 0: nothing is.",
            ["endpoint"],
            registry=to,
        )

    def taken(self, endpoint: str, event_type: EventType) -> None:
        """An endpoint has taken an event."""
        self._taken.labels(endpoint, event_type.value).inc()
        self._age.labels(endpoint).set(0)

    def again(self, endpoint: str, age_ms: int) -> None:
        """It has not, and will be asked again."""
        self._again.labels(endpoint).inc()
        self._age.labels(endpoint).set(max(0, age_ms) / 1000)

    def left(self, endpoint: str) -> None:
        """It is another's to tell by now: how old it becomes, the other knows."""
        self._age.labels(endpoint).set(0)

    def refused(self, endpoint: str) -> None:
        """It says that the message is wrong."""
        self._refused.labels(endpoint).inc()
        self._age.labels(endpoint).set(0)

    def given_up(self, endpoint: str) -> None:
        """It could not be told for too long."""
        self._given_up.labels(endpoint).inc()
        self._age.labels(endpoint).set(0)

    def passed_over(self, endpoint: str, records: int) -> None:
        """Its group has begun behind so many."""
        self._passed_over.labels(endpoint).inc(records)

    def failed(self, endpoint: str) -> None:
        """Its courier has failed, and begins again after a while."""
        self._failed.labels(endpoint).inc()
