"""Names in Cedar policies that Cedar's validator lets pass although nothing has them.

`context.params has centz` is false for ever, and so is `resource in System::"bnak"`: a forbid behind it would never
match, and nobody would be told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolgate.processors.cedar_types import sees

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from toolgate.processors.condition_types import Type

_OF_RESOURCE = frozenset({"effect", "version"})
_LEFT = frozenset({"left", "attr"})


def unheld_names(
    policy: dict[str, Any], contexts: Mapping[str, Type], entities: Mapping[str, frozenset[str]]
) -> Iterator[str]:
    """What is wrong with the names of one policy; each sentence quotes the name.

    Args:
        policy: In Cedar's JSON form.
        contexts: The context of each tool.
        entities: The ids that there are, for each type whose ids are known.
    """
    tools = _named_tools(policy["action"]) & contexts.keys() or contexts.keys()
    for node in _nodes(policy):
        if isinstance(asked := node.get("has"), dict):
            root, *path = _path(asked)
            held = (
                any(sees(contexts[tool], path) for tool in tools)
                if root == "context"
                else root == "" or (root == "resource" and path[0] in _OF_RESOURCE)
            )
            if not held:
                yield f"nothing that this policy is about has `{path[-1]}`"
        if node.keys() == {"type", "id"} and node["id"] not in entities.get(node["type"], (node["id"],)):
            yield f'there is no `{node["type"]}::"{node["id"]}"`'


def _named_tools(scope: dict[str, Any]) -> set[str]:
    named = scope.get("entities", [scope["entity"]] if "entity" in scope else [])
    return {entity["id"] for entity in named}


def _path(asked: dict[str, Any]) -> list[str]:
    """The root and the steps of `root.step has step`; the root is "" where it is no variable."""
    steps: list[str] = []
    node: Any = asked
    while isinstance(node, dict) and node.keys() == _LEFT:
        steps.append(node["attr"])
        node = node["left"]
        node = node.get(".", node) if isinstance(node, dict) else node
    return [node.get("Var", "") if isinstance(node, dict) else "", *reversed(steps)]


def _nodes(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        yield part
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from _nodes(inner)
