"""Tickets: what is known of the intents that one client has sent. Pure bookkeeping."""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import InvalidStateError
from contextlib import suppress
from typing import TYPE_CHECKING

from toolgate.schemas.enums import WAITS, ResultStatus, Verdict
from toolgate.sdk.errors import IntentError, NoAnswerError
from toolgate.sdk.ticket import Ticket

if TYPE_CHECKING:
    from toolgate.schemas.records import Intent, Outcome, Result

TICKETS_KEPT = 10_000  # decided or given up: remembered for repetitions and for what comes late


class Tickets:
    """The tickets of one client by intent id. Pure bookkeeping, safe for any number of threads."""

    def __init__(self, kept: int = TICKETS_KEPT) -> None:
        self._kept = kept
        self._lock = threading.Lock()
        self._waiting: dict[str, Ticket] = {}
        self._late: OrderedDict[str, Ticket] = OrderedDict()  # nobody waits for their decision any more
        self._decided: OrderedDict[str, Ticket] = OrderedDict()
        self._early: dict[str, Result] = {}  # ends that were read before their outcome
        self._failure: Exception | None = None

    def expect(self, intent: Intent, digest: str) -> Ticket:
        """The ticket of an intent about to be sent; the same one again for the same intent.

        Args:
            intent: what is sent.
            digest: of its body as it is written; the gate's answer names it.

        Raises:
            IntentError: the id is being waited for with other content.
            SdkError: answers can no longer be read.
        """
        key = intent.intent_id
        with self._lock:
            if self._failure is not None:
                raise self._failure
            waiting = self._waiting.get(key)
            if waiting is not None:
                if waiting.digest == digest:
                    return waiting
                raise IntentError(
                    f"intent id {key} is waited for with other content",
                    remedy="give every new intent an id of its own",
                )
            late = self._late.get(key)
            if late is not None and late.digest == digest:
                self._waiting[key] = self._late.pop(key)
                return late
            decided = self._decided.get(key)
            if decided is not None and decided.digest == digest:
                return decided  # the gate answers a repetition with nothing: its first decision stands
            self._late.pop(key, None)
            self._early.pop(key, None)
            ticket = self._waiting[key] = Ticket(intent, digest, self.give_up)
        _let_go([late] if late is not None else [])
        return ticket

    def give_up(self, ticket: Ticket) -> None:
        """Nobody waits for its decision any more: it is remembered as long as decided ones are."""
        key = ticket.intent.intent_id
        gone: list[Ticket] = []
        with self._lock:
            if self._waiting.get(key) is ticket:
                self._late[key] = self._waiting.pop(key)
                while len(self._late) > self._kept:
                    oldest, forgotten = self._late.popitem(last=False)
                    self._early.pop(oldest, None)
                    gone.append(forgotten)
        _let_go(gone)

    def outcome(self, outcome: Outcome) -> None:
        """The gate has decided, or people have. Another intent of the same id has another digest and is not ours."""
        key = outcome.intent_id
        with self._lock:
            ticket = self._waiting.get(key) or self._late.get(key) or self._decided.get(key)
            if ticket is None or ticket.digest != outcome.digest:
                return
            self._waiting.pop(key, None)
            self._late.pop(key, None)
            waits = outcome.verdict in WAITS
            early = None if waits else self._early.pop(key, None)
            self._decided.pop(key, None)
            self._decided[key] = ticket
            gone: list[Ticket] = []
            while len(self._decided) > self._kept:
                oldest, forgotten = self._decided.popitem(last=False)
                self._early.pop(oldest, None)
                gone.append(forgotten)
        _let_go(gone)
        with suppress(InvalidStateError):
            ticket.outcome.set_result(outcome)
        if not waits:
            with suppress(InvalidStateError):
                ticket.last.set_result(outcome)
        if early is not None:
            self.result(early)

    def result(self, result: Result) -> None:
        """A command has begun or ended; only the first end of the ticket's own command counts."""
        if result.status == ResultStatus.STARTED:
            return
        key = result.intent_id
        with self._lock:
            ticket = self._waiting.get(key) or self._late.get(key)
            if ticket is not None:
                if ticket.digest == result.digest:
                    self._early.setdefault(key, result)
                return
            ticket = self._decided.get(key)
            if ticket is None or ticket.digest != result.digest or ticket.result.done():
                return
            if not ticket.last.done():
                self._early.setdefault(key, result)
                return
        outcome = ticket.last.result()
        if outcome.verdict == Verdict.APPROVE and outcome.command_id == result.command_id:
            with suppress(InvalidStateError):  # an executor that was started twice may have ended it twice
                ticket.result.set_result(result)

    def fail(self, error: Exception) -> None:
        """Nothing will be heard any more."""
        with self._lock:
            self._failure = error
            waiting = [*self._waiting.values(), *self._late.values(), *self._decided.values()]
            self._waiting.clear()
            self._late.clear()
            self._early.clear()
        for ticket in waiting:
            for future in (ticket.outcome, ticket.last, ticket.result):
                with suppress(InvalidStateError):  # those that know their answer keep it
                    future.set_exception(error)

    def drop(self, ticket: Ticket, error: BaseException) -> None:
        """The intent of a ticket never left."""
        key = ticket.intent.intent_id
        with self._lock:
            for table in (self._waiting, self._late):
                if table.get(key) is ticket:
                    del table[key]
        for future in (ticket.outcome, ticket.last):
            with suppress(InvalidStateError):
                future.set_exception(error)


def _let_go(tickets: list[Ticket]) -> None:
    """Nothing will be heard of these any more: who awaits one all the same is told."""
    for ticket in tickets:
        text = f"intent {ticket.intent.intent_id} was given up and its decision is no longer listened for"
        for future in (ticket.outcome, ticket.last):
            with suppress(InvalidStateError):
                future.set_exception(NoAnswerError(text, remedy="send it again under the same id"))
