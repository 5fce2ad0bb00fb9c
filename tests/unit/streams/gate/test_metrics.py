"""What a worker counts, and how it measures time from the names of points alone."""

from __future__ import annotations

from itertools import pairwise

import pytest
from prometheus_client.exposition import generate_latest

from toolgate.processors.case import Case, Envelope
from toolgate.processors.claims import Charge, Forbid, Label
from toolgate.processors.grants import Grant
from toolgate.schemas.enums import Verdict
from toolgate.schemas.records import Intent, Op, Reason, Result, RunContract, Vote
from toolgate.streams.gate.items import Item, Reading
from toolgate.streams.gate.metrics import Metrics
from toolgate.streams.ports import Ask, Decision

PLACE = Envelope("intents", 0, 0, 1, None, b"")
INTENT = Intent("i", "call", "t", "w", "r", "a", "pay")


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    """A sample of the registry."""
    return metrics.registry.get_sample_value(name, labels)


def decision(verdict: str, **more: object) -> Decision:
    """A stored decision with defaults."""
    fields: dict[str, object] = {
        "offset": 0, "seq": 9, "clk": 1, "ctl": 0, "verdict": verdict, "first": True, "refused": (), "ops": (),
        "after": (), "visible": (), "first_seq": None, "conflict": False, "note": "", "policy_digest": "p",
    }  # fmt: skip
    return Decision(**(fields | more))  # type: ignore[arg-type]


def intent(reasons: tuple[Reason, ...] = (), claims: tuple[Charge, ...] = ()) -> Item:
    """A judged intent."""
    verdict = Verdict.DENY if reasons else Verdict.APPROVE
    case = Case(PLACE, INTENT, "d", kid="k", verdict=verdict, reasons=reasons, claims=claims)
    return Item(Reading(PLACE, INTENT), Ask(0, 1, verdict.value, claims=claims), case)


def result(note: str = "") -> tuple[Item, Decision]:
    """A result with what it settled."""
    record = Result("c", "i", "r", "pay", "d", "ok", "desk")
    reading = Reading(Envelope("results", 0, 0, 1, None, b""), record)
    rows = (("tenant:t:usd@2026-01-01", 5, 0, 2_000_000), ("run:r:calls", 0, 0, 7), ("odd:usd", 0, 0, 10))
    ops = (Op("settle", ("c", "uncovered", rows)),)
    return Item(reading, Ask(0, 1, "RECORDED")), decision("RECORDED", note=note, ops=ops if note else ())


def test_counts_verdicts_and_codes_of_chain_and_ledger():
    """A denial counts each of its codes once, wherever they come from."""
    metrics = Metrics()
    label = Label("BUDGET_EXCEEDED", "limits.max_cost_usd", "run", "usd_micros")
    charge = Charge("run:r:usd", 10, 5, label)
    metrics.batch(
        [
            (intent(), decision("APPROVE")),
            (intent(claims=(charge, charge)), decision("DENY", refused=((0, 3), (1, 3)))),
            (intent((Reason("TOOL_DENIED"), Reason("READ_ONLY"))), decision("DENY")),
            (intent(), decision("DENY", conflict=True)),
            (
                Item(Reading(PLACE, problem=("malformed", "x")), Ask(0, 1, "QUARANTINE")),
                decision("QUARANTINE"),
            ),
        ],
    )
    assert value(metrics, "toolgate_intents_total", verdict="APPROVE") == 1
    assert value(metrics, "toolgate_intents_total", verdict="DENY") == 3
    for code in ("BUDGET_EXCEEDED", "TOOL_DENIED", "READ_ONLY", "ID_CONFLICT", "MALFORMED"):
        assert value(metrics, "toolgate_reasons_total", code=code) == 1
    assert value(metrics, "toolgate_inputs_total", topic="intents") == 5
    assert value(metrics, "toolgate_quarantined_total", topic="intents") == 1
    assert value(metrics, "toolgate_batch_records_sum") == 5
    assert value(metrics, "toolgate_ledger_seq") == 9


