"""The largest intent under the largest policy makes records that their topics take."""

from __future__ import annotations

import pytest

from toolgate.processors.approval_terms import terms_of
from toolgate.processors.case import Case, Envelope
from toolgate.processors.chain import judge
from toolgate.processors.claims import AMOUNT_MAX
from toolgate.processors.control_state import ControlState
from toolgate.processors.fields import ROLES_MAX, RULES_MAX
from toolgate.processors.keyring import Keyring
from toolgate.processors.loader import from_files
from toolgate.processors.policy_file import APPROVALS_MAX
from toolgate.processors.reasons import Code
from toolgate.processors.size import ACCOUNT_BYTES_MAX, DECISION_BYTES_MAX, decision_bytes
from toolgate.processors.world import World
from toolgate.schemas.bundle import INPUT_BYTES_MAX, OUTPUT_BYTES_MAX, SUBJECTS
from toolgate.schemas.codec import Codec
from toolgate.schemas.enums import Verdict
from toolgate.schemas.frozen import changed
from toolgate.schemas.records import Balance, Control, Intent, Pulse, Visible
from toolgate.schemas.strict_json import dumps_canonical
from toolgate.streams.gate.items import Item, Reading
from toolgate.streams.gate.publish import Publisher
from toolgate.streams.gate.pulses import ACTIVE_MAX, NEAR_MAX, pulse_of
from toolgate.streams.gate.rollups import Rollup, Rollups
from toolgate.streams.ledger.accounts import Accounts
from toolgate.streams.ledger.taking import take
from toolgate.streams.ports import Ask, Decision, Reply
from toolgate.streams.settings import OUTPUT_RECORD_BYTES_MAX, Settings
from toolgate.streams.topics import TOPICS

LONG = "x" * 128
NOW = 1_790_000_000_000
NOTHING_SAID = ControlState()
PATH = "p" * 256
SCOPES = ("run", "workflow", "agent", "tenant", "tool", "system")
UNITS = [f"unit_{n:026}" for n in range(3)]
TOOLS = f"""
tools:
  - name: {LONG}
    version: {LONG}
    params: {{properties: {{{PATH}: {{type: array, items: {{type: string}}}}, pad: {{type: string}}}}}}
    effect: write
    system: {LONG}
    cost: 1
    records: [{PATH}]
    usage: {{{", ".join(f"{unit}: 1" for unit in UNITS)}}}
"""


def _policy() -> str:
    """As many limits as there may be, each with a long name."""
    windows = ("1h", "calendar_month", "none")
    budgets = [
        f"{{scope: {scope}, unit: {unit}, window: {window}, max: {AMOUNT_MAX}"
        + ("}" if window == "none" else ", tz: America/Argentina/ComodRivadavia}")
        for scope in SCOPES
        for unit, window in zip(UNITS, windows, strict=True)
    ][:16]
    rates = [f"{{scope: {s}, max: 1, per: {p}}}" for s in SCOPES for p in ("999h", "998h", "997h")][:16]
    radii = [f"{{scope: {s}, records: {PATH}, max: 256, window: {w}}}" for s in SCOPES for w in ("7d", "9h")]
    return f"""
policy:
  workflow_id: {LONG}
  tenant: {LONG}
  allowed_tools: [{LONG}]
  limits: {{max_tool_calls: 12, max_cost_usd: 100}}
  budgets: [{", ".join(budgets)}]
  rates: [{", ".join(rates)}]
  blast_radius: [{", ".join(radii[:8])}]
  logging: {{capture: [params, reason, records]}}
"""


@pytest.fixture(scope="module")
def largest():
    """The case of the largest intent that the chain lets pass."""
    judged = _judged(_policy())
    assert judged.reasons == ()
    return judged


def _judged(policy: str, control: ControlState = NOTHING_SAID) -> Case:
    """The case of the largest intent under a policy, and under what operators have said."""
    codec = Codec(Intent)
    records = [f"{n:0128}" for n in range(256)]
    intent = Intent(LONG, "call", LONG, LONG, LONG, LONG, LONG, LONG, "", 1, reason="r" * 4_000)

    def padded(pad: int) -> Intent:
        params = dumps_canonical({PATH: records, "pad": "y" * pad})
        return changed(intent, params=params)

    room = INPUT_BYTES_MAX - len(codec.encode(padded(10_000))) + 10_000
    intent = padded(room)
    value = codec.encode(intent)
    assert len(value) == INPUT_BYTES_MAX
    policies = from_files({"tools.yaml": TOOLS.encode(), "policy.yaml": policy.encode()})
    case = Case(Envelope("intents", 0, 0, 1, LONG.encode(), value), intent, "d" * 32)
    return judge(case, World(policies, control, Keyring.insecure()))


