"""What must be true of any history of the gate: a checker over the topics that shares no code with deciding.

`violations` names the first offenders with their coordinates; an empty list means that the history holds. The
accounts are folded by `streams.ledger.fold`, which a differential test holds to both ledgers.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolgate.streams.ledger.accounts import Money
from toolgate.streams.ledger.fold import Fold

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from toolgate.schemas.records import AuditEvent, Command, Control, Draft, Hold
    from toolgate.streams.ports import TopicPartition


def violations(
    audit: Iterable[AuditEvent],
    commands: Iterable[Command],
    inputs: Mapping[TopicPartition, Iterable[int]],
    dump: Mapping[str, Any] | None = None,
    words: Mapping[int, Control] | None = None,
    *,
    read: Mapping[tuple[int, int], int | None] | None = None,
    sets: Sets | None = None,
    proposals: Iterable[Hold | Draft] | None = None,
) -> list[str]:
    """Everything that a history shows to be wrong.

    Args:
        audit: all committed audit events.
        commands: all committed commands.
        inputs: the offsets of all input records, by topic-partition.
        dump: the ledger's committed view at rest; compared with the fold.
        words: control records by offset; no approval may stand under a kill of its run.
        read: `results_seen_to` of intents by partition and offset; with it, that rules see what was read.
        sets: the policy sets that there are; every decision is made under the one in force at its control position.
        proposals: all committed holds and drafts.
    """
    events = sorted(audit, key=lambda event: event.seq)
    return [
        *_totality(events, inputs),
        *_order(events),
        *_firsts(events),
        *_commands(events, list(commands)),
        *_shadow(events),
        *([] if proposals is None else _proposals(events, proposals)),
        *_reservations(events),
        *_settlements(events),
        *_control(events),
        *_kills(events, words or {}),
        *([] if sets is None else _policies(events, words or {}, sets)),
        *_caps(events),
        *_sets(events),
        *([] if dump is None else _equal(events, dump)),
        *([] if read is None else [*_read(events, read), *_facts(events)]),
    ]


@dataclass(frozen=True)
class Sets:
    """Policy sets that load, and what each denies.

    Attributes:
        local: the digest of the one in force as long as none was activated.
        denied: the tools that each denies, by digest.
        below: the offset of the policies topic below which each stands whole; missing where it never was published.
    """

    local: str
    denied: Mapping[str, frozenset[str]]
    below: Mapping[str, int]


def in_force(words: Mapping[int, Control], sets: Sets) -> list[tuple[int, str]]:
    """(offset, digest) of each activation that counts, in order."""
    found: list[tuple[int, str]] = []
    for offset, word in sorted(words.items()):
        if word.kind != "activate" or word.version != len(found) + 1:
            continue
        there = word.policy_digest in sets.denied and (
            sets.below.get(word.policy_digest, word.policies_end + 1) <= word.policies_end
        )
        again = any(digest == word.policy_digest for _, digest in found)
        newest = bool(found) and found[-1][1] == word.policy_digest
        if there and (newest or not again or word.rollback):
            found.append((offset, word.policy_digest))
    return found


def _at(event: AuditEvent) -> str:
    return f"{event.topic}[{event.partition}] at {event.offset} (seq {event.seq})"


def _totality(events: list[AuditEvent], inputs: Mapping[TopicPartition, Iterable[int]]) -> list[str]:
    """Every input record has exactly one audit event, and no audit event is about nothing."""
    seen = Counter((event.topic, event.partition, event.offset) for event in events)
    wanted = {(*tp, offset) for tp, offsets in inputs.items() for offset in offsets}
    found = [f"{at} is audited {n} times" for at, n in seen.items() if n > 1]
    found += [f"{at} is not audited" for at in sorted(wanted - set(seen))[:5]]
    return found + [f"{at} is audited but is no input" for at in sorted(set(seen) - wanted)[:5]]


def _order(events: list[AuditEvent]) -> list[str]:
    """`seq` is a total order, its clock is the broker's and never runs back, and a partition is decided in order."""
    found = []
    last: dict[TopicPartition, int] = {}
    times = {event.append_time for event in events}
    for before, event in zip([None, *events], events, strict=False):
        if before is not None and before.seq == event.seq:
            found.append(f"{_at(event)} has the seq of {_at(before)}")
        if before is not None and before.clk > event.clk:
            found.append(f"{_at(event)}: the clock runs back")
        if event.clk < event.append_time or event.clk not in times:
            found.append(f"{_at(event)}: the clock shows {event.clk}, which the broker never said")
        tp = (event.topic, event.partition)
        if event.offset <= last.get(tp, -1):
            found.append(f"{_at(event)} is decided after a later record of its partition")
        last[tp] = event.offset
    return found