def test_counts_what_would_have_been():
    """By the verdict if nothing were in shadow; what nothing in shadow is about is not counted."""
    metrics = Metrics()
    shadow = Case(PLACE, INTENT, "d", verdict=Verdict.RECORDED, shadow_reasons=(Reason("RULE_DENIED"),))
    item = Item(Reading(PLACE, INTENT), Ask(0, 1, "RECORDED", policy_digest="p"), shadow)
    metrics.batch([(item, decision("RECORDED")), (intent(), decision("APPROVE"))])
    assert value(metrics, "toolgate_would_have_total", verdict="DENY") == 1
    assert value(metrics, "toolgate_would_have_total", verdict="APPROVE") is None


def test_counts_what_a_grant_did_away_with():
    """Once a code and call, of approvals alone: what was refused all the same was not let through."""
    metrics = Metrics()
    grant = Grant("g1", ("pay",), 9, 1, "why", ("ann", "ben"))
    waived = (Reason("RULE_DENIED", "large"), Reason("RULE_DENIED", "late"), Reason("TOOL_DENIED"))
    case = Case(PLACE, INTENT, "d", kid="k", verdict=Verdict.APPROVE, grant=grant, waived=waived)
    charge = Charge("tenant:t:usd", 1, 1, Label("BUDGET_EXCEEDED", "b", "tenant", "usd_micros"))
    item = Item(Reading(PLACE, INTENT), Ask(0, 1, "APPROVE", "i", "d", "p", claims=(charge,)), case)
    metrics.batch(
        [
            (item, decision("APPROVE")),
            (item, decision("DUPLICATE")),
            (item, decision("DENY", refused=((0, 3),))),
            (intent(), decision("APPROVE")),
        ]
    )
    assert value(metrics, "toolgate_waived_total", code="RULE_DENIED") == 1
    assert value(metrics, "toolgate_waived_total", code="TOOL_DENIED") == 1


def test_counts_votes_by_what_came_of_them():
    """And expiries; one that was sent again is no second vote."""
    metrics = Metrics()
    reading = Reading(
        Envelope("votes", 0, 0, 1, b"r", b""), Vote("v", "0-1", "r", "ann", "approve", "d", "p", "")
    )
    nothing = Item(reading, Ask(0, 1, "RECORDED"), refused=Reason("VOTE_REFUSED", "vote"))
    again = Item(reading, Ask(0, 1, "APPROVE", "vote/v", "d", "p"), voter="ann")
    metrics.batch([(nothing, decision("RECORDED")), (again, decision("DUPLICATE"))])
    assert value(metrics, "toolgate_words_total", note="refused") == 1
    assert value(metrics, "toolgate_words_total", note="repeated") == 1


def test_counts_results_and_money_that_nothing_covered():
    """Dollars by scope; calls are no dollars; what has no known scope is not a label of its own."""
    metrics = Metrics()
    metrics.batch([result("uncovered"), result()])
    assert value(metrics, "toolgate_results_total", note="uncovered") == 1
    assert value(metrics, "toolgate_results_total", note="started") == 1
    assert value(metrics, "toolgate_uncovered_usd_total", scope="tenant") == 2.0
    assert value(metrics, "toolgate_uncovered_usd_total", scope="run") == 0
    assert value(metrics, "toolgate_uncovered_usd_total", scope="other") == 0.00001


