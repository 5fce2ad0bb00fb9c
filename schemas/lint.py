"""What a schema of this package may not do, because readers pay for it.

A recursive schema lets five kilobytes end the process. An array of items that take no bytes lets five bytes
make a list of a hundred million. And a field without a doc is one that two teams will fill differently.
"""

from __future__ import annotations

from typing import Any

NAMED = frozenset({"record", "error", "enum", "fixed"})


def findings(schema: Any) -> tuple[str, ...]:
    """All that is wrong with a schema, each with the path to it; () when nothing is.

    Args:
        schema: As json.loads gives an `.avsc` file. Named types must be spelt out before they are named.
    """
    linter = _Linter()
    linter.visit(schema, "", "", ())
    return tuple(linter.found)


class _Linter:
    def __init__(self) -> None:
        self.found: list[str] = []
        self._empty: dict[str, bool] = {}  # named types: whether a value may take no bytes

    def visit(self, schema: Any, path: str, namespace: str, inside: tuple[str, ...]) -> bool:
        """Notes what is wrong below; True if a value may take no bytes."""
        if isinstance(schema, str):
            return self._reference(schema, path, namespace, inside)
        if isinstance(schema, list):
            for branch in schema:
                self.visit(branch, path, namespace, inside)
            return False  # the branch's index takes a byte
        kind = schema["type"]
        if kind in NAMED:
            return self._named(schema, path, namespace, inside)
        if kind in ("array", "map"):
            part = "items" if kind == "array" else "values"
            if self.visit(schema[part], f"{path}[]", namespace, inside):
                self._note(
                    path, f"{part} of the {kind} may take no bytes: a few bytes would make any number of them"
                )
            return False  # the count takes a byte
        return self.visit(kind, path, namespace, inside)  # {"type": "long", "logicalType": ...} and the like

    def _reference(self, name: str, path: str, namespace: str, inside: tuple[str, ...]) -> bool:
        full = _full(name, namespace)
        if full in inside:
            self._note(path, f"{full} holds itself: a short value could nest without end")
        return name == "null" or self._empty.get(full, False)

    def _named(self, schema: dict[str, Any], path: str, namespace: str, inside: tuple[str, ...]) -> bool:
        full = _full(schema["name"], schema.get("namespace", namespace))
        path = f"{path}<{full}>" if path else full
        if not str(schema.get("doc", "")).strip():
            self._note(path, "has no doc")
        self._empty[full] = False
        if schema["type"] == "fixed":
            self._empty[full] = schema["size"] == 0
        elif schema["type"] != "enum":
            takes_none = True
            for field in schema["fields"]:
                where = f"{path}.{field['name']}"
                if not str(field.get("doc", "")).strip():
                    self._note(
                        where, "has no doc: say what it means, its unit, and what empty or null stands for"
                    )
                takes_none &= self.visit(field["type"], where, full.rpartition(".")[0], (*inside, full))
            self._empty[full] = takes_none
        return self._empty[full]

    def _note(self, path: str, what: str) -> None:
        self.found.append(f"{path}: {what}")


def _full(name: str, namespace: str) -> str:
    return name if "." in name or not namespace else f"{namespace}.{name}"
