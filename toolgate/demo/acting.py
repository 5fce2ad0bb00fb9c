"""Acting: a script's agents played through real clients, each call after the answer to the last one."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from typing import TYPE_CHECKING

from toolgate.demo.script import Step, Told
from toolgate.schemas.records import Verdict
from toolgate.sdk import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from toolgate.demo.script import Lane, Part
    from toolgate.sdk import Intent, IntentKey
    from toolgate.streams.settings import Settings

ANSWER_S = 120.0  # for a decision or a result: longer than a worker that was killed takes to come back
HOST_ID = "desk-host"  # the one client that sends for all agents; each intent names the agent that asks
_LOOK_S = 0.2


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
    stopping = threading.Event()

    def play(lane: Lane) -> list[Step]:
        played = []
        for part in lane.parts:
            for step in _steps(lane, part, client):
                played.append(step)
                on_step(step)
                if stopping.is_set():
                    return played
        return played

    with (
        Client(settings, key, HOST_ID) as client,
        ThreadPoolExecutor(len(lanes), thread_name_prefix="agent") as pool,
    ):
        tasks = [pool.submit(play, lane) for lane in lanes]
        try:
            left = set(tasks)
            while left:
                check()
                done, left = wait(left, timeout=_LOOK_S)
                for task in done:
                    task.result()
        except BaseException:
            stopping.set()
            client.close()  # wakes whoever waits for an answer
            raise
    return [step for task in tasks for step in task.result()]


def _steps(lane: Lane, part: Part, client: Client) -> Iterator[Step]:
    """One run: what the agent asks, answered one by one."""
    agent, run_id = part.agent(part.task), part.task.run_id
    number = 0
    try:
        ask = next(agent)
        while True:
            intent_id = f"{run_id}.{number:02d}"
            intent = replace(
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
