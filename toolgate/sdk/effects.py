"""Effects: tool functions at work in threads of their own, each command's end reported when it is there."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import structlog

from toolgate.schemas.enums import ResultStatus
from toolgate.sdk.answer import Answer, ToolError
from toolgate.sdk.history import key_of
from toolgate.sdk.reports import answered, ended

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from toolgate.schemas.records import Command, Result
    from toolgate.sdk.answer import Handler
    from toolgate.sdk.history import Key
    from toolgate.sdk.reports import Reports

_log = structlog.get_logger("toolgate.executor")


class Effects:
    """Runs up to `parallel` commands at once, one of each run. Its methods are for the executor's thread."""

    def __init__(self, tools: Mapping[str, Handler], reports: Reports, parallel: int) -> None:
        self._tools = tools
        self._reports = reports
        self._parallel = parallel
        self._pool = ThreadPoolExecutor(parallel, thread_name_prefix="toolgate-tool")
        self._changed = threading.Condition()
        self._ended = threading.Event()
        self._running: dict[Key, str] = {}  # the run of each command
        self._failure: Exception | None = None

    def running(self) -> dict[Key, str]:
        """The commands at work or whose end is not reported yet, with their runs."""
        with self._changed:
            return dict(self._running)

    def room(self) -> int:
        """How many more commands may begin."""
        return self._parallel - len(self.running())

    def begin(self, partition: int, command: Command, start: Result) -> None:
        """Run a command whose STARTED is committed. Only if there is room."""
        self._submit(partition, command, lambda: self._end(command, start))

    def refuse(self, partition: int, command: Command, end: Result) -> None:
        """Report the end of a command that was started and must not run after all. Only if there is room."""
        self._submit(partition, command, lambda: end)

    def breathe(self, limit_s: float) -> None:
        """Wait until something has ended since the last call, at most `limit_s`."""
        self._ended.wait(limit_s)
        self._ended.clear()

    def rest(self, limit_s: float | None) -> bool:
        """Wait until nothing runs any more; False when `limit_s` was not enough. `check` then tells of failures."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._running, limit_s)

    def check(self) -> None:
        """Nothing, as long as every end could be reported.

        Raises:
            NotSentError: one could not.
        """
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Wait for what runs, however long it takes."""
        self._pool.shutdown(wait=True)

    def _submit(self, partition: int, command: Command, end: Callable[[], Result]) -> None:
        with self._changed:
            self._running[key_of(command)] = command.run_id
        self._pool.submit(self._run, partition, command, end)

    def _run(self, partition: int, command: Command, end: Callable[[], Result]) -> None:
        try:
            self._reports.publish(end(), partition)
        except Exception as error:  # noqa: BLE001 - the executor's thread raises it
            self._failure = error
        finally:
            with self._changed:
                self._running.pop(key_of(command))
                self._changed.notify_all()
            self._ended.set()

    def _end(self, command: Command, start: Result) -> Result:
        try:
            given = self._tools[command.tool](command)
        except ToolError as refusal:
            return answered(start, ResultStatus.ERROR, refusal.answer, str(refusal))
        except BaseException as error:  # noqa: BLE001 - whatever a tool raises: nobody knows how far it came
            _log.exception("tool failed", tool=command.tool, command_id=command.command_id)
            return ended(start, ResultStatus.UNKNOWN, f"{type(error).__name__}: {error}")
        answer = given if isinstance(given, Answer) else Answer(given)
        return answered(start, ResultStatus.OK, answer)
