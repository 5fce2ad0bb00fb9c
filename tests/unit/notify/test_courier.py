"""One endpoint is told in order, each until it is taken, refused or too old."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager, suppress

import pytest
from notices import ALERT, HOLD, NOW
from receiver import SECRET, receiving

from toolgate.notify import courier as couriers
from toolgate.notify.counts import Counts
from toolgate.notify.courier import Courier
from toolgate.notify.endpoints import Endpoint
from toolgate.notify.events import EventType, of_record
from toolgate.notify.post import Answer, Post
from toolgate.processors.case import Envelope
from toolgate.schemas.codec import Codec
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Alert, Hold
from toolgate.streams.errors import UnreachableError

HOUR = 3_600_000


class Inbox:
    """Records in memory; `ours` says whether a record is still ours once time has passed."""

    def __init__(self, *records: Hold | Alert | bytes) -> None:
        self.left = [
            Envelope("alerts" if isinstance(one, Alert) else "holds", 0, n, NOW, b"r", _value(one))
            for n, one in enumerate(records)
        ]
        self.finished: list[int] = []
        self.waited: list[float] = []
        self.ours = True

    @property
    def drained(self) -> bool:
        """All is taken."""
        return not self.left

    def take(self, _timeout_s: float) -> Envelope | None:
        """The next."""
        return self.left.pop(0) if self.left else None

    def done(self, told: Envelope) -> None:
        """Noted."""
        self.finished.append(told.offset)

    def wait(self, seconds: float, told: Envelope | None = None) -> bool:
        """Noted; no time passes."""
        self.waited.append(seconds)
        return told is None or self.ours


def _value(record: Hold | Alert | bytes) -> bytes:
    return record if isinstance(record, bytes) else Codec(type(record)).encode(record)


class Told:
    """An endpoint that answers these statuses, and then 200."""

    def __init__(self, *statuses: int | None) -> None:
        self.statuses = list(statuses)
        self.ids: list[str] = []
        self.bodies: list[bytes] = []

    def __call__(self, body, headers) -> Answer:
        """One request."""
        self.ids.append(headers["webhook-id"])
        self.bodies.append(body)
        return Answer(self.statuses.pop(0) if self.statuses else 200)


def courier(told: Told, now_ms: int = NOW, stopped=lambda: False, **fields) -> tuple[Courier, Counts]:
    """A courier of an endpoint with these fields, at a time."""
    kept = {
        "events": frozenset(EventType),
        "workflows": None,
        "parameters": False,
        "from_beginning": False,
        "give_up_ms": HOUR,
    } | fields
    endpoint = Endpoint("pager", "https://h/x", b"s" * 32, timeout_ms=1_000, **kept)
    counts = Counts()
    made = Courier(
        endpoint,
        told,
        counts,
        prefix="toolgate",
        stopped=stopped,
        now_ms=lambda: now_ms,
        chance=lambda: 1.0,
    )
    return made, counts


def count(counts: Counts, name: str) -> float:
    """A counter of the endpoint, over all types."""
    families = [one for one in counts.registry.collect() if one.name == f"toolgate_notify_{name}"]
    return sum(s.value for one in families for s in one.samples if not s.name.endswith("_created"))


def test_each_is_told_in_order_and_done_with_once_it_is_taken():
    """What is refused for itself is stepped over, what cannot be read as well."""
    inbox, told = Inbox(HOLD, b"noise", changed(HOLD, hold_id="0-3"), ALERT), Told(200, 422)
    made, counts = courier(told)
    made.run(inbox, once=True)
    assert inbox.finished == [0, 1, 2, 3]
    assert len(set(told.ids)) == 3
    assert (count(counts, "taken"), count(counts, "refused"), inbox.waited) == (2, 1, [])


def test_what_is_not_taken_is_tried_again_with_the_same_id_and_body():
    """Later each time; nothing behind it is told before."""
    inbox, told = Inbox(HOLD, ALERT), Told(500, None)
    made, counts = courier(told)
    made.run(inbox, once=True)
    assert told.ids[0] == told.ids[1] == told.ids[2] != told.ids[3]
    assert told.bodies[0] == told.bodies[2]
    assert (inbox.waited, inbox.finished, count(counts, "again")) == ([2.0, 4.0], [0, 1], 2)


@pytest.mark.parametrize(("age_ms", "finished"), [(HOUR - 1, []), (HOUR, [0])])
def test_what_is_too_old_is_given_up(age_ms, finished):
    """After one try at least; until then it holds up what is behind it."""
    inbox, told = Inbox(HOLD), Told(500)
    made, counts = courier(told, NOW + age_ms)
    inbox.ours = False
    made.run(inbox, once=True)
    assert (inbox.finished, count(counts, "given_up")) == (finished, len(finished))


def test_what_another_member_tells_by_now_is_not_done_with():
    """Its place is not ours to move, nor its age ours to show."""
    inbox, told = Inbox(HOLD), Told(500)
    inbox.ours = False
    made, counts = courier(told, NOW + 60_000)
    made.run(inbox, once=True)
    assert (inbox.finished, len(told.ids), count(counts, "age_seconds")) == ([], 1, 0)


def test_a_process_that_is_to_end_does_not_try_for_ever():
    """It says who takes nothing; what was not told keeps its place."""
    inbox, told = Inbox(HOLD), Told(500, 500, 500)
    with pytest.raises(UnreachableError, match="endpoint pager takes nothing: status 500"):
        courier(told)[0].run(inbox, once=True)
    assert (inbox.finished, len(told.ids)) == ([], 3)


def test_a_process_that_is_to_end_does_not_listen_for_ever(monkeypatch):
    """Where records are left that nobody gives, it says so."""
    monkeypatch.setattr(couriers, "SILENT_ONCE_S", 0.05)
    inbox, told = Inbox(HOLD), Told()
    monkeypatch.setattr(Inbox, "drained", False)
    with pytest.raises(UnreachableError, match="gives nothing for endpoint pager"):
        courier(told)[0].run(inbox, once=True)
    assert inbox.finished == [0]


def test_nobody_is_told_once_it_is_stopped():
    """Also in the middle of trying."""
    inbox, told = Inbox(HOLD, ALERT), Told(500)
    courier(told, stopped=lambda: bool(told.ids))[0].run(inbox)
    assert (inbox.finished, len(told.ids)) == ([], 1)


@pytest.mark.parametrize(
    ("fields", "told_of"),
    [
        ({"events": frozenset({EventType.ALERT_RAISED})}, 1),
        ({"workflows": frozenset({"w"})}, 2),
        ({"workflows": frozenset({"other"})}, 0),
    ],
)
def test_an_endpoint_is_told_what_it_wants(fields, told_of):
    """The rest is done with."""
    inbox, told = Inbox(HOLD, ALERT), Told()
    courier(told, **fields)[0].run(inbox, once=True)
    assert (inbox.finished, len(told.ids)) == ([0, 1], told_of)


def test_what_no_record_tells_is_told_as_well():
    """Before the next record; it moves no place."""
    inbox, told = Inbox(HOLD), Told(500)
    made, _ = courier(told)
    event = of_record(ALERT, NOW, "toolgate")
    assert event is not None
    made.tell(event)
    made.run(inbox, once=True)
    assert (told.ids[:2], inbox.finished) == ([event.id, event.id], [0])


@pytest.mark.parametrize(
    ("answer", "status", "retry_after"),
    [(200, 200, ""), ((429, {"retry-after": "7"}), 429, "7"), ((302, {"location": "/other"}), 302, "")],
    ids=str,
)
def test_a_request_and_its_answer(answer, status, retry_after):
    """Redirects are not followed; the body arrives as it was signed."""
    with receiving(lambda _: answer) as receiver:
        post = Post(receiver.url + "/x", 5_000)
        came = post(b'{"a":1}', {"webhook-id": "msg_1"})
    assert (came.status, came.retry_after) == (status, retry_after)
    (request,) = receiver.requests
    assert (request.path, request.body, request.headers["content-type"]) == (
        "/x",
        b'{"a":1}',
        "application/json",
    )


def test_nobody_there_is_an_answer_too():
    """No exception leaves it."""
    with receiving() as receiver:
        url = receiver.url
    came = Post(url, 500)(b"{}", {})
    assert came.status is None
    assert came.detail
    assert SECRET not in came.detail


@contextmanager
def dribbling(first: bytes, then: bytes):
    """The url of somebody who answers this, and then that again and again until the other side is gone."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            connected, _ = server.accept()
            with connected:
                connected.sendall(first)
                while not over.wait(0.05):
                    connected.sendall(then)

    over = threading.Event()
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/x"
    finally:
        over.set()
        server.close()
        thread.join()


@pytest.mark.parametrize(
    ("first", "then"),
    [(b"HTTP/1.1 200 OK\r\nx-slow: ", b"a"), (b"", b"HTTP/1.1 100 Continue\r\n\r\n"), (b"H", b"")],
    ids=["headers", "interim answers", "silence"],
)
def test_a_request_takes_no_longer_than_its_timeout(first, then):
    """However an answer is drawn out; one that is not whole is none."""
    with dribbling(first, then) as url:
        began = time.monotonic()
        came = Post(url, 300)(b"{}", {})
        assert time.monotonic() - began < 5
    assert came == Answer(None, "", "no answer within 0.3 s")


@pytest.mark.parametrize(
    "answer",
    [b"\0\x1b[2J\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\na: " + b"a" * 70_000],
    ids=len,
)
def test_what_is_no_answer_raises_nothing(answer):
    """It is told as the reason, cut short."""
    with dribbling(answer, b"") as url:
        came = Post(url, 5_000)(b"{}", {})
    assert came.status is None
    assert 0 < len(came.detail) <= 300
