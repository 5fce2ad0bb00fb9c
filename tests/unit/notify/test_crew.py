"""Works run side by side: one that fails begins again, and ends no other."""

from __future__ import annotations

import _thread
import threading

import pytest

from toolgate.notify.crew import Crew
from toolgate.streams.errors import RefusedError, UnreachableError

LIMIT_S = 30


class Failures:
    """Whose, in order."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(self, name: str, _error: Exception) -> None:
        """Noted."""
        self.names.append(name)


def failing(error: Exception = RefusedError("not yours")):  # noqa: B008 - it has no state
    """A work that does nothing else."""

    def work() -> None:
        raise error

    return work


def test_one_that_fails_begins_again_and_ends_no_other():
    """Until it works; the other is told nothing of it."""
    stopped, failures, tries = threading.Event(), Failures(), []

    def hurt() -> None:
        tries.append(len(tries))
        if len(tries) < 3:
            raise RefusedError("not yours")
        stopped.set()

    Crew(stopped, failures, 0.01).run({"hurt": hurt, "other": lambda: _ended(stopped)})
    assert (tries, failures.names) == ([0, 1, 2], ["hurt", "hurt"])


def test_where_all_fail_it_ends_with_the_error():
    """A supervisor, or who started it by hand, is to know; it does not wait to begin again."""
    stopped, failures = threading.Event(), Failures()
    with pytest.raises(RefusedError, match="not yours"):
        Crew(stopped, failures, LIMIT_S).run({"a": failing(), "b": failing()})
    assert (stopped.is_set(), sorted(failures.names)) == (True, ["a", "b"])


def test_what_all_need_ends_all():
    """Its own error is raised."""
    stopped = threading.Event()
    with pytest.raises(UnreachableError, match="no Kafka"):
        Crew(stopped, Failures()).run({"a": lambda: _ended(stopped)}, failing(UnreachableError("no Kafka")))


def test_where_none_begins_again_the_others_end_by_themselves():
    """And the failure is raised afterwards."""
    stopped, done = threading.Event(), []
    with pytest.raises(RefusedError):
        Crew(stopped, Failures(), None).run({"a": failing(), "b": lambda: done.append(1)})
    assert (done, stopped.is_set()) == ([1], False)


def test_stopped_while_one_waits_to_begin_again():
    """That is no error."""
    stopped, failures = threading.Event(), Failures()

    def other() -> None:
        while not failures.names:
            stopped.wait(0.01)
        stopped.set()

    Crew(stopped, failures, LIMIT_S).run({"hurt": failing(), "other": other})
    assert failures.names == ["hurt"]


def test_an_interrupt_ends_all():
    """Soon: nobody waits until all is done."""
    stopped = threading.Event()

    def work() -> None:
        _thread.interrupt_main()
        _ended(stopped)

    with pytest.raises(KeyboardInterrupt):
        Crew(stopped, Failures(), None).run({"a": work})
    assert stopped.is_set()


def _ended(stopped: threading.Event) -> None:
    assert stopped.wait(LIMIT_S)
