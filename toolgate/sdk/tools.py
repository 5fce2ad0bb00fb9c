"""Tools: plain functions by the name of their tool, called with the parameters of the command by keyword."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, overload

import orjson

from toolgate.sdk.answer import Handler, ToolError
from toolgate.sdk.errors import SdkError

if TYPE_CHECKING:
    from toolgate.schemas.records import Command

Function = TypeVar("Function", bound=Callable[..., Any])
COMMAND = "command"


class Tools(Mapping[str, Handler]):
    """The tools of an executor, each declared above its function.

    A function takes the parameters of the call by keyword and gives back plain JSON data or an `Answer`. A
    parameter named `command` is given the whole command: its `command_id` is the key to hand to a system that
    takes an idempotency key. Parameters that do not fit end the command as `error` before the function is called.

    Example:
        >>> tools = Tools()
        >>> @tools.tool
        ... def read_invoice(invoice_id: str) -> dict[str, str]:
        ...     return {"invoice": invoice_id}
        >>> @tools.tool(name="create_adjustment_draft")
        ... def draft(invoice_id: str, amount_cents: int, command) -> str:
        ...     return f"{invoice_id}: {amount_cents} by {command.command_id}"
        >>> sorted(tools)
        ['create_adjustment_draft', 'read_invoice']
    """

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}

    @overload
    def tool(self, function: Function) -> Function: ...

    @overload
    def tool(self, *, name: str) -> Callable[[Function], Function]: ...

    def tool(
        self, function: Function | None = None, *, name: str = ""
    ) -> Function | Callable[[Function], Function]:
        """Declare a tool: bare, the function's name is the tool's; the function itself stays as it is.

        Raises:
            SdkError: the name is taken, or the function cannot be called by keyword or is a coroutine.
        """
        if function is not None:
            return self._add(name or function.__name__, function)

        def declare(function: Function) -> Function:
            return self._add(name, function)

        return declare

    def _add(self, name: str, function: Function) -> Function:
        if name in self._handlers:
            raise SdkError(f"tool {name} is declared twice", remedy="give each function a tool of its own")
        self._handlers[name] = by_keyword(name, function)
        return function

    def __getitem__(self, name: str) -> Handler:
        return self._handlers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._handlers)

    def __len__(self) -> int:
        return len(self._handlers)


def by_keyword(name: str, function: Callable[..., Any]) -> Handler:
    """A handler that calls `function` with the command's parameters by keyword.

    Raises:
        SdkError: it cannot be called so.
    """
    if inspect.iscoroutinefunction(function):
        raise SdkError(
            f"tool {name} is a coroutine function", remedy="declare a plain one that calls asyncio.run"
        )
    signature = inspect.signature(function)
    if any(taken.kind is taken.POSITIONAL_ONLY for taken in signature.parameters.values()):
        raise SdkError(
            f"tool {name} has parameters by position only", remedy="remove the / from its signature"
        )
    takes_command = COMMAND in signature.parameters

    def handler(command: Command) -> Any:
        given = orjson.loads(command.params)
        if takes_command:
            if COMMAND in given:
                raise ToolError(f"{name}: a parameter may not be called {COMMAND!r} here")
            given[COMMAND] = command
        try:
            signature.bind(**given)
        except TypeError as misfit:
            raise ToolError(f"the parameters do not fit {name}: {misfit}") from None
        return function(**given)

    return handler
