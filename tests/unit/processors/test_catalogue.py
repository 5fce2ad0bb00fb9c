"""The catalogue: what a call costs, and what is known of each tool."""

from __future__ import annotations

import pytest

from toolgate.processors.catalogue import CostError, Price


@pytest.mark.parametrize(
    ("params", "micros"),
    [({"cabin": "economy"}, 10), ({"cabin": 1}, 20), ({"cabin": True}, 30), ({"cabin": ["economy"]}, 10)],
)
def test_takes_the_price_of_the_value(params, micros):
    """Texts, whole numbers and booleans are found in the table as they are written there."""
    assert Price(path=("cabin",), by_value={"economy": 10, "1": 20, "true": 30}).of(params) == micros


@pytest.mark.parametrize("value", ["first", None, 1.0, {}, [], ["economy", "economy"], {"economy": 1}])
def test_a_value_without_a_price_has_no_cost(value):
    """What has no price is not free."""
    with pytest.raises(CostError):
        Price(path=("cabin",), by_value={"economy": 10, "1.0": 1, "None": 1}).of({"cabin": value})


def test_an_absent_value_has_no_cost():
    """Leaving the parameter out does not make the call free."""
    with pytest.raises(CostError, match="has 0 values"):
        Price(path=("cabin",), by_value={"economy": 10}).of({})


def test_knows_each_tool_as_written(load):
    """All that the catalogue says of a tool is kept."""
    tools = load().tools
    draft = tools["create_adjustment_draft"]
    assert (draft.version, draft.effect, draft.system, draft.idempotent) == ("2", "write", "billing", True)
    assert draft.price.fixed_micros == 20_000
    assert draft.records == (("invoice_id",),)
    assert draft.inverse == ("discard_draft", (("invoice_id", ("invoice_id",)),))
    assert draft.redact == (("amount_micros",),)
    assert tools["execute_refund"].draft == "create_adjustment_draft"
    assert tools["execute_refund"].price.fixed_micros == 1_000_000
    assert tools["compute_proration"].usage == (("model_tokens", 200),)
    assert tools["compute_proration"].records is None
    assert (tools["read_invoice"].writes, draft.writes, tools["execute_refund"].writes) == (False, True, True)
