"""The player: recorded runs as agents make them, each call after the last one's outcome, and as tools answered them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolgate.demo.together import together
from toolgate.schemas.enums import Verdict
from toolgate.sdk import Answer, ToolError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Sequence

    from toolgate.demo.runs import Call, Run
    from toolgate.schemas.records import Outcome
    from toolgate.sdk import Client, Command

ANSWER_S = 120.0  # for a decision or a result: longer than a worker that was killed takes to come back


@dataclass(frozen=True, slots=True)
class Played:
    """A call and what its agent was told."""

    run_id: str
    call: Call
    outcome: Outcome


def play(
    client: Client,
    runs: Sequence[Run],
    parallel: int,
    on_call: Callable[[Played], None],
    check: Callable[[], None],
) -> list[Played]:
    """Play all runs, `parallel` at a time.

    Args:
        client: sends all intents.
        runs: what to play.
        parallel: how many runs at once.
        on_call: told of each call when it is over, from several threads.
        check: called several times a second; raises when something has died and waiting is in vain.

    Raises:
        NoAnswerError, NotSentError: an agent was left without an answer.
        Exception: whatever `check` raises.
    """

    def one(run: Run, stop: threading.Event) -> list[Played]:
        played = []
        for call in run.calls:
            if stop.is_set():
                break
            played.append(_call(client, run.run_id, call))
            on_call(played[-1])
        return played

    return together(runs, one, parallel=parallel, check=check, wake=client.close)


def _call(client: Client, run_id: str, call: Call) -> Played:
    ticket = client.send(client.intent(run_id, call.tool, call.params, intent_id=call.intent_id))
    outcome = ticket.decided(ANSWER_S)
    if outcome.verdict == Verdict.APPROVE:
        ticket.ended(ANSWER_S)
    return Played(run_id, call, outcome)


def recorded_tools(runs: Iterable[Run]) -> dict[str, Callable[[Command], Answer]]:
    """A function for each tool that was called, which answers each command with what was recorded."""
    recorded: dict[str, Call] = {}
    for call in (call for run in runs for call in run.calls):
        recorded.setdefault(call.intent_id, call)

    def answer(command: Command) -> Answer:
        call = recorded[command.intent_id]
        if call.error:
            raise ToolError(call.result if isinstance(call.result, str) else json.dumps(call.result))
        return Answer(body=parsed(call.result))

    return {call.tool: answer for call in recorded.values()}


def parsed(result: Any) -> Any:
    """Recordings hold JSON as text: as data it is what an executor would report; other text stays text."""
    if not isinstance(result, str):
        return result
    try:
        return json.loads(result)
    except ValueError:
        return result