def test_counts_contracts_and_why_they_do_not_count():
    """Refused before the ledger is asked or by it, accepted, or sent again."""
    metrics = Metrics()
    reading = Reading(
        Envelope("contracts", 0, 0, 1, None, b""), RunContract("c", "t", "w", "r", "o", ("look",), {})
    )
    late = Forbid("run:r:begun", 1, Label("CONTRACT_REFUSED", "contract.late", "run", "calls"))
    asked = Item(reading, Ask(0, 1, "APPROVE", claims=(late,)))
    unsigned = Item(reading, Ask(0, 1, "RECORDED"), refused=Reason("BAD_IDENTITY"))
    metrics.batch(
        [
            (asked, decision("APPROVE")),
            (asked, decision("DENY", refused=((0, 1),))),
            (asked, decision("DUPLICATE")),
            (unsigned, decision("RECORDED")),
        ]
    )
    notes = {"accepted": 1, "refused": 2, "repeated": 1}
    assert {note: value(metrics, "toolgate_contracts_total", note=note) for note in notes} == notes
    for code in ("CONTRACT_REFUSED", "BAD_IDENTITY"):
        assert value(metrics, "toolgate_reasons_total", code=code) == 1


def test_a_refused_word_counts_under_its_own_code():
    """Not everything that does not count lacks a writer."""
    metrics = Metrics()
    refused = Reason("CONTROL_REFUSED", "control")
    metrics.batch([(Item(Reading(PLACE), Ask(0, 1, "RECORDED"), refused=refused), decision("RECORDED"))])
    assert value(metrics, "toolgate_reasons_total", code="CONTROL_REFUSED") == 1


def test_measures_decide_transaction_and_batch():
    """From delivery to commit is the batch; an idle round is none."""
    metrics = Metrics()
    points = ["poll", "control", "poll", "control", "decide", "receive", "produce", "commit"]
    for second, point in enumerate(points):
        metrics.passed(point, float(second))
    metrics.batch([(intent(), decision("APPROVE"))])
    metrics.passed("poll", 10.0)
    metrics.passed("control", 11.0)
    assert value(metrics, "toolgate_decide_seconds_sum") == 1.0
    assert value(metrics, "toolgate_transaction_seconds_sum") == 4.0
    assert value(metrics, "toolgate_batch_seconds_sum") == 7.0
    assert value(metrics, "toolgate_batch_seconds_count") == 1


@pytest.mark.parametrize(
    ("detail", "kind"),
    [("AbortError: x", "AbortError"), ("UnavailableError: y: z", "UnavailableError"), ("who knows", "other")],
)
def test_counts_rejoins_by_kind(detail: str, kind: str):
    """An unknown kind is not a label of its own."""
    metrics = Metrics()
    metrics.state("waiting", detail)
    assert value(metrics, "toolgate_rejoins_total", kind=kind) == 1
    assert value(metrics, "toolgate_state", state="waiting") == 1
    assert value(metrics, "toolgate_state", state="running") == 0


def test_counts_recoveries_and_generations():
    """A generation is counted when it is met, not at every rebalance."""
    metrics = Metrics()
    metrics.state("recovering", "")
    for gen in ("a", "a", "b"):
        metrics.joined(frozenset({("intents", 0)}), gen)
    assert value(metrics, "toolgate_recoveries_total") == 1
    assert value(metrics, "toolgate_ledger_generations_total") == 2
    assert value(metrics, "toolgate_partitions") == 1


def test_forgets_the_lag_of_partitions_that_are_gone():
    """There is one series for each owned partition and no more."""
    metrics = Metrics()
    metrics.lags({("intents", 0): 5, ("intents", 1): 0})
    metrics.lags({("intents", 1): 2})
    assert value(metrics, "toolgate_lag_records", topic="intents", partition="0") is None
    assert value(metrics, "toolgate_lag_records", topic="intents", partition="1") == 2


def test_names_are_prefixed_and_explained():
    """Everything of ours begins with toolgate_ and has a help text."""
    rows = generate_latest(Metrics().registry).decode().splitlines()
    names = [row.split()[2] for row in rows if row.startswith("# HELP")]
    ours = [name for name in names if not name.startswith(("python_", "process_"))]
    assert len(ours) >= 18
    assert all(name.startswith("toolgate_") for name in ours)
    assert all(before != after for before, after in pairwise(sorted(names)))
