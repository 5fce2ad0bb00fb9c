"""One file that people write: YAML to a model, with every mistake and its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from toolgate.processors.fields import problems as field_problems
from toolgate.processors.strict_yaml import Document, parse

if TYPE_CHECKING:
    from toolgate.processors.problems import Problem

M = TypeVar("M", bound=BaseModel)


def read_file(name: str, text: bytes, model: type[M]) -> tuple[Document | None, M | None, list[Problem]]:
    """One file that people write: its document and its model as far as they could be made, and every mistake in it."""
    document, refused = parse(name, text)
    problems = list(refused)
    if document is None:
        return None, None, problems
    data: Any = document.data
    if not isinstance(data, dict):
        root = next(iter(model.model_fields))
        hint = f"begin it with {root}:"
        return document, None, [*problems, document.problem((), "the file is not a mapping", hint)]
    try:
        return document, model.model_validate(data), problems
    except ValidationError as error:
        # What the parser has refused already need not fit its field as well.
        noted = {(problem.line, problem.column) for problem in problems}
        found = field_problems(document, model, error)
        return document, None, problems + [item for item in found if (item.line, item.column) not in noted]
