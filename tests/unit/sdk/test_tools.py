"""Tools: functions are called by keyword, and what does not fit never reaches them."""

from __future__ import annotations

import pytest

from toolgate.schemas.records import Command
from toolgate.sdk import SdkError, ToolError, Tools


def command(params: str) -> Command:
    """A command of any tool with these parameters."""
    return Command(
        "0-1", "i", 1, 0, "t", "w", "run-1", "a", "pay", "1", params, "d", "p", False, 0, 1, 0
    )  # fmt: skip


def test_a_function_is_called_with_the_parameters_by_keyword():
    """Its name is the tool's unless another is given, and the function itself stays usable."""
    tools = Tools()

    @tools.tool
    def read_invoice(invoice_id: str, pages: int = 1) -> list:
        return [invoice_id, pages]

    @tools.tool(name="pay-2")
    def pay(amount: int, **rest: int) -> list:
        return [amount, rest]

    assert (sorted(tools), len(tools)) == (["pay-2", "read_invoice"], 2)
    assert tools["read_invoice"](command('{"invoice_id":"INV-1"}')) == ["INV-1", 1]
    assert tools["pay-2"](command('{"amount":5,"x":6}')) == [5, {"x": 6}]
    assert read_invoice("INV-2", 3) == ["INV-2", 3]


def test_a_function_that_asks_for_the_command_is_given_it():
    """Its id is what a system with idempotency keys wants."""
    tools = Tools()

    @tools.tool
    def pay(amount: int, command: Command) -> str:
        return f"{command.command_id}: {amount}"

    assert tools["pay"](command('{"amount":5}')) == "0-1: 5"
    with pytest.raises(ToolError, match="may not be called 'command'"):
        tools["pay"](command('{"amount":5,"command":"rm"}'))


@pytest.mark.parametrize("params", ["{}", '{"amount":1,"more":2}', '{"Amount":1}'])
def test_parameters_that_do_not_fit_never_reach_the_function(params):
    """The effect has certainly not happened, so this is the tool's own refusal."""
    tools = Tools()

    @tools.tool
    def pay(amount: int) -> None:
        raise AssertionError(amount)

    with pytest.raises(ToolError, match="the parameters do not fit pay"):
        tools["pay"](command(params))


async def _later() -> None:
    """A coroutine function."""


def _by_place(amount: int, /) -> int:
    return amount


@pytest.mark.parametrize(
    ("name", "function", "fault"),
    [
        ("later", _later, "coroutine function"),
        ("place", _by_place, "by position only"),
        ("taken", print, "declared twice"),
    ],
)
def test_a_function_that_cannot_be_a_tool_is_refused_when_declared(name, function, fault):
    """Not when the first command comes."""
    tools = Tools()
    tools.tool(name="taken")(lambda: None)
    with pytest.raises(SdkError, match=fault):
        tools.tool(name=name)(function)
