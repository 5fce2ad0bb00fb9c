"""Reporting: alerts on their topic, and orders on control, signed with the watch's own key.

An alert is on the topic before the record that it comes of counts as read: so none is lost, and one that is told twice
has one id. An order may wait for Kafka, so a thread of its own says it, and says it anew the next minute if it cannot.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import structlog

from toolgate.processors.control_state import MODE
from toolgate.processors.modes import SHADOW, looser
from toolgate.schemas.codec import Codec
from toolgate.schemas.enums import AlertKind, Severity
from toolgate.schemas.headers import event_headers
from toolgate.schemas.records import Alert, Control
from toolgate.schemas.strict_json import dumps_canonical
from toolgate.streams.errors import ToolgateError
from toolgate.streams.ports import LedgerError, RetryError
from toolgate.streams.watch.alerts import alert_of
from toolgate.streams.watch.judging import HOUR_MS
from toolgate.streams.watch.ladder import tighter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from toolgate.processors.control_state import ControlState
    from toolgate.schemas.registry import Registry
    from toolgate.streams.operating import Signer
    from toolgate.streams.watch.judging import Demotion
    from toolgate.streams.watch.metrics import Process
    from toolgate.streams.watch.standing import Follower

SOURCE = "/toolgate/watch"
_TOLD_MAX = 10_000
_log = structlog.get_logger()


class Reporting:
    """Tells people, and orders what may be ordered.

    Args:
        alerts: the Faust topic.
        registry: where schema ids come from.
        follower: how control stands, and the way to it.
        signers: the watch's private key by its id; none: it orders nothing, and says so.
        process: what this process counts.
    """

    def __init__(
        self,
        alerts: Any,
        registry: Registry,
        follower: Follower,
        signers: Mapping[str, Signer],
        process: Process,
    ) -> None:
        self._topic = alerts
        self._codec = Codec(Alert, registry)
        self._follower = follower
        self._signers = signers
        self._process = process
        self._told: OrderedDict[str, None] = OrderedDict()
        self._hand = ThreadPoolExecutor(1, thread_name_prefix="orders")
        self._ordering: set[tuple[str, str]] = set()

    async def tell(self, alerts: Iterable[Alert]) -> None:
        """Put alerts on their topic, those that this process has not told before; returns when they stand there."""
        for alert in alerts:
            if alert.alert_id in self._told:
                continue
            headers = list(event_headers("toolgate.alert.v1", alert.alert_id, SOURCE))
            sent = await self._topic.send(
                key=alert.alert_id.encode(), value=self._codec.encode(alert), headers=headers
            )
            await sent
            self._told[alert.alert_id] = None
            if len(self._told) > _TOLD_MAX:
                self._told.popitem(last=False)
            labels = (alert.kind, alert.severity)
            self._process.alerts[labels] = self._process.alerts.get(labels, 0) + 1
            _log.info("alert", alert=alert.alert_id, severity=alert.severity, summary=alert.summary)

    def order(self, demotion: Demotion) -> None:
        """Have a workflow fall a rung, unless that is being done."""
        place = (demotion.tenant, demotion.workflow_id)
        if not self._signers or place in self._ordering:
            return
        self._ordering.add(place)
        self._hand.submit(self._say, demotion, place)

    def close(self) -> None:
        """Wait for the order that is being said; say no other."""
        self._hand.shutdown(cancel_futures=True)

    def _say(self, demotion: Demotion, place: tuple[str, str]) -> None:
        try:
            offset = self._follower.say(lambda state: self._word(demotion, state), self._signers)
        except (ToolgateError, RetryError, LedgerError) as error:
            self._process.orders_failed += 1
            _log.warning("an order cannot be said", workflow=place[1], why=str(error))
        except Exception:  # noqa: BLE001 - in a thread: nobody else would hear of it
            self._process.orders_failed += 1
            _log.exception("an order cannot be said", workflow=place[1])
        else:
            if offset is not None:
                self._process.demotions[place] = self._process.demotions.get(place, 0) + 1
                _log.warning(
                    "demoted", tenant=place[0], workflow=place[1], mode=demotion.move.mode, control=offset
                )
        finally:
            self._ordering.discard(place)

    def _word(self, demotion: Demotion, state: ControlState) -> Control | None:
        """The order; None where as tight a one stands by now, which people may have said since it was judged."""
        value = f"{demotion.tenant}/{demotion.workflow_id}"
        standing, mode = state.order("workflow", value), demotion.move.mode
        if not tighter(mode, standing.mode):
            return None
        return Control(
            f"{MODE}-{secrets.token_hex(8)}",
            MODE,
            "workflow",
            value,
            _reason(demotion),
            tuple(self._signers),
            # Drafts are lower than a canary, and still more for the runs that it has in shadow.
            mode=SHADOW if looser(mode, standing.mode) else mode,
            version=standing.version + 1,
            evidence=dumps_canonical(demotion.move.evidence),
        )


def _reason(demotion: Demotion) -> str:
    because = demotion.move.evidence.get("because", ())
    names = sorted({str(one["slo"]) for one in because}) if isinstance(because, list | tuple) else []
    return f"{', '.join(names)} not kept"


def demoted(demotion: Demotion, at_ms: int, *, acts: bool) -> Alert:
    """That a workflow has to fall a rung; where the watch has no key, people have to order it.

    Told anew each hour as long as nobody does, and when it falls again after somebody has taken it up.
    """
    move, workflow = demotion.move, demotion.workflow_id
    cause = f"{demotion.tenant}/{workflow}/{move.mode}/{demotion.moved_ms}"
    does = "falls" if acts else "should fall, and the watch has no key to order it,"
    return alert_of(
        AlertKind.DEMOTION,
        f"{cause}/{at_ms // HOUR_MS}",
        Severity.CRITICAL,
        f"workflow {workflow} of tenant {demotion.tenant} {does} to {move.mode}: {_reason(demotion)}",
        move.evidence,
        at_ms=at_ms,
        tenant=demotion.tenant,
        workflow_id=workflow,
        subject=move.mode,
    )
