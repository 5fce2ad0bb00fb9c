"""The small universe with grants, and what must be true of what is done under them in any history."""

from __future__ import annotations

import json
from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import checker
import universe
from universe_policies import PROPOSING_FILES

from toolgate.schemas.codec import Codec
from toolgate.schemas.records import Alert, Control
from toolgate.streams.ports import Output

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from toolgate.schemas.records import AuditEvent, Command

RATES: Mapping[str, float] = MappingProxyType({"grant": 0.01})
TOOLS = (("pay",), ("pay",), ("pa*", "look"), ("*",), ("loo?",), ())
LIFE_MS_MAX = 4 * 3_600_000
LIVES_MS = (2_000, 60_000, 900_000, 3_600_000, LIFE_MS_MAX, LIFE_MS_MAX + 1, -1)
WAIVED = {"HELD_BY_RULE", "DRAFTED", "RULE_DENIED", "TOOL_DENIED"}  # of what these policies say
PEOPLE = frozenset({"x7", "x8"})  # what `pay` is drafted and held for

Target = tuple[str, str]


class Granted(universe.Universe):
    """Workers, broker and ledger of one seed, with operators who give grants and end them."""

    def __init__(
        self, seed: int, files: Mapping[str, bytes] = MappingProxyType(PROPOSING_FILES), **kwargs: Any
    ) -> None:
        super().__init__(seed, files=files, **kwargs)
        self.alerts = Codec(Alert)

    def grant(self) -> None:
        """Operators give or end a grant: sometimes alone, too late, for too long, or with an old word."""
        r = self.random
        self.made += 1
        run = f"r{r.randrange(universe.PARTITIONS)}-{r.randrange(3)}"
        target = r.choice((("workflow", "w"), ("workflow", "default/w"), ("run", run), ("workflow", "s")))
        tools = r.choice(TOOLS)
        last = _versions(self._counted().values()).get(target, 0)
        word = Control(
            control_id=f"g{self.made}",
            kind="grant",
            scope=target[0],
            value=target[1],
            reason=r.choice(("fire", "fire", "fire", "fire", "fire", " ")),
            issued_by=r.choice((("ann", "ben"),) * 5 + (("ann", "ann"),)),
            version=last + r.choice((1, 1, 1, 1, 0, 2)),
            expires_at=self.broker.now_ms + r.choice(LIVES_MS) if tools else None,
            tools=tools,
        )
        output = Output("control", 0, b"grant", self.codecs[Control].encode(word))
        self.send(output)
        if r.random() < 0.1:
            self.send(output)

    def _counted(self) -> dict[int, Control]:
        """The grants that count, by offset: as the rules say, not as the gate does."""
        found: dict[int, Control] = {}
        for envelope in self.broker.visible(("control", 0), 0):
            word = self.codecs[Control].decode(envelope.value)
            if word.kind == "grant" and _counts(word, envelope.time_ms, _versions(found.values())):
                found[envelope.offset] = word
        return found

    def violations(self) -> list[str]:
        """What is wrong with the history, grants included."""
        events, counted = sorted(self.audit(), key=lambda event: event.seq), self._counted()
        alerts = [self.alerts.decode(e.value) for e in self.broker.visible(("alerts", 0), 0)]
        return [
            *super().violations(),
            *_grants(events, counted, self.operators.words()),
            *_late(self.commands(), counted),
            *_alerts(events, counted, alerts),
        ]


def _versions(words: Any) -> dict[Target, int]:
    """How many grants each target had."""
    found: dict[Target, int] = {}
    for word in words:
        found[word.scope, word.value] = found.get((word.scope, word.value), 0) + 1
    return found


def _counts(word: Control, time_ms: int, versions: Mapping[Target, int]) -> bool:
    if not word.reason.strip():
        return False
    if not word.tools:
        return True
    newer = word.version == versions.get((word.scope, word.value), 0) + 1
    life_ms = (word.expires_at or 0) - time_ms
    return newer and len(set(word.issued_by)) > 1 and 0 < life_ms <= LIFE_MS_MAX


def _grants(
    events: list[AuditEvent], counted: Mapping[int, Control], words: Mapping[int, Control]
) -> Iterator[str]:
    """What is approved although the policy says no is covered; what is covered is not refused by the policy alone."""
    for event in events:
        at = checker._at(event)
        if event.topic == "control" and event.offset in words and words[event.offset].kind == "grant":
            if (event.after is not None) != (event.offset in counted):
                yield f"{at} counts: {event.after is not None}"
            continue
        if event.topic != "intents" or event.verdict in {"DUPLICATE", "QUARANTINE"}:
            continue
        covering = [word for word in _standing(event, counted) if _covers(word, event)]
        if event.grant and event.grant not in {word.control_id for word in covering}:
            yield f"{at} is decided under {event.grant}, and {[word.control_id for word in covering]} cover it"
        if event.grant and event.verdict == "APPROVE":
            [until] = [word.expires_at or 0 for word in covering if word.control_id == event.grant] or [0]
            if event.clk > until:
                yield f"{at} is approved under {event.grant}, which ended at {until}"
        said = {reason.code for reason in event.reasons}
        if (
            covering
            and said
            and said <= WAIVED
            and not any(reason.rule == "mode" for reason in event.reasons)
        ):
            yield f"{at} is {event.verdict} for {said}, and {covering[0].control_id} covers it"
        named = json.loads(event.captured).get("params.id", [])
        if event.verdict == "APPROVE" and event.tool == "pay" and PEOPLE & set(named) and not event.grant:
            yield f"{at} is approved without people and without a grant"


def _late(commands: list[Command], counted: Mapping[int, Control]) -> Iterator[str]:
    """No command may begin after the end of its grant."""
    ends: dict[str, int] = {}
    for word in counted.values():  # a copied record has the same id and end
        ends[word.control_id] = word.expires_at or 0
    for command in commands:
        if command.grant and command.expires_at > ends[command.grant]:
            yield f"command {command.command_id} may begin until {command.expires_at}, after the end of {command.grant}"


def _alerts(events: list[AuditEvent], counted: Mapping[int, Control], alerts: list[Alert]) -> Iterator[str]:
    """One alert for each grant, each end of one, and each command under one."""
    wanted = Counter(f"control/{offset}" for offset in counted)
    wanted.update(f"command/{e.command_id}" for e in events if e.grant and e.command_id)
    told = Counter(alert.alert_id for alert in alerts)
    if told != wanted:
        yield f"alerts {dict(told - wanted)} tell of nothing, and {dict(wanted - told)} are missing"


def _standing(event: AuditEvent, counted: Mapping[int, Control]) -> list[Control]:
    """The newest grant of each target at the event's control position."""
    standing = {(word.scope, word.value): word for at, word in sorted(counted.items()) if at < event.ctl}
    return list(standing.values())


def _covers(word: Control, event: AuditEvent) -> bool:
    name = event.workflow_id if word.scope == "workflow" else event.run_id
    tools = {"pa*": {"pay", "paint"}, "*": {"pay", "paint", "look"}, "loo?": {"look"}}
    named = set().union(*(tools.get(glob, {glob}) for glob in word.tools))
    here = word.value in {name, f"default/{name}"}
    return here and event.tool in named and event.append_time <= (word.expires_at or 0)
