"""The ledger in Redis: one Lua call for a batch. memory.py is the same protocol in Python."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import msgpack
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from toolgate.streams.ledger import loading, rows, scripts, wire
from toolgate.streams.ledger.accounts import BUCKETS_KEPT, bucket, remembered
from toolgate.streams.ledger.chunks import chunks
from toolgate.streams.ports import (
    NOBODY,
    CodeMismatchError,
    LedgerError,
    Look,
    RejoinError,
    Reply,
    Share,
    StaleControlError,
    Standing,
    TopicPartition,
    UnavailableError,
    UnverifiedError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from toolgate.streams.ports import Entry, Reserved

TIMEOUT_S = 1.0
LOAD_TIMEOUT_S = 30.0
CHUNK = 2000
KINDS = "cgnwrf"  # of accounts: money, rates, counters, sets of records, owners of runs, facts


def connect(url: str, timeout_s: float = TIMEOUT_S) -> redis.Redis:
    """A client that never retries by itself: whether a call may be made again is the gate's decision."""
    return redis.Redis.from_url(
        url,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
        decode_responses=False,
        protocol=2,
    )


class RedisLedger:
    """A worker's ledger in the Redis at `url`, under the hash tag of `prefix`; implements `ports.Ledger`."""

    def __init__(self, url: str, prefix: str, lua: str | None = None, timeout_s: float = TIMEOUT_S) -> None:
        # redis-py types every answer as bytes or str; ours are bytes, as `connect` asks for
        self._redis: Any = connect(url, timeout_s)
        self._slow: Any = connect(url, LOAD_TIMEOUT_S)
        self._tag = f"{{{prefix}}}"
        self.lua = scripts.body() if lua is None else lua
        self.code = scripts.code_digest(self.lua)
        self._gen = ""
        self._sha = ""
        self._waiting: Any = None  # the connection on which the answer to `send` will come
        self._call = wire.Call(0, ())
        self._lost = "nothing was asked"
        # A rebuild's steps: one is executed while the next is made.
        self._shipper = ThreadPoolExecutor(1, thread_name_prefix="rebuild")
        self._shipped: Future[Any] | None = None

    def close(self) -> None:
        """Close the connections."""
        self._give_up()
        self._shipper.shutdown()
        self._redis.close()
        self._slow.close()

    def _key(self, name: str) -> str:
        return f"{self._tag}{name}"

    def _know(self, gen: str) -> None:
        self._gen, self._sha = gen, scripts.sha(self.lua, gen)

    def _run(self, command: str, argument: Any, *, slow: bool = False) -> Any:
        """One EVALSHA. Never EVAL here: a script that Redis does not know is how we notice that it is another."""
        client = self._slow if slow else self._redis
        return self._evaluate(client, self._sha, command, rows.packed(argument))

    def _evaluate(self, client: Any, sha: str, command: str, packed: bytes) -> Any:
        with _refusals():
            return client.evalsha(sha, 1, self._tag, command, packed)

    def _ship(self, command: str, argument: Any) -> None:
        """`_run` of a rebuild's step that is not waited for: what goes wrong in it is raised by the next one."""
        self._ship_packed(command, rows.packed(argument))

    def _ship_packed(self, command: str, packed: bytes) -> None:
        self._await_shipped()
        self._shipped = self._shipper.submit(self._evaluate, self._slow, self._sha, command, packed)

    def _await_shipped(self) -> None:
        shipped, self._shipped = self._shipped, None
        if shipped is not None:
            shipped.result()

    def standing(self) -> Standing:
        """See `ports.Ledger`."""
        try:
            raw = self._redis.hmget(self._key("st"), "gen", "code", "ctl", "seq", "rec", "beat")
        except redis.exceptions.RedisError as error:
            raise UnavailableError(f"Redis: {error}") from error
        gen, code, ctl, seq, rec, beat = (value.decode() if value else "" for value in raw)
        self._know(gen)
        return Standing(gen, code, int(ctl or 0), int(seq or 0), rec, int(beat or 0))

    def owner(self, tp: TopicPartition) -> tuple[int, int]:
        """See `ports.Ledger`."""
        mark = self._mark(tp)
        if mark is None:
            return NOBODY, 0
        epoch, slot, _ = mark
        return slot, epoch

    def _mark(self, tp: TopicPartition) -> tuple[int, int, int] | None:
        try:
            raw = self._redis.hget(self._key("tp"), wire.tp_name(tp))
        except redis.exceptions.RedisError as error:
            raise UnavailableError(f"Redis: {error}") from error
        return None if raw is None else rows.mark(raw)

    def take(self, tp: TopicPartition, slot: int, expected: tuple[int, int]) -> int:
        """See `ports.Ledger`."""
        return int(self._run("take", [wire.tp_name(tp), slot, *expected]))

    def decided(self, tp: TopicPartition) -> int:
        """See `ports.Ledger`."""
        mark = self._mark(tp)
        if mark is None:
            raise UnverifiedError(f"the ledger knows nothing of {wire.tp_name(tp)}")
        return max(mark[2], 0)

    def release(self, tp: TopicPartition, slot: int, epoch: int) -> None:
        """See `ports.Ledger`."""
        self._run("release", [wire.tp_name(tp), slot, epoch])

    def send(self, ctl: int, shares: Sequence[Share]) -> None:
        """See `ports.Ledger`."""
        self._give_up()
        self._call = wire.Call(ctl, shares)
        argument = rows.packed(self._call.argument)
        try:
            self._waiting = self._redis.connection_pool.get_connection()
            self._waiting.send_command("EVALSHA", self._sha, 1, self._tag, "decide", argument)
        except redis.exceptions.RedisError as error:
            self._give_up()
            self._lost = str(error)

    def receive(self) -> Reply:
        """See `ports.Ledger`."""
        connection, self._waiting = self._waiting, None
        if connection is None:
            raise UnavailableError(f"Redis: {self._lost}")
        try:
            with _refusals():
                gen, stable, answers = connection.read_response()
        finally:
            self._redis.connection_pool.release(connection)
        return Reply(gen.decode(), int(stable), self._call.decisions(answers))

    def _give_up(self) -> None:
        """Close the connection on which an answer is outstanding: the next one there would be taken for another's."""
        connection, self._waiting = self._waiting, None
        if connection is not None:
            connection.disconnect()
            self._redis.connection_pool.release(connection)

    def decide(self, ctl: int, shares: Sequence[Share]) -> Reply:
        """`send` and `receive` in one."""
        self.send(ctl, shares)
        return self.receive()

    def look(self, runs: Iterable[str], counters: Iterable[str]) -> Look:
        """See `ports.Ledger`."""
        kept, counted = msgpack.unpackb(self._run("look", [list(runs), list(counters)]))
        facts = {run: dict(zip(texts[::2], texts[1::2], strict=True)) for run, texts in kept}
        return Look(facts, dict(counted))

    def apply_control(self, offset: int, before: int) -> int:
        """See `ports.Ledger`."""
        return int(self._run("control", [offset, before]))

    # --- recovery ---

    def claim(self, nonce: str, *, take_over_code: bool = False) -> None:
        """See `ports.Ledger`."""
        with suppress(LedgerError):
            self._await_shipped()  # of a rebuild that was given up
        # EVAL that does nothing, never SCRIPT LOAD: some versions write that to the AOF and remember it.
        try:
            self._slow.eval(scripts.text(self.lua, nonce), 1, self._tag, "know")
        except redis.exceptions.RedisError as error:
            raise UnavailableError(f"Redis: {error}") from error
        self._know(nonce)
        self._run("claim", [self.code, take_over_code], slow=True)

    def beat(self, nonce: str) -> None:
        """See `ports.Ledger`."""
        self._know(nonce)
        self._run("beat", [], slow=True)

    def wipe(self, nonce: str) -> None:
        """See `ports.Ledger`."""
        self._know(nonce)
        spare = {self._key("st").encode()}
        with _refusals():
            keys = [key for key in self._scan() if key not in spare]
        self._run("wipe", keys, slow=True)

    def _scan(self) -> Iterator[bytes]:
        escaped = self._tag.replace("[", "\\[")
        yield from self._slow.scan_iter(match=f"{escaped}*", count=10_000)

    def load(self, nonce: str, clk: int, accounts: Mapping[str, Any], reserved: Iterable[Reserved]) -> None:
        """See `ports.Ledger`."""
        self._know(nonce)
        self._ship("load", [clk, []])
        for some in loading.commands(accounts, list(reserved)):
            self._ship("load", [clk, some])
        self._await_shipped()

    def apply(self, nonce: str, entries: Iterable[Entry]) -> None:
        """See `ports.Ledger`."""
        self._know(nonce)
        for chunk in chunks(entries, count=CHUNK):
            self._ship("apply", wire.entries_argument(chunk))

    def remember(self, nonce: str, ids: bytes) -> None:
        """See `ports.Ledger`."""
        self._know(nonce)
        self._ship_packed("remember", ids)

    def finish(
        self,
        nonce: str,
        seq: int,
        ctl: int,
        after: Mapping[int, int],
        next_offsets: Mapping[TopicPartition, int],
    ) -> None:
        """See `ports.Ledger`."""
        self._know(nonce)
        self._await_shipped()
        nexts = [[wire.tp_name(tp), offset] for tp, offset in next_offsets.items()]
        self._run("finish", [self.code, seq, ctl, [list(pair) for pair in after.items()], nexts], slow=True)

    # --- looking in ---

    def dump(self) -> dict[str, Any]:
        """See `ports.Ledger`. Reads key by key: for a ledger at rest."""
        clk = int(self._slow.hget(self._key("st"), "clk") or 0)
        table: dict[str, list[Any]] = {}
        for kind in KINDS:
            for raw_name, raw in self._slow.hgetall(self._key(f"a:{kind}")).items():
                name, row = raw_name.decode(), rows.parse_account(kind, raw)
                if row[1] and row[0] + row[1] <= clk:
                    continue
                table[f"{kind}:{name}"] = self._canonical(kind, name, row, clk)
        reservations: dict[str, list[Any]] = {}
        seen: dict[str, list[Any]] = {}
        for born in range(bucket(clk) - BUCKETS_KEPT, bucket(clk) + 1):
            for raw_id, raw in self._slow.hgetall(self._key(f"rs:{born}")).items():
                reservations[raw_id.decode()] = rows.parse_reservation(raw)
            for raw_id, raw in self._slow.hgetall(self._key(f"dd:{born}")).items():
                seen[raw_id.decode()] = rows.parse_first(raw)
        return {
            "clk": clk,
            "accounts": dict(sorted(table.items())),
            "reservations": {k: _lists(r) for k, r in sorted(reservations.items()) if remembered(r[0], clk)},
            "seen": dict(sorted(seen.items())),
        }

    def _canonical(self, kind: str, name: str, row: list[Any], clk: int) -> list[Any]:
        at, keep, *rest = row
        match kind:
            case "c":
                members = self._slow.zrangebyscore(self._key(f"o:{name}"), "-inf", clk)
                expired = sum(int(member.rpartition(b"|")[2]) for member in members)
                return [rest[0] - expired, rest[2], at, keep]
            case "w":
                window = rest[0]
                scores = self._slow.zrange(self._key(f"w:{name}"), 0, -1, withscores=True)
                seen = {m.decode(): int(s) for m, s in scores if not window or s > clk - window}
                return [dict(sorted(seen.items())), window, at, keep]
            case "f":
                texts = self._slow.hgetall(self._key(f"f:{name}"))
                return [dict(sorted((k.decode(), text.decode()) for k, text in texts.items())), at, keep]
            case _:
                return [rest[0], at, keep]


def _lists(value: Any) -> Any:
    return [_lists(item) for item in value] if isinstance(value, (list, tuple)) else value


@contextmanager
def _refusals() -> Iterator[None]:
    """What Redis or a script says, as the ledger's errors."""
    try:
        yield
    except redis.exceptions.NoScriptError as error:
        raise UnverifiedError("Redis does not know this generation's scripts: it was restarted") from error
    except redis.exceptions.ResponseError as error:
        raise _refusal(str(error)) from error
    except redis.exceptions.RedisError as error:
        raise UnavailableError(f"Redis: {error}") from error


def _refusal(text: str) -> Exception:
    word, _, rest = text.partition(" ")
    match word:
        case "UNVERIFIED":
            return UnverifiedError(rest)
        case "STALE":
            return StaleControlError(int(rest))
        case "FENCED" | "GAP":
            return RejoinError(text)
        case "CODE":
            return CodeMismatchError(rest)
        case _:
            return UnavailableError(f"Redis refused: {text}")
