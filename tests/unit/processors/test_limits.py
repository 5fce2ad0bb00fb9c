"""Limits: which accounts a call, a spend and a finish touch, by how much, and for how long."""

from __future__ import annotations

import pytest

from toolgate.processors.chain import judge
from toolgate.processors.claims import (
    DAY_MS,
    FOREVER,
    RUN_KEEP_MS,
    Charge,
    Count,
    Deadline,
    Distinct,
    Forbid,
    Own,
    Rate,
    Reserve,
    Spend,
)
from toolgate.processors.limits import record_names
from toolgate.processors.reasons import Code
from toolgate.schemas.enums import Verdict
from toolgate.schemas.strict_json import digest

HEAD = "policy:\n  workflow_id: billing_adjustments_v3\n"
READS = HEAD + "  allowed_tools: [read_invoice, compute_proration]\n"
WRITES = HEAD + "  allowed_tools: [read_invoice, create_adjustment_draft]\n"
OWNER = "default/billing_adjustments_v3"


def claims_of(judged, kind):
    """The claims of one kind."""
    assert judged.reasons == ()
    return [claim for claim in judged.claims if isinstance(claim, kind)]


def test_a_call_asks_first_for_its_runs_standing(case, world):
    """Owned by its agent, not latched, not finished, not denied too often, calls left."""
    judged = judge(case(), world())
    own, latched, finished, denials, calls, cost = judged.claims
    assert isinstance(own, Own)
    assert (own.run_id, own.owner) == ("r1", f"{OWNER}/a1")
    assert (latched.key, latched.n, latched.label.code) == ("run:r1:latched", 1, Code.RUN_LATCHED)
    assert (finished.key, finished.n, finished.label.code) == ("run:r1:finished", 1, Code.RUN_FINISHED)
    assert (denials.key, denials.n, denials.label.code) == (
        f"run:r1/{OWNER}:denials",
        20,
        Code.TOO_MANY_DENIALS,
    )
    assert (calls.key, calls.n, calls.max, calls.label.code) == (
        "run:r1:approved_calls",
        1,
        12,
        Code.CALLS_EXCEEDED,
    )
    assert (cost.account, cost.amount, cost.max, cost.label.code) == (
        "run:r1:usd",
        10_000,
        350_000,
        Code.BUDGET_EXCEEDED,
    )
    assert all(isinstance(claim, Forbid) for claim in (latched, finished, denials))
    assert {claim.keep_ms for claim in judged.claims} == {RUN_KEEP_MS}
    assert judged.reserve == Reserve("3-7", 900_000, "d" * 32, "read_invoice")


def test_every_intent_is_an_attempt_and_every_denial_counts(case, world):
    """Attempts and denials are kept under the workflow that the key proves."""
    for judged in (judge(case(), world()), judge(case(tool="execute_refund"), world())):
        run, agent = judged.always
        assert (run.key, run.increment_us, run.tau_us) == (f"run:r1/{OWNER}:attempts", 500_000, 119 * 500_000)
        assert (agent.key, agent.increment_us) == (f"agent:{OWNER}/a1:attempts", 100_000)
        assert judged.on_deny == (
            Count(f"run:r1/{OWNER}:denials", 1, None, judged.on_deny[0].label, RUN_KEEP_MS),
        )


def test_the_policy_sets_its_own_attempts_and_denials(case, world):
    """Both can be made tighter, or wider."""
    more = "  attempts: {run: {max: 6, per: 1m, burst: 2}}\n  limits: {max_denials: 3}\n"
    judged = judge(case(), world(READS + more))
    assert (judged.always[0].increment_us, judged.always[0].tau_us) == (10_000_000, 10_000_000)
    assert [claim.n for claim in claims_of(judged, Forbid) if claim.label.code == Code.TOO_MANY_DENIALS] == [
        3
    ]


