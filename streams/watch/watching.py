"""Watching: what is made of what was folded: judgements, samples for review, and who is told.

It keeps how each workflow stood last, for metrics; nothing that may be lost is kept here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from toolgate.processors.identity import check_review
from toolgate.schemas.enums import COMPLETED, AlertKind, Severity
from toolgate.streams.watch import judging, ladder, sampling
from toolgate.streams.watch.alerts import alert_of
from toolgate.streams.watch.figures import QUARTER_MS
from toolgate.streams.watch.reporting import demoted
from toolgate.streams.watch.rows import levels_of
from toolgate.streams.watch.slo import PPM

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolgate.processors.case import Envelope
    from toolgate.processors.keyring import Keyring
    from toolgate.schemas.records import Alert, Pulse, Result, Review
    from toolgate.streams.watch.figures import Workflow
    from toolgate.streams.watch.judging import Judged
    from toolgate.streams.watch.measures import Prices
    from toolgate.streams.watch.reporting import Reporting
    from toolgate.streams.watch.rows import Level
    from toolgate.streams.watch.runs import Seen
    from toolgate.streams.watch.standing import Follower

LATE_MS = 600_000  # whoever catches up orders nothing for minutes that are over for longer
_log = structlog.get_logger()


class Watching:
    """Judges, and has told.

    Args:
        follower: how control and policies stand.
        reporting: who tells, and orders.
        keyring: whose reviews count.
        prices: of people's time.
        seed: of the sample that people look at.
        acts: whether it has a key to order with.
        clock_ms: epoch milliseconds.
    """

    def __init__(  # noqa: PLR0913 - what it is made of
        self,
        follower: Follower,
        reporting: Reporting,
        keyring: Keyring,
        prices: Prices,
        *,
        seed: bytes,
        acts: bool,
        clock_ms: Callable[[], int],
    ) -> None:
        self.judged: dict[tuple[str, str], Judged] = {}
        self._follower = follower
        self._reporting = reporting
        self._keyring = keyring
        self._prices = prices
        self._seed = seed
        self._acts = acts
        self._clock_ms = clock_ms

    async def minute_over(self, workflow: Workflow, at_ms: int) -> None:
        """Judge a workflow as of the end of a minute.

        What was broken hours ago is told, and moves nothing: the minutes after it say whether it still is.
        """
        standing, place = self._follower.now, (workflow.tenant, workflow.workflow_id)
        found = judging.judge(workflow, standing, at_ms, self._prices)
        late = at_ms < self._clock_ms() - LATE_MS
        rise = before.rise if (before := self.judged.get(place)) else {}
        # It sums seven days.
        if rise.get("mode") != found.judged.mode or (at_ms % QUARTER_MS == 0 and not late):
            rise = judging.rise(workflow, standing, at_ms, self._prices)
        found.judged.rise = rise
        self.judged[place] = found.judged
        await self._reporting.tell(found.alerts)
        if found.demotion and not late:
            await self._reporting.tell([demoted(found.demotion, at_ms, acts=self._acts)])
            self._reporting.order(found.demotion)

    def look(self) -> None:
        """See on which rung workflows stand by now: an order holds at once, whatever was judged before it."""
        standing = self._follower.now
        for (tenant, workflow_id), judged in self.judged.items():
            judged.mode = judging.mode_of(tenant, workflow_id, standing)
            judged.rung = ladder.rung(judged.mode)

    async def repeated(self, seen: Seen) -> None:
        """A run goes round in circles, or does not take no for an answer."""
        await self._reporting.tell([judging.repeated(seen)])

    def reached(self, pulse: Pulse) -> list[Level]:
        """The accounts of a pulse of which the policy in force has people warned."""
        policy = self._follower.now.policy(pulse.tenant, pulse.workflow_id)
        return judging.reached(policy, levels_of(pulse)) if policy and pulse.levels else []

    async def warned(self, pulse: Pulse, level: Level) -> None:
        """An account has come so far."""
        teller = judging.Teller(pulse.tenant, pulse.workflow_id, pulse.clk)
        await self._reporting.tell([teller.budget(level)])

    async def completed(self, result: Result, time_ms: int) -> None:
        """A command has ended: some are for people to look at."""
        share_ppm = self._share_ppm(result)
        if result.status in COMPLETED and sampling.chosen(result.command_id, share_ppm, self._seed):
            await self._reporting.tell([_sample(result, share_ppm, time_ms)])

    def drew(self, review: Review) -> bool:
        """Whether a reviewed command is one that is drawn, by the share of the policy in force now."""
        return sampling.chosen(review.command_id, self._share_ppm(review), self._seed)

    def _share_ppm(self, of: Result | Review) -> int:
        policy = self._follower.now.policy(of.tenant, of.workflow_id)
        return policy.review_share_ppm if policy else 0

    def believes(self, envelope: Envelope, review: Review) -> bool:
        """Whether somebody who may say so says it."""
        fault = check_review(self._keyring, envelope, review)
        if fault:
            _log.warning("a review does not count", offset=envelope.offset, why=fault)
        return not fault


def _sample(result: Result, share_ppm: int, time_ms: int) -> Alert:
    return alert_of(
        AlertKind.SAMPLE,
        result.command_id,
        Severity.INFO,
        f"{result.tool} in run {result.run_id} of workflow {result.workflow_id} was drawn for review",
        {
            "tool": result.tool,
            "status": result.status,
            "policy_digest": result.policy_digest,
            "approved_at": result.approved_at,
            "share": share_ppm / PPM,
        },
        at_ms=time_ms,
        tenant=result.tenant,
        workflow_id=result.workflow_id,
        run_id=result.run_id,
        subject=result.command_id,
    )