def _firsts(events: list[AuditEvent]) -> list[str]:
    """One first decision for an id and content; a duplicate names it, and comes after it."""
    firsts: dict[str, AuditEvent] = {}
    found = []
    for event in events:
        if event.first:
            if event.intent_id in firsts:
                found.append(f"{_at(event)} is a second first decision of {event.intent_id}")
            firsts[event.intent_id] = event
        elif event.verdict == "DUPLICATE":
            first = firsts.get(event.intent_id)
            if first is None or (first.seq, first.digest) != (event.first_seq, event.digest):
                found.append(f"{_at(event)} is a duplicate of nothing")
    return found


def _commands(events: list[AuditEvent], commands: list[Command]) -> list[str]:
    """A command for each approved call and no other, with the same digest and seq."""
    approved = {
        (event.command_id, _decided(event), event.seq)
        for event in events
        if event.verdict == "APPROVE" and not event.dry_run
    }
    made = Counter((command.command_id, command.digest, command.seq) for command in commands)
    found = [f"command {one} is there {n} times" for one, n in made.items() if n > 1]
    found += [f"command {one} was never approved" for one in set(made) - approved]
    return found + [f"approval {one} has no command" for one in approved - set(made)]


def _decided(event: AuditEvent) -> str:
    """The digest of the call that was decided: of a last vote it is not the vote's own."""
    reserved = [op.args[2] for op in event.ops if op.op == "reserve"]
    return reserved[0] if event.topic == "votes" and reserved else event.digest


def _shadow(events: list[AuditEvent]) -> list[str]:
    """What is in shadow moves no account, and makes nothing."""
    return [
        f"{_at(event)} is in shadow and moves {[op.op for op in event.ops]}"
        for event in events
        if event.topic == "intents" and event.would_have and event.verdict == "RECORDED"
        if event.ops or event.command_id
    ]


def _proposals(events: list[AuditEvent], proposals: Iterable[Hold | Draft]) -> list[str]:
    """A hold for each held call and a draft for each drafted one, with the same digest and seq, and no other."""
    wanted = Counter(
        (event.verdict, event.digest, event.seq)
        for event in events
        if event.verdict in {"HOLD", "DRAFT"} and not event.dry_run
    )
    made = Counter(
        (type(one).__name__.upper(), one.digest, one.seq)
        for one in proposals
        if one.state == "open" and not one.vote_id
    )
    found = [f"{one} is there, but was never decided" for one in (made - wanted)]
    return found + [f"{one} was decided, and is not there" for one in (wanted - made)]


def _reservations(events: list[AuditEvent]) -> list[str]:
    """A reservation is made once and ends once, by a result that came after it."""
    state: dict[str, str] = {}
    found = []
    for event in events:
        for op in event.ops:
            if op.op not in ("reserve", "settle"):
                continue
            before, now = state.get(op.args[0], ""), op.op
            if (before, now) not in (("", "reserve"), ("reserve", "settle")):
                found.append(f"{_at(event)}: {now} of {op.args[0]} after {before or 'nothing'}")
            state[op.args[0]] = now
    return found


