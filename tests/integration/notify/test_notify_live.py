"""Endpoints on this machine, told of what a real Kafka has: each at least once, whatever becomes of others."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer
from notices import HOLD
from patience import until
from receiver import SECRET, receiving

from toolgate.notify import endpoints
from toolgate.notify.counts import Counts
from toolgate.notify.notifier import Notifier
from toolgate.schemas.codec import Codec
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Hold
from toolgate.streams.errors import UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from toolgate.streams.settings import Settings

pytestmark = pytest.mark.real
HOUR = 3_600_000


def opened(settings: Settings, *names: str, kept: bool = True, late: bool = False) -> None:
    """Holds with these ids are opened in a transaction, which is aborted unless it is kept."""
    now_ms = time.time_ns() // 1_000_000
    answer_by = now_ms - HOUR if late else now_ms + HOUR
    producer = Producer(
        {"bootstrap.servers": settings.bootstrap_servers, "transactional.id": f"{settings.prefix}-test"}
    )
    producer.init_transactions(30)
    producer.begin_transaction()
    for name in names:
        hold = changed(HOLD, hold_id=name, answer_by=answer_by, expires_at=now_ms + HOUR)
        producer.produce(settings.topic("holds"), Codec(Hold).encode(hold), b"r", 0)
    producer.flush(30)
    (producer.commit_transaction if kept else producer.abort_transaction)(30)


def written(folder: Path, *lines: str) -> Path:
    """A webhooks file with these endpoints."""
    path = folder / "webhooks.yaml"
    path.write_text(
        "endpoints:\n" + "".join(f"  - {{{line}, secret_env: S}}\n" for line in lines), encoding="utf-8"
    )
    return path


def notifier(settings: Settings, file: Path, counts: Counts | None = None) -> Notifier:
    """Of the endpoints of a file."""
    return Notifier(settings, endpoints.load(file, {"S": SECRET}), counts or Counts())


@contextmanager
def at_work(made: Notifier) -> Iterator[None]:
    """While it tells."""
    thread = threading.Thread(target=made.run)
    thread.start()
    try:
        yield
    finally:
        made.stop()
        thread.join()


def test_endpoints_are_told_apart_and_in_order(settings: Settings, tmp_path: Path):
    """One that is out of order holds up no other; it is told all once it is back, of the committed alone."""
    back = threading.Event()

    def answers(request):
        if request.path == "/other" and request.said["data"]["id"] == "0-2":
            return 422
        return 200 if request.path == "/other" or back.is_set() else 503

    with receiving(answers) as told:
        lines = [
            f"name: {name}, url: '{told.url}/{name}', events: [hold.opened]" for name in ("hurt", "other")
        ]
        file = written(tmp_path, *lines, f"name: late, url: '{told.url}/other', events: [item.overdue]")
        notifier(settings, file).run(once=True)  # from here on
        assert told.requests == []
        opened(settings, "0-1", "0-2")
        opened(settings, "0-9", kept=False)
        opened(settings, "0-3", late=True)
        with at_work(notifier(settings, file)):
            until(lambda: len(told.at("/other")) == 4, lambda: f"four messages: {told.at('/other')}")
            until(lambda: len(told.at("/hurt")) >= 2, "a second try")
            back.set()
            until(lambda: len({one.id for one in told.at("/hurt")}) == 3, "all of them")
        assert all(one.signed() for one in told.requests)
        first = told.at("/hurt")[0]
        assert {one.id for one in told.at("/hurt")[:2]} == {first.id}
        assert list(dict.fromkeys(one.said["data"]["id"] for one in told.at("/hurt"))) == [
            "0-1",
            "0-2",
            "0-3",
        ]
        said = [(one.said["type"], one.said["data"]["id"]) for one in told.at("/other")]
        assert [name for kind, name in said if kind == "hold.opened"] == ["0-1", "0-2", "0-3"]
        assert [name for kind, name in said if kind == "item.overdue"] == ["0-3"]
        before = len(told.requests)
        new = [f"name: new, url: '{told.url}/new'", f"name: all, url: '{told.url}/all', begin: beginning"]
        counts = Counts()
        notifier(settings, written(tmp_path, *lines, *new), counts).run(once=True)
        everything = [one for one in told.at("/all") if one.said["type"] == "hold.opened"]
        assert [one.said["data"]["id"] for one in everything] == ["0-1", "0-2", "0-3"]
        assert [one.said["type"] for one in told.at("/new")] == ["item.overdue"]
        assert len(told.requests) == before + 5
        passed_over = counts.registry.get_sample_value
        assert (passed_over("toolgate_notify_passed_over_total", {"endpoint": "new"}) or 0) >= 3
        assert passed_over("toolgate_notify_passed_over_total", {"endpoint": "all"}) is None


def test_what_was_sent_and_not_committed_is_sent_again(settings: Settings, tmp_path: Path):
    """A process is killed before it has heard the answer; the next sends the same, and the one after that nothing."""
    answer = 200

    def answers(_):
        if process.poll() is None:
            process.kill()
            process.wait()
        return answer

    told_to = {
        "TOOLGATE_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "TOOLGATE_PREFIX": settings.prefix,
        "TOOLGATE_METRICS_PORT": "0",
        "S": SECRET,
    }
    with receiving(answers) as told:
        file = written(tmp_path, f"name: pager, url: '{told.url}/x', events: [hold.opened]")
        notifier(settings, file).run(once=True)
        opened(settings, "0-1")
        process = subprocess.Popen(
            [sys.executable, "-m", "toolgate.cli", "notify", "--webhooks", str(file)],
            env=os.environ | told_to,
            stderr=subprocess.PIPE,
        )
        until(lambda: told.requests, lambda: f"a message: {process.poll()}")
        assert process.wait() == -9
        answer = 500
        with pytest.raises(UnreachableError, match="endpoint pager takes nothing: status 500"):
            notifier(settings, file).run(once=True)
        answer = 200
        notifier(settings, file).run(once=True)
        assert len({(one.id, one.body) for one in told.requests}) == 1
        assert len(told.requests) == 1 + 3 + 1
        notifier(settings, file).run(once=True)
        assert len(told.requests) == 5
        assert SECRET.encode() not in (process.stderr.read() if process.stderr else b"")
