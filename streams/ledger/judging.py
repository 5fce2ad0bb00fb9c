"""Judging: what becomes of one ask, given the accounts and the ids that were used, and the ops that this is.

Of a ledger in memory, whoever gives the decision its `seq` and clock: the gate's own calls, or a replay of a log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from toolgate.processors.claims import Remember
from toolgate.schemas.enums import WAITS
from toolgate.schemas.frozen import changed
from toolgate.streams.ledger.accounts import BUCKETS_KEPT, bucket
from toolgate.streams.ledger.taking import UNRESOLVED, level_after, level_against, settle, take
from toolgate.streams.ports import Decision

if TYPE_CHECKING:
    from toolgate.schemas.records import Op, Visible
    from toolgate.streams.ledger.accounts import Accounts, Give
    from toolgate.streams.ports import Ask


def begun(ask: Ask, seq: int, clk: int, ctl: int, visible: tuple[Visible, ...]) -> Decision:
    """A decision before anything has been judged: what was asked, at its place in the order."""
    return Decision(
        offset=ask.offset,
        seq=seq,
        clk=clk,
        ctl=ctl,
        verdict=ask.verdict,
        first=False,
        refused=(),
        ops=(),
        after=(),
        visible=visible,
        first_seq=None,
        conflict=False,
        note="",
        policy_digest=ask.policy_digest,
        given=ask.given,
    )


class Books(Protocol):
    """What is read and written: accounts, the clock, and by bucket the ids that were used: id -> (digest, seq)."""

    accounts: Accounts
    clk: int
    seen: dict[int, dict[str, tuple[str, int]]]


class Judging:
    """Decides one ask at a time on its books; a ledger is made of this and of where decisions are kept."""

    @property
    def _books(self) -> Books:
        raise NotImplementedError

    def _judge(self, ask: Ask, decision: Decision) -> tuple[Decision, list[Give]]:
        books, clk = self._books, decision.clk
        if ask.settle is not None:
            note, ops = settle(ask.settle, books.accounts, clk)
            if ops or note == UNRESOLVED:  # what a result tells counts only when it ends something
                ops += take(ask.claims, None, books.accounts, clk)
            return changed(decision, note=note, ops=ops), self._execute(ops, clk)
        first = self._first(ask.intent_id, clk) if ask.intent_id else None
        if first is None:
            return self._claims(ask, decision)
        # An attempt is an attempt: what repeats an id is not free either.
        paid = [claim for claim in ask.always if level_against(claim, books.accounts, clk) is None]
        ops = take(paid, None, books.accounts, clk)
        same = first[0] == ask.digest
        verdict = "DUPLICATE" if same else "DENY"
        made = changed(decision, verdict=verdict, first_seq=first[1], conflict=not same, ops=ops)
        return made, self._execute(ops, clk)

    def _claims(self, ask: Ask, decision: Decision) -> tuple[Decision, list[Give]]:
        books, clk = self._books, decision.clk
        both = ask.always + ask.claims
        levels = [level_against(claim, books.accounts, clk) for claim in both]
        refused = tuple([(i, level) for i, level in enumerate(levels) if level is not None])
        verdict = "DENY" if refused and ask.verdict != "RECORDED" else ask.verdict
        paid = [claim for claim, level in zip(ask.always, levels, strict=False) if level is None]
        ops = take(paid, None, books.accounts, clk)
        if not ask.dry_run and verdict == "APPROVE":
            ops += take(ask.claims, ask.reserve, books.accounts, clk)
        elif not ask.dry_run and verdict == "DENY":
            ops += take(ask.on_deny, None, books.accounts, clk)
        elif not ask.dry_run and verdict in WAITS:
            kept = [claim for claim in ask.claims if type(claim) is Remember]
            ops += take(kept, None, books.accounts, clk)
        gives = self._execute(ops, clk)
        if first := bool(ask.intent_id and not ask.dry_run):
            self._enter(ask, decision)
        after = tuple([level_after(claim, books.accounts, clk) for claim in ask.claims])
        made = changed(decision, first=first, verdict=verdict, refused=refused, ops=ops, after=after)
        return made, gives

    def _execute(self, ops: tuple[Op, ...], clk: int) -> list[Give]:
        gives: list[Give] = []
        accounts = self._books.accounts
        for op in ops:
            gives += accounts.execute(op, clk)
        return gives

    def _first(self, intent_id: str, clk: int) -> tuple[str, int] | None:
        seen, newest = self._books.seen, bucket(clk)
        for born in range(newest, newest - BUCKETS_KEPT - 1, -1):
            if born in seen and intent_id in seen[born]:
                return seen[born][intent_id]
        return None

    def _enter(self, ask: Ask, decision: Decision) -> None:
        """The id of a first decision is used from now on."""
        self._books.seen.setdefault(bucket(decision.clk), {})[ask.intent_id] = (ask.digest, decision.seq)

    def _forget(self) -> None:
        books = self._books
        oldest = bucket(books.clk) - BUCKETS_KEPT
        for born in [b for b in books.seen if b < oldest]:
            del books.seen[born]