def _settlements(events: list[AuditEvent]) -> list[str]:
    """What a settlement spends and frees is what was reserved; only what expired and was released is taken anew."""
    reserved: dict[str, Any] = {}
    found = []
    for event in events:
        for op in event.ops:
            if op.op == "reserve":
                reserved[op.args[0]] = op
            if op.op != "settle" or op.args[0] not in reserved:
                continue
            _, expires_at, _, _, parts, _ = reserved[op.args[0]].args
            for (account, _unit, amount, _cap, on_expiry, _keep), row in zip(parts, op.args[2], strict=True):
                _, spent, freed, _uncovered = row
                if on_expiry == "release" and expires_at <= event.clk:
                    continue
                if min(spent, freed) < 0 or spent + freed != amount:
                    found.append(f"{_at(event)}: {account} reserved {amount}, spends {spent}, frees {freed}")
    return found


def _control(events: list[AuditEvent]) -> list[str]:
    """A control record holds for exactly the decisions above its published seq."""
    after = {
        event.offset: event.after for event in events if event.topic == "control" and event.after is not None
    }
    found = []
    for offset, seq in after.items():
        found += [
            f"{_at(event)} stands at control {event.ctl}, but control {offset} holds after {seq}"
            for event in events
            if (event.seq > seq) != (event.ctl > offset)
        ][:3]
    return found


def _kills(events: list[AuditEvent], words: Mapping[int, Control]) -> list[str]:
    """What a run's kill covers is not approved from its position on, until it is lifted."""
    found = []
    counted = {event.offset for event in events if event.topic == "control" and event.after is not None}
    for event in events:
        said = [
            w.kind for at, w in words.items() if at in counted and at < event.ctl and w.value == event.run_id
        ]
        if event.verdict == "APPROVE" and said[-1:] == ["kill"]:
            found.append(f"{_at(event)} is approved under control {event.ctl}, which has its run killed")
    return found


def _policies(events: list[AuditEvent], words: Mapping[int, Control], sets: Sets) -> list[str]:
    """Every decision is made under the set that is in force at its control position, and fits it."""
    switches = [(-1, sets.local), *in_force(words, sets)]
    found = []
    for event in events:
        wanted = (
            [digest for offset, digest in switches if offset < event.ctl][-1] if event.ctl else sets.local
        )
        if event.policy_digest != wanted:
            found.append(f"{_at(event)} names set {event.policy_digest}, in force at {event.ctl} is {wanted}")
        denied = any(reason.code == "TOOL_DENIED" for reason in event.reasons)
        judged = event.topic == "intents" and event.verdict in {"APPROVE", "DENY"}
        if event.verdict == "APPROVE" and event.tool in sets.denied[wanted] and not event.grant:
            found.append(f"{_at(event)} approves {event.tool}, which {wanted} denies")
        if judged and denied and event.tool not in sets.denied[wanted]:
            found.append(f"{_at(event)} denies {event.tool}, which {wanted} allows")
    return found[:10]


def _caps(events: list[AuditEvent]) -> list[str]:
    """No approval takes more than was there: reserved, spent and freed-but-not-visible together under the cap."""
    fold, found = Fold(), []
    for event in events:
        fold.see(event)
        for op in event.ops:
            if op.op != "reserve":
                continue
            for account, _unit, amount, cap, _expiry, _keep in op.args[4]:
                money = fold.accounts.find(f"c:{account}", event.clk)
                held = money.used + money.freed - money.expired(event.clk) if isinstance(money, Money) else 0
                if held + amount > cap:
                    found.append(
                        f"{_at(event)}: {account} holds {held}, takes {amount} over its cap of {cap}"
                    )
        try:
            fold.add(event)
        except Exception as error:  # noqa: BLE001 - a history that cannot be folded is one finding
            return [*found, f"{_at(event)} cannot be folded: {error!r}"]
    return found