def _with_rules(count: int, more: str) -> str:
    """The policy with rules that all hold, each with the longest sentence."""
    because, when = "\N{GRINNING FACE}" * 200, "size(intent.run) > 1"
    rules = [f"{{id: r{n:0127}, when: {when}, because: {because}, {more}}}" for n in range(count)]
    return f"{_policy()}  rules: [{', '.join(rules)}]\n"


def _outputs(case: Case, verdict: str, refused: tuple[tuple[int, int], ...]) -> dict[str, int]:
    """The size of each record of a decision on the case, with the largest numbers everywhere."""
    ops = take(case.claims, case.reserve, Accounts(), NOW) if verdict == "APPROVE" else ()
    visible = tuple(
        Visible(topic, partition, AMOUNT_MAX) for topic in ("intents", "results") for partition in range(1024)
    )
    after = tuple(("a" * ACCOUNT_BYTES_MAX, AMOUNT_MAX) for _ in case.claims)
    decision = Decision(
        0,
        AMOUNT_MAX,
        AMOUNT_MAX,
        AMOUNT_MAX,
        verdict,
        True,
        refused,
        ops,
        after,
        visible,
        None,
        False,
        "",
        "p",
    )
    ask = Ask(0, 1, case.verdict.value, policy_digest="p", always=case.always, claims=case.claims)
    item = Item(Reading(case.envelope, case.intent, 1, case.digest), ask, case)
    publisher, rollups = Publisher("c" * 64), Rollups()
    made = publisher.outputs([(item, decision)], Reply("g" * 16, AMOUNT_MAX, ()), {}, rollups)
    made += publisher.pulses(rollups)
    headers = max(sum(len(n) + len(v) for n, v in out.headers) + len(out.key or b"") for out in made)
    assert headers + OUTPUT_BYTES_MAX < OUTPUT_RECORD_BYTES_MAX
    return {output.topic: len(output.value or b"") for output in made}


def test_an_approval_is_within_its_bound(largest):
    """Command and audit event, with every limit taken and every partition's offset beside it."""
    sizes = _outputs(largest, Verdict.APPROVE, ())
    assert sizes.keys() == {"commands", "outcomes", "audit", "pulse"}
    bound = decision_bytes(largest)
    assert sizes["commands"] <= bound
    assert sizes["audit"] <= bound + OUTPUT_BYTES_MAX - DECISION_BYTES_MAX
    assert bound <= DECISION_BYTES_MAX


def test_a_denial_with_every_reason_is_within_its_bound(largest):
    """Every claim refused, each with its sentence."""
    claims = largest.always + largest.claims
    refused = tuple(
        (index, AMOUNT_MAX if index != len(largest.always) else 1) for index in range(len(claims))
    )
    sizes = _outputs(largest, Verdict.DENY, refused)
    assert sizes.keys() == {"denials", "outcomes", "audit", "pulse"}
    assert max(sizes.values()) <= decision_bytes(largest)


@pytest.mark.parametrize("then", ["hold", "draft"])
def test_a_hold_or_draft_with_many_reasons_is_within_its_bound(then):
    """What rules say counts, so that what waits for people can be written."""
    case = _judged(_with_rules(RULES_MAX, f"then: {then}"))
    assert (case.verdict.value, len(case.reasons)) == (then.upper(), RULES_MAX)
    sizes = _outputs(case, case.verdict, ())
    assert sizes.keys() == {f"{then}s", "outcomes", "audit", "pulse"}
    bound = decision_bytes(case)
    assert sizes[f"{then}s"] <= bound
    assert sizes["audit"] <= bound + OUTPUT_BYTES_MAX - DECISION_BYTES_MAX
    assert bound <= DECISION_BYTES_MAX
    assert sizes["outcomes"] <= 131_072


def test_a_hold_for_as_many_roles_as_may_be_named_is_within_its_bound():
    """Each entry about approvals holds the call, and names those with the longest names."""
    roles = ", ".join(f"r{place}{LONG[:126]}" for place in range(ROLES_MAX))
    entries = [f"{{roles: [{roles}]}}"] * APPROVALS_MAX
    case = _judged(f"{_policy()}  approvals: [{', '.join(entries)}]\n")
    assert (case.verdict, len(case.reasons)) == (Verdict.HOLD, APPROVALS_MAX)
    assert len(terms_of(case).roles) == ROLES_MAX
    sizes = _outputs(case, case.verdict, ())
    assert sizes["holds"] <= decision_bytes(case) <= DECISION_BYTES_MAX


