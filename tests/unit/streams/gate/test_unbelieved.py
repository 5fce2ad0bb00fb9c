"""Writers whom the gate does not believe are told of in its log, and cannot flood it."""

from __future__ import annotations

from structlog.testing import capture_logs

from toolgate.processors.case import Envelope
from toolgate.processors.reasons import Code
from toolgate.schemas.headers import KID
from toolgate.schemas.records import Reason
from toolgate.streams.gate.items import Item, Reading
from toolgate.streams.gate.unbelieved import KIDS_MAX, Unbelieved
from toolgate.streams.ports import Ask


def refused(*kids: bytes, code: Code = Code.BAD_IDENTITY) -> Item:
    """A result under these key ids that does not count."""
    headers = tuple((KID, kid) for kid in kids)
    reading = Reading(Envelope("results", 0, 0, 1, b"r", b"", headers))
    return Item(reading, Ask(0, 1, "RECORDED"), refused=Reason(code, "identity", "because"))


def test_tells_each_key_id_at_most_once_a_minute():
    """A misconfigured agent is named; that it goes on sending adds nothing."""
    now = [0.0]
    unbelieved = Unbelieved(lambda: now[0])
    with capture_logs() as logs:
        for second in (0.0, 1.0, 59.0, 60.0, 61.0):
            now[0] = second
            unbelieved.batch([refused(b"a"), refused(b"b"), refused(b"c", code=Code.COST_INVALID)])
    assert [log["claimed_kid"] for log in logs] == ["a", "b", "a", "b"]
    assert logs[0] == {
        "event": "a writer is not believed",
        "log_level": "warning",
        "claimed_kid": "a",
        "topic": "results",
        "detail": "because",
    }


def test_what_strangers_claim_is_bounded():
    """Neither long ids, nor odd bytes, nor many ids reach the log as they are."""
    with capture_logs() as logs:
        Unbelieved(lambda: 0.0).batch([refused(b"x" * 999), refused(b"\xff\n"), refused()])
    assert [log["claimed_kid"] for log in logs] == ["x" * 64, "\ufffd\ufffd", ""]
    with capture_logs() as logs:
        Unbelieved(lambda: 0.0).batch(refused(b"%d" % n) for n in range(2 * KIDS_MAX))
    assert len(logs) == KIDS_MAX
