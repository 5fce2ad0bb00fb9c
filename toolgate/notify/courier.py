"""The courier: tells one endpoint what there is, in order, each until it is taken, refused or too old."""

from __future__ import annotations

import random
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from toolgate.notify.answers import Meaning, meaning, wait_s
from toolgate.notify.events import of_record
from toolgate.notify.signing import signed
from toolgate.schemas.codec import Codec, DecodeError
from toolgate.schemas.records import Alert, Draft, Hold
from toolgate.streams.errors import UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from toolgate.notify.counts import Counts
    from toolgate.notify.endpoints import Endpoint
    from toolgate.notify.events import Event
    from toolgate.notify.post import Answer
    from toolgate.processors.case import Envelope
    from toolgate.schemas.registry import Registry

TRIES_ONCE = 3  # where the process is to end: somebody will start it again
SILENT_ONCE_S = 120.0  # longer than another member takes over one request, or to be found dead
_POLL_S = 0.5
_RECORDS: Mapping[str, type[Hold | Draft | Alert]] = {"holds": Hold, "drafts": Draft, "alerts": Alert}
_log = structlog.get_logger("toolgate.notify")


class Inbox(Protocol):
    """Where records come from; see `inbox.Inbox`."""

    @property
    def drained(self) -> bool:
        """Whether all that there was has been taken."""

    def take(self, timeout_s: float) -> Envelope | None:
        """The next record."""

    def done(self, told: Envelope) -> None:
        """It is done with."""

    def wait(self, seconds: float, told: Envelope | None = None) -> bool:
        """Let time pass; whether the record is still ours."""


class Courier:
    """Tells one endpoint. For one thread; `tell` may be called from others.

    Args:
        endpoint: whom.
        post: sends one request.
        counts: what came of it.
        prefix: of the topics.
        registry: where schema ids come from.
        stopped: whether to end.
        now_ms: this machine's clock.
        chance: random numbers from 0 to 1.
    """

    def __init__(  # noqa: PLR0913 - its parts, and time and chance from outside
        self,
        endpoint: Endpoint,
        post: Callable[[bytes, Mapping[str, str]], Answer],
        counts: Counts,
        *,
        prefix: str,
        stopped: Callable[[], bool],
        registry: Registry | None = None,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._endpoint = endpoint
        self._post = post
        self._counts = counts
        self._prefix = prefix
        self._stopped = stopped
        self._now_ms = now_ms
        self._chance = chance
        self._codecs: dict[str, Codec[Any]] = {
            topic: Codec(kind, registry) for topic, kind in _RECORDS.items()
        }
        self._besides: deque[Event] = deque()  # what no record of the inbox tells

    def tell(self, event: Event) -> None:
        """Tell this as well, when there is time; forgotten when the process ends."""
        self._besides.append(event)

    def run(self, inbox: Inbox, *, once: bool = False) -> None:
        """Tell until stopped; `once`: until there is nothing more to tell.

        Args:
            inbox: records to tell of.
            once: whether to end.

        Raises:
            UnreachableError: `once`, and the endpoint takes nothing, or Kafka gives nothing.
            RefusedError: the topics may not be read.
        """
        tries_max = TRIES_ONCE if once else 0
        heard = time.monotonic()
        while not self._stopped():
            while self._besides and self._told(inbox, self._besides[0], None, tries_max):
                self._besides.popleft()
                heard = time.monotonic()
            told = inbox.take(_POLL_S)
            if told is None:
                if once and inbox.drained and not self._besides:
                    return
                if once and time.monotonic() - heard >= SILENT_ONCE_S:
                    raise UnreachableError(
                        f"Kafka gives nothing for endpoint {self._endpoint.name}, though not all was read",
                        where=f"{SILENT_ONCE_S:g} s",
                        remedy="see that Kafka runs, and what the lines above say; what was not told, will be told",
                    )
                continue
            event = self._event(told)
            if event is None or self._told(inbox, event, told, tries_max):
                inbox.done(told)
            heard = time.monotonic()

    def _event(self, told: Envelope) -> Event | None:
        try:
            record = self._codecs[told.topic].decode(told.value)
        except DecodeError as error:
            if error.undecided:
                raise UnreachableError(
                    error.detail, where="the Schema Registry", remedy="see that it runs"
                ) from error
            place = f"{told.topic}[{told.partition}]@{told.offset}"
            _log.error("a record cannot be read, nobody is told of it", place=place, detail=error.detail)
            return None
        return of_record(record, told.time_ms, self._prefix)

    def _wants(self, event: Event) -> bool:
        of_ours = self._endpoint.workflows is None or event.workflow_id in self._endpoint.workflows
        return event.type in self._endpoint.events and of_ours

    def _told(self, inbox: Inbox, event: Event, record: Envelope | None, tries_max: int) -> bool:
        """Whether the event is done with; else it goes to another member, or to our next life."""
        if not self._wants(event):
            return True
        tries = 0
        body = event.body(parameters=self._endpoint.parameters)
        while not self._stopped():
            tries += 1
            now_ms = self._now_ms()
            answer = self._post(body, signed(self._endpoint.secret, event.id, now_ms // 1000, body))
            if self._settled(event, answer, now_ms - event.at_ms):
                return True
            if tries == tries_max:
                raise UnreachableError(
                    f"endpoint {self._endpoint.name} takes nothing: {_said(answer)}",
                    where=f"{tries} tries",
                    remedy="see that it runs; what it was not told, it will be told",
                )
            if not inbox.wait(wait_s(tries, answer.retry_after, self._chance()), record):
                break
        self._counts.left(self._endpoint.name)
        return False

    def _settled(self, event: Event, answer: Answer, age_ms: int) -> bool:
        name, what = self._endpoint.name, meaning(answer.status)
        if what is Meaning.TAKEN:
            self._counts.taken(name, event.type)
            return True
        about = {"endpoint": name, "type": event.type.value, "id": event.id, "detail": _said(answer)}
        if what is Meaning.REFUSED:
            _log.error("refused: stepped over", **about)
            self._counts.refused(name)
            return True
        if age_ms >= self._endpoint.give_up_ms:
            _log.error("too old: stepped over", **about)
            self._counts.given_up(name)
            return True
        _log.warning("not taken: tried again", **about)
        self._counts.again(name, age_ms)
        return False


def _said(answer: Answer) -> str:
    return f"status {answer.status}" if answer.status is not None else answer.detail