def _sets(events: list[AuditEvent]) -> list[str]:
    """Sliding sets by brute force: at an approval no more distinct records in the window than its cap."""
    touched: dict[str, list[tuple[int, str]]] = defaultdict(list)
    sets: dict[str, Any] = {}
    found = []
    for event in events:
        caps = {balance.account: balance.max for balance in event.balances if balance.unit == "records"}
        for op in event.ops:
            if op.op == "reserve":
                sets[op.args[0]] = op.args[5]
            if op.op == "settle":
                for key, _window_ms, _keep in sets[op.args[0]]:
                    touched[key] += [(event.clk, record) for record in op.args[3]]
            if op.op != "window":
                continue
            key, records, window_ms, _keep = op.args
            touched[key] += [(event.clk, record) for record in records]
            live = {r for at, r in touched[key] if not window_ms or at > event.clk - window_ms}
            if event.verdict == "APPROVE" and key in caps and len(live) > caps[key]:
                found.append(f"{_at(event)}: {key} holds {len(live)} records, at most {caps[key]}")
    return found


def _read(events: list[AuditEvent], read: Mapping[tuple[int, int], int | None]) -> list[str]:
    """What an agent had read when it asked was decided before its intent, or the intent was denied for it.

    An id that was used for something else is denied whatever its agent had read.
    """
    decided: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for event in events:
        if event.topic == "results":
            decided[event.partition].append((event.offset, event.seq))
    found = []
    for event in calls(events):
        upto = read.get((event.partition, event.offset))
        said = event.reasons + event.shadow_reasons
        denied = any(reason.code in {"UNSEEN_RESULTS", "ID_CONFLICT"} for reason in said)
        if upto is None or denied or event.verdict in {"DUPLICATE", "QUARANTINE"}:
            continue
        found += [
            f"{_at(event)}: its agent had read results up to {upto}, and {offset} was decided later"
            for offset, seq in decided[event.partition]
            if offset <= upto and seq > event.seq
        ]
    return found


def _facts(events: list[AuditEvent]) -> list[str]:
    """`paint` is approved where the run has read another color than red, and told to read where it has read none."""
    colors: dict[tuple[str, str], str] = {}
    found = []
    for event in events:
        for op in event.ops:
            if op.op == "remember" and op.args[1].startswith("thing"):
                run, name, text = op.args[:3]
                colors[run, name.split("\x1f")[1]] = json.loads(text)["is"].get("color", "")
        if event.topic != "intents" or event.tool != "paint" or event.verdict not in {"APPROVE", "DENY"}:
            continue
        (thing,) = json.loads(event.captured)["params.id"]
        color = colors.get((event.run_id, thing), "")
        codes = {reason.code for reason in event.reasons + event.waived}
        judged = codes & {"READ_FIRST", "RULE_DENIED"}
        right = {"red": {"RULE_DENIED"}, "": {"READ_FIRST"}}.get(color, set())
        if judged != right and not codes & {"UNSEEN_RESULTS", "KILLED", "ID_CONFLICT", "CONTRACT_DENIED"}:
            found.append(
                f"{_at(event)}: the run knew color {color!r}, and the rule said {judged or 'nothing'}"
            )
    return found


def _equal(events: list[AuditEvent], dump: Mapping[str, Any]) -> list[str]:
    """The ledger is the fold of the audit, to the integer."""
    fold = Fold()
    for event in events:
        fold.add(event)
    state = fold.state()
    found = (
        []
        if state["clk"] == dump["clk"]
        else [f"the ledger's clock is {dump['clk']}, the fold's {state['clk']}"]
    )
    for part in ("accounts", "reservations", "seen"):
        for name in sorted(set(state[part]) | set(dump[part])):
            if state[part].get(name) != dump[part].get(name):
                ours, theirs = state[part].get(name), dump[part].get(name)
                found.append(f"{part} {name}: the log says {ours}, the ledger has {theirs}")
    return found[:10]


def calls(events: Iterable[AuditEvent]) -> list[AuditEvent]:
    """Audit events of intents."""
    return [event for event in events if event.topic == "intents"]
