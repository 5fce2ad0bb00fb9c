"""Acting: a script's agents played through real clients, each call after the answer to the last one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from toolgate.demo.script import Step, Told
from toolgate.demo.together import together
from toolgate.schemas.enums import Verdict
from toolgate.schemas.frozen import changed
from toolgate.sdk import Client

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Sequence

    from toolgate.demo.script import Lane, Part
    from toolgate.sdk import Intent, IntentKey
    from toolgate.streams.settings import Settings

ANSWER_S = 120.0  # for a decision or a result: longer than a worker that was killed takes to come back
HOST_ID = "desk-host"  # the one client that sends for all agents; each intent names the agent that asks


def act(
    settings: Settings,
    key: IntentKey,
    lanes: Sequence[Lane],
    on_step: Callable[[Step], None],
    check: Callable[[], None],
) -> list[Step]:
    """Play all lanes at once.

    Args:
        settings: where Kafka is and which prefix.
        key: of the workflow that all agents act for.
        lanes: what to play.
        on_step: told of each call when it is over, from several threads.
        check: called several times a second; raises when something has died and waiting is in vain.

    Returns:
        Every call, lane by lane in the order of the script.

    Raises:
        NoAnswerError, NotSentError: an agent was left without an answer.
        Exception: whatever `check` raises.
    """
    with Client(settings, key, HOST_ID) as client:

        def play(lane: Lane, stop: threading.Event) -> list[Step]:
            played = []
            for part in lane.parts:
                for step in _steps(lane, part, client):
                    played.append(step)
                    on_step(step)
                    if stop.is_set():
                        return played
            return played

        return together(lanes, play, parallel=len(lanes), check=check, wake=client.close)


def _steps(lane: Lane, part: Part, client: Client) -> Iterator[Step]:
    """One run: what the agent asks, answered one by one."""
    agent, run_id = part.agent(part.task), part.task.run_id
    number = 0
    try:
        ask = next(agent)
        while True:
            intent_id = f"{run_id}.{number:02d}"
            intent = changed(
                client.intent(run_id, ask.tool, ask.params, intent_id=intent_id), agent_id=lane.agent_id
            )
            told, at_s = _told(client, intent, again=ask.again)
            yield Step(lane.kind, lane.agent_id, run_id, intent_id, ask.tool, told, at_s)
            number += 1
            ask = agent.send(told)
    except StopIteration:
        return


def _told(client: Client, intent: Intent, *, again: bool) -> tuple[Told, float]:
    ticket = client.send(intent)
    if again:
        client.send(intent)
    outcome = ticket.decided(ANSWER_S)
    at_s = time.monotonic()
    result = ticket.ended(ANSWER_S) if outcome.verdict == Verdict.APPROVE else None
    return Told(outcome, result), at_s