@pytest.mark.parametrize("fields", [{"key": b"r2"}, {"run_id": "../r1"}, {"run_id": ""}])
def test_an_intent_outside_its_run_touches_no_run(fields, case, world):
    """Accounts of a run belong to its partition: astray intents count against their workflow."""
    judged = judge(case(**fields), world())
    assert [rate.key for rate in judged.always] == [
        f"workflow:{OWNER}:astray_attempts",
        f"agent:{OWNER}/a1:attempts",
    ]
    assert judged.on_deny == ()


def test_an_unproven_writer_touches_nothing(case, world):
    """Whoever cannot sign can neither use up attempts nor stop a run."""
    judged = judge(case(headers=()), world())
    assert (judged.always, judged.on_deny, judged.claims, judged.reserve) == ((), (), (), None)


SCOPES = [
    ("run", "run:r1", RUN_KEEP_MS),
    ("workflow", f"workflow:{OWNER}", FOREVER),
    ("agent", "agent:default/a1", FOREVER),
    ("tenant", "tenant:default", FOREVER),
    ("tool", "tool:default/read_invoice", FOREVER),
    ("system", "system:default/billing", FOREVER),
]


@pytest.mark.parametrize(("scope", "account", "keep_ms"), SCOPES)
def test_names_the_account_by_its_scope(scope, account, keep_ms, case, world):
    """Everything that shares a scope finds the same account."""
    judged = judge(case(), world(f"{READS}  budgets: [{{scope: {scope}, max: 2}}]\n"))
    (charge,) = claims_of(judged, Charge)
    assert (charge.account, charge.amount, charge.max) == (f"{account}:usd", 10_000, 2_000_000)
    assert (charge.keep_ms, charge.window, charge.on_expiry) == (keep_ms, "", "spend")
    assert (charge.label.rule, charge.label.scope, charge.label.unit) == ("budgets[0]", scope, "usd_micros")


@pytest.mark.parametrize(
    ("written", "window", "keep_ms"),
    [
        ("window: 1h", "hour:UTC", 2 * 3_600_000 + 2 * DAY_MS),
        ("window: 1d", "day:UTC", 4 * DAY_MS),
        ("window: calendar_month", "month:UTC", 64 * DAY_MS),
        ("window: 1d, tz: Europe/Berlin", "day:Europe/Berlin", 4 * DAY_MS),
        ("window: none", "", FOREVER),
    ],
)
def test_windows_are_kept_twice_their_length_and_two_days(written, window, keep_ms, case, world):
    """A settlement may come after its window has ended."""
    judged = judge(case(), world(f"{READS}  budgets: [{{scope: tenant, max: 2, {written}}}]\n"))
    (charge,) = claims_of(judged, Charge)
    assert (charge.window, charge.keep_ms) == (window, keep_ms)


@pytest.mark.parametrize(
    ("fields", "unit", "amount"),
    [
        ({}, "calls", 1),
        ({}, "records", 1),
        ({"declared_records": ("I-1", "I-2")}, "records", 2),
        ({"tool": "compute_proration", "params": '{"plan":"gold"}'}, "model_tokens", 200),
        ({"tool": "compute_proration", "params": '{"plan":"gold"}'}, "usd", 2_000),
        ({"declared_cost_micros": 9_999}, "usd", 10_000),
        ({"declared_cost_micros": 10_001}, "usd", 10_001),
    ],
)
def test_charges_by_unit(fields, unit, amount, case, world):
    """Cost is the larger of catalogue and declared; records are counted once each."""
    judged = judge(case(**fields), world(f"{READS}  budgets: [{{scope: tenant, unit: {unit}, max: 900}}]\n"))
    (charge,) = claims_of(judged, Charge)
    assert (charge.account, charge.amount) == (f"tenant:default:{unit}", amount)


def test_a_tool_that_does_not_use_a_unit_is_not_charged_for_it(case, world):
    """Units of the catalogue concern the tools that name them."""
    judged = judge(case(), world(f"{READS}  budgets: [{{scope: tenant, unit: model_tokens, max: 9}}]\n"))
    assert claims_of(judged, Charge) == []