def test_an_approval_with_many_rules_in_shadow_is_within_its_bound():
    """What did not count is written as well."""
    case = _judged(_with_rules(RULES_MAX, "mode: shadow"))
    assert (case.verdict, len(case.shadow_reasons)) == (Verdict.APPROVE, RULES_MAX)
    sizes = _outputs(case, Verdict.APPROVE, ())
    assert sizes["audit"] <= decision_bytes(case) + OUTPUT_BYTES_MAX - DECISION_BYTES_MAX


def test_an_approval_for_which_many_rules_are_waived_is_within_its_bound():
    """What was waived is written as well, and told to people on call."""
    word = Control(
        LONG, "grant", "workflow", LONG, "r" * 1_000, (LONG,) * 8, version=1, expires_at=NOW, tools=("*",)
    )
    case = _judged(_with_rules(RULES_MAX, "then: deny"), NOTHING_SAID.apply(word, 0))
    assert (case.verdict, len(case.waived)) == (Verdict.APPROVE, RULES_MAX)
    sizes = _outputs(case, Verdict.APPROVE, ())
    assert sizes.keys() == {"commands", "alerts", "outcomes", "audit", "pulse"}
    assert max(sizes["commands"], sizes["alerts"]) <= decision_bytes(case)
    assert sizes["audit"] <= decision_bytes(case) + OUTPUT_BYTES_MAX - DECISION_BYTES_MAX


def test_a_pulse_that_names_every_tool_of_a_batch_is_written(largest):
    """The largest batch that the settings allow, each input for another tool with a long name."""
    most = Settings.model_fields["batch_size"].metadata[1].le
    labels = [claim.label for claim in largest.claims]
    rollup = Rollup(NOW, set(range(1024)), most)
    for verdict in Verdict:
        rollup.verdicts[verdict.value] = rollup.would_have[verdict.value] = most
    rollup.codes.update({code.value: most for code in Code})
    # An input is about one tool: what is called and what has failed are not the same ones.
    rollup.tools.update({f"{n:0128}": most for n in range(most // 2)})
    rollup.tool_errors.update({f"{n:0128}": most for n in range(most // 2, most)})
    rollup.active.update(f"{n:0128}" for n in range(most))
    rollup.records.update(range(AMOUNT_MAX, AMOUNT_MAX // 10**6, -AMOUNT_MAX // most))
    rollup.records.update(range(most))
    rollup.cost_micros = rollup.settled_micros = rollup.detection_ms = AMOUNT_MAX
    rollup.levels = {
        (label.rule, ""): (label, Balance("a" * ACCOUNT_BYTES_MAX, label.unit, AMOUNT_MAX, AMOUNT_MAX))
        for label in labels
    }
    shared = next(label for label in labels if label.code == Code.BUDGET_EXCEEDED and label.scope != "run")
    rollup.levels |= {
        (shared.rule, str(n)): (shared, Balance("a" * ACCOUNT_BYTES_MAX, shared.unit, AMOUNT_MAX, AMOUNT_MAX))
        for n in range(most)
    }
    pulse = pulse_of((LONG, LONG, LONG), rollup)
    assert len(pulse.levels) > NEAR_MAX
    assert (len(pulse.tools) + len(pulse.tool_errors), len(pulse.levels) > 20) == (most, True)
    assert len(pulse.active) == ACTIVE_MAX < most
    assert len(pulse.records) <= 100 + 90 * 14
    assert len(Codec(Pulse).encode(pulse)) <= OUTPUT_BYTES_MAX


def test_no_account_has_a_longer_name_than_the_bound_counts_with(largest):
    """What the loader lets be made stays below it, with room for the window that the ledger puts behind."""
    names = [getattr(claim, "account", getattr(claim, "key", "")) for claim in largest.claims]
    windows = [
        len(getattr(claim, "window", "") or "") for claim in largest.claims if hasattr(claim, "window")
    ]
    assert max(map(len, names)) + max(windows) + 32 < ACCOUNT_BYTES_MAX
    assert max(map(len, names)) > 500


def test_the_producer_takes_what_the_codec_makes_and_the_topic_what_the_producer_sends():
    """One constant begins the chain: value, record, batch."""
    written = {subject.topic for subject in SUBJECTS if subject.gate_writes} | {"quarantine"}
    batch = min(topic.bytes_max for topic in TOPICS if topic.name in written)
    assert OUTPUT_BYTES_MAX < OUTPUT_RECORD_BYTES_MAX < batch
