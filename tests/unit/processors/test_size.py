"""Size: what could not be written is refused before it is decided."""

from __future__ import annotations

import pytest

from toolgate.processors.case import Envelope
from toolgate.processors.chain import judge
from toolgate.processors.claims import Distinct, Forbid, Label
from toolgate.processors.reasons import Code
from toolgate.processors.size import DECISION_BYTES_MAX, decision_bytes, size
from toolgate.schemas.enums import Verdict
from toolgate.schemas.frozen import changed

LABEL = Label(Code.BLAST_RADIUS, "blast_radius[0]", "run", "records")
NAMES = tuple(str(n) for n in range(256))


def claiming(case, value_bytes, named, sets, others):
    """A case with a value of so many bytes, so many records, in so many sets, and other claims."""
    counted = tuple(Distinct(f"run:r1:{n}", NAMES[:named], 256, LABEL) for n in range(sets))
    claims = counted + tuple(Forbid("run:r1:latched", 1, LABEL) for _ in range(others))
    whole = case()
    return changed(
        whole,
        envelope=Envelope("intents", 0, 0, 0, b"r1", b"x" * value_bytes),
        records=NAMES[:named],
        claims=claims,
    )


@pytest.mark.parametrize(
    ("value_bytes", "named", "sets", "others", "bound", "verdict"),
    [
        (0, 0, 0, 0, 65_536, Verdict.APPROVE),
        (98_304, 0, 0, 0, 163_840, Verdict.APPROVE),
        (98_304, 1, 0, 0, 163_970, Verdict.APPROVE),
        (98_304, 256, 8, 40, 621_760, Verdict.APPROVE),
        (98_304, 256, 20, 0, 928_720, Verdict.DENY),
        (98_304, 0, 0, 300, 1_153_840, Verdict.DENY),
        (834_464, 0, 0, 0, 900_000, Verdict.APPROVE),
        (834_465, 0, 0, 0, 900_001, Verdict.DENY),
    ],
)
def test_refuses_what_could_take_more_than_a_record_may(  # noqa: PLR0917
    value_bytes, named, sets, others, bound, verdict, case, world
):
    """The bound counts the value, what is captured, each record in each set, and each claim."""
    whole = claiming(case, value_bytes, named, sets, others)
    assert decision_bytes(whole) == bound
    judged = size(whole, world())
    assert judged.verdict == verdict
    over = bound - DECISION_BYTES_MAX
    told = [(r.code, r.unit, r.asked, r.limit, r.distance) for r in judged.reasons]
    denied = [(Code.OUTPUT_TOO_LARGE, "bytes", bound, DECISION_BYTES_MAX, over)]
    assert told == (denied if verdict == Verdict.DENY else [])


def test_a_case_refused_for_size_asks_for_nothing(case, world, monkeypatch):
    """It is the last of the chain: what the others claimed is not taken."""
    monkeypatch.setattr("toolgate.processors.size.DECISION_BYTES_MAX", 10)
    judged = judge(case(), world())
    assert [reason.code for reason in judged.reasons] == [Code.OUTPUT_TOO_LARGE]
    assert (judged.verdict, judged.claims, judged.reserve) == (Verdict.DENY, (), None)
    assert judged.on_deny


def test_what_is_refused_already_is_left_alone(case, world):
    """A denial takes nothing, so it is small."""
    refused = changed(claiming(case, 98_304, 256, 20, 0), verdict=Verdict.DENY)
    assert size(refused, world()) is refused