@pytest.mark.parametrize(
    ("written", "increment_us", "tau_us"),
    [
        ("max: 60, per: 1m", 1_000_000, 59_000_000),
        ("max: 60, per: 1m, burst: 1", 1_000_000, 0),
        ("max: 7, per: 1s, burst: 2", 142_858, 142_858),
        ("max: 1, per: 1d", 86_400_000_000, 0),
    ],
)
def test_rates_are_rounded_to_the_slower_side(written, increment_us, tau_us, case, world):
    """As many at once as the burst says, by default a whole period's."""
    judged = judge(case(), world(f"{READS}  rates: [{{scope: agent, {written}}}]\n"))
    (rate,) = claims_of(judged, Rate)
    assert rate.key.startswith("agent:default/a1:rate~")
    assert (rate.increment_us, rate.tau_us) == (increment_us, tau_us)


@pytest.mark.parametrize(
    ("written", "key", "window_ms"),
    [
        ("scope: run", "run:r1:records~all", 0),
        ("scope: run, window: 24h", "run:r1:records~1d", DAY_MS),
        ("scope: tenant, records: invoice_id, window: 1h", "tenant:default:records.invoice_id~1h", 3_600_000),
        ("scope: tenant, records: params.invoice_id", "tenant:default:records.invoice_id~all", 0),
    ],
)
def test_distinct_records_by_scope_path_and_window(written, key, window_ms, case, world):
    """Limits that count alike have one set, others have their own."""
    judged = judge(case(), world(f"{READS}  blast_radius: [{{{written}, max: 3}}]\n"))
    (distinct,) = claims_of(judged, Distinct)
    assert (distinct.key, distinct.window_ms, distinct.records, distinct.max) == (key, window_ms, ("I-1",), 3)
    assert distinct.trued is ("invoice_id" not in key)


@pytest.mark.parametrize(
    ("name", "long"),
    [("x" * 128, False), ("x" * 129, True), ("é" * 64, False), ("é" * 65, True), ("😀" * 33, True)],
)
def test_a_long_record_is_known_by_its_digest(name, long, case, world):
    """Keys of the ledger stay short whatever an agent sends; what is written is bytes, so bytes count."""
    known = digest(name.encode()) if long else name
    judged = judge(case(params=f'{{"invoice_id":"{name}"}}'), world())
    assert judged.records == record_names([name, name]) == (known,)


def test_any_number_of_records_has_names():
    """How many a result may name is not for limits to say: what has happened is counted."""
    assert len(record_names(str(n) for n in range(1_000))) == 1_000


DRAFT = {"tool": "create_adjustment_draft"}
BY_LINE = "  blast_radius: [{scope: run, records: lines.*.sku, max: 3}]\n"
MANY = '{"invoice_id":"I","lines":[' + ",".join(f'{{"sku":"{n}"}}' for n in range(257)) + "]}"


@pytest.mark.parametrize(
    ("fields", "more", "because"),
    [
        ({**DRAFT, "params": '{"invoice_id":""}'}, "", "text or a whole number"),
        ({**DRAFT, "params": '{"invoice_id":"I"}'}, BY_LINE, "name none here"),
        ({**DRAFT, "params": '{"invoice_id":"I","lines":[]}'}, BY_LINE, "name none here"),
        ({**DRAFT, "params": MANY}, BY_LINE, "257 records"),
    ],
)
def test_refuses_a_write_whose_records_cannot_be_told(fields, more, because, case, world):
    """A write that names no record would escape every count of records."""
    judged = judge(case(**fields), world(WRITES + more))
    assert [reason.code for reason in judged.reasons] == [Code.RECORDS_INVALID]
    assert because in judged.reasons[0].because
    assert (judged.claims, judged.reserve, judged.verdict) == ((), None, Verdict.DENY)


def test_a_read_may_name_no_record(case, world):
    """Reading without a record is nothing to count."""
    more = "  blast_radius: [{scope: run, records: plan, max: 3}]\n"
    judged = judge(case(tool="compute_proration", params='{"plan":"gold"}'), world(READS + more))
    assert [claim.records for claim in claims_of(judged, Distinct)] == [("gold",)]
    judged = judge(case(), world(READS + more))
    assert claims_of(judged, Distinct) == []


