"""Contract: what an intent must be before anything is asked of it."""

from __future__ import annotations

import pytest

from toolgate.processors.contract import contract
from toolgate.processors.reasons import Code
from toolgate.schemas.frozen import changed
from toolgate.schemas.strict_json import digest

BAD_INTENTS = [
    ({"intent_id": ""}, "intent_id is empty"),
    ({"intent_id": "a b"}, "intent_id has ' '"),
    ({"tenant": "t/u"}, "tenant has '/'"),
    ({"workflow_id": "w\u0430"}, "workflow_id has U+0430"),
    ({"run_id": "r" * 129}, "run_id has 129 characters"),
    ({"agent_id": "a\n"}, "agent_id has '\\n'"),
    ({"tool": ""}, "tool is empty"),
    ({"tool": "../x"}, "tool has '/'"),
    ({"key": b"other"}, "key is not the run_id"),
    ({"key": None}, "key is not the run_id"),
    ({"reason": "x" * 4_097}, "reason has 4,097 characters"),
    ({"tool_version": ""}, "tool_version is empty"),
    ({"declared_cost_micros": -1}, "declared_cost_micros must be between 0"),
    ({"declared_cost_micros": 2**53}, "declared_cost_micros must be between 0"),
    ({"results_seen_to": -1}, "results_seen_to must be between 0"),
    ({"ttl_ms": 0}, "ttl_ms must be between 1"),
    ({"declared_records": ("r",) * 257}, "declared_records has 257 entries"),
    ({"declared_records": ("r" * 257,)}, "a declared record has 257 characters"),
    ({"declared_records": ("",)}, "a declared record has 0 characters"),
    ({"kind": "dance", "tool": ""}, "kind must be"),
    ({"kind": "usage", "tool": "read_invoice"}, "names no tool"),
    ({"kind": "usage"}, "needs declared_cost_micros"),
    ({"kind": "finish"}, "run_outcome must be one of"),
    ({"kind": "finish", "run_outcome": "won"}, "run_outcome must be one of"),
    ({"run_outcome": "failed"}, "run_outcome belongs to"),
]


@pytest.mark.parametrize(("fields", "because"), BAD_INTENTS)
def test_refuses_malformed_intents(fields, because, case, world):
    """The first wrong field is named, and nothing further is looked at."""
    judged = contract(case(**fields), world())
    assert [reason.code for reason in judged.reasons] == [Code.BAD_INTENT]
    assert because in judged.reasons[0].because
    assert judged.params is None


@pytest.mark.parametrize(
    ("fields", "codes"),
    [
        ({}, []),
        ({"tool_version": "1"}, []),
        ({"tool": "nobody"}, [Code.TOOL_UNKNOWN]),
        ({"tool_version": "9"}, [Code.TOOL_VERSION]),
        ({"params": "{}"}, [Code.PARAMS_SCHEMA]),
        ({"params": '{"invoice_id":""}'}, [Code.PARAMS_SCHEMA]),
        ({"params": '{"invoice_id":"I","all":true}'}, [Code.PARAMS_SCHEMA]),
        ({"params": '{"x":1,"y":2}'}, [Code.PARAMS_SCHEMA, Code.PARAMS_SCHEMA]),
        ({"params": "{}", "tool_version": "9"}, [Code.TOOL_VERSION, Code.PARAMS_SCHEMA]),
        ({"params": "["}, [Code.PARAMS_NOT_JSON]),
        ({"params": "[]"}, [Code.PARAMS_NOT_JSON]),
        ({"params": ""}, [Code.PARAMS_NOT_JSON]),
        ({"params": '{"invoice_id":"I","invoice_id":"J"}'}, [Code.PARAMS_NOT_JSON]),
        ({"params": '{"invoice_id":9007199254740993}'}, [Code.PARAMS_NOT_JSON]),
        ({"params": '{"a":' * 40 + "1" + "}" * 40}, [Code.PARAMS_NOT_JSON]),
        ({"params": '{"invoice_id":"' + "x" * 100_000 + '"}'}, [Code.PARAMS_NOT_JSON]),
        ({"params": "[", "tool": "nobody"}, [Code.PARAMS_NOT_JSON, Code.TOOL_UNKNOWN]),
        ({"kind": "usage", "declared_cost_micros": 5}, []),
        ({"kind": "usage", "declared_cost_micros": 5, "params": "["}, [Code.PARAMS_NOT_JSON]),
        ({"kind": "finish", "run_outcome": "succeeded"}, []),
    ],
)
def test_collects_everything_about_tool_and_params(fields, codes, case, world):
    """Each thing that is wrong with a well-formed intent is a reason of its own."""
    judged = contract(case(**fields), world())
    assert sorted(reason.code for reason in judged.reasons) == sorted(codes)


@pytest.mark.parametrize(("run_id", "partitions", "refused"), [("r1", 0, 0), ("r7", 8, 0), ("r1", 8, 1)])
def test_refuses_a_record_that_lies_elsewhere(run_id, partitions, refused, case, world):
    """The case lies in partition 3, where r7 belongs and r1 does not; what comes from no topic lies nowhere."""
    judged = contract(case(run_id=run_id), changed(world(), partitions=partitions))
    assert [reason.code for reason in judged.reasons] == [Code.BAD_INTENT] * refused
    assert not refused or "partition 3, but its key belongs to 4: use" in judged.reasons[0].because


def test_a_value_is_not_repeated_in_a_reason(case, world):
    """Reasons go to people and logs; what the agent sent stays out."""
    judged = contract(case(params='{"invoice_id":4111222233334444}'), world())
    assert "4111" not in repr(judged.reasons)


def test_the_digest_is_over_canonical_params(case, world):
    """Spaces and the order of keys do not make other parameters."""
    around = world()
    spaced = contract(case(tool="compute_proration", params='{ "plan": "gold", "months": 2 }'), around)
    other = contract(case(tool="compute_proration", params='{"months":2,"plan":"gold"}'), around)
    assert spaced.params_digest == other.params_digest == digest(b'{"months":2,"plan":"gold"}')
    assert spaced.params == {"plan": "gold", "months": 2}