def test_the_result_may_name_records_that_the_call_did_not(case, world):
    """The set of a tool's own records is taken also when it is empty, so that the result can add to it."""
    more = "  blast_radius: [{scope: run, max: 3}]\n"
    judged = judge(case(tool="compute_proration", params='{"plan":"gold"}'), world(READS + more))
    assert [(claim.records, claim.trued) for claim in claims_of(judged, Distinct)] == [((), True)]


@pytest.mark.parametrize("params", ["{}", '{"plan":"silver"}'])
def test_refuses_a_call_without_a_price(params, case, world):
    """What the price table does not know is not free."""
    judged = judge(case(tool="compute_proration", params=params), world())
    assert [reason.code for reason in judged.reasons] == [Code.COST_INVALID]


def test_a_time_to_live_is_a_claim_on_the_ledgers_clock(case, world):
    """It counts from the broker's append time."""
    judged = judge(case(ttl_ms=500, time_ms=10_000), world())
    (deadline,) = claims_of(judged, Deadline)
    assert (deadline.at_ms, deadline.label.code) == (10_500, Code.EXPIRED)


def test_model_spend_is_spent_under_every_money_account_without_a_tool(case, world):
    """It is never refused by a budget: it latches the run that overdraws one."""
    more = (
        "  limits: {max_cost_usd: 0.5, max_tool_calls: 1}\n"
        "  budgets: [{scope: tenant, window: 1d, max: 9}, {scope: tool, max: 1},"
        " {scope: run, unit: calls, max: 1}]\n"
        "  rates: [{scope: run, max: 1, per: 1h}]\n"
    )
    judged = judge(case(kind="usage", declared_cost_micros=77), world(READS + more))
    own, run, tenant = judged.claims
    assert isinstance(own, Own)
    assert isinstance(run, Spend)
    assert isinstance(tenant, Spend)
    assert [(s.account, s.amount, s.max, s.window, s.latch) for s in (run, tenant)] == [
        ("run:r1:usd", 77, 500_000, "", "run:r1:latched"),
        ("tenant:default:usd", 77, 9_000_000, "day:UTC", "run:r1:latched"),
    ]
    assert (judged.cost_micros, judged.reserve) == (77, None)


def test_a_run_finishes_once(case, world):
    """The end of a run is counted; a second one is refused."""
    judged = judge(case(kind="finish", run_outcome="succeeded"), world())
    own, finished = judged.claims
    assert isinstance(own, Own)
    assert (finished.key, finished.n, finished.max, finished.label.code) == (
        "run:r1:finished",
        1,
        1,
        Code.RUN_FINISHED,
    )


def test_no_two_claims_share_an_account_and_window(case, world):
    """Otherwise one intent would be counted twice in one place."""
    budgets = [
        f"{{scope: {scope}, unit: {unit}, window: {window}, max: 9}}"
        for scope, *_ in SCOPES
        for unit in ("usd", "calls", "records")
        for window in ("none", "1h", "1d", "calendar_month")
        if (scope, unit, window) != ("run", "usd", "none")
    ]
    more = "  limits: {max_tool_calls: 5, max_cost_usd: 1}\n"
    more += "  rates: [" + ", ".join(f"{{scope: {scope}, max: 9, per: 1m}}" for scope, *_ in SCOPES) + "]\n"
    more += "  blast_radius: [" + ", ".join(f"{{scope: {scope}, max: 9}}" for scope, *_ in SCOPES) + "]\n"
    every: set[object] = set()
    for start in range(0, len(budgets), 16):  # as many as one policy takes
        some = budgets[start : start + 16]
        text = f"{HEAD}  allowed_tools: [read_invoice]\n{more}  budgets: [{', '.join(some)}]\n"
        judged = judge(case(), world(text))
        names = [
            (claim.account, claim.window) if isinstance(claim, Charge) else claim.key
            for claim in (*judged.claims, *judged.always)
            if not isinstance(claim, Own)
        ]
        assert len(names) == len(set(names)) == 4 + 1 + len(some) + 6 + 6 + 2
        every.update(names)
    assert len(every) == 4 + 1 + 71 + 6 + 6 + 2
