"""What the site needs besides its extensions: navigation, what fields mean, nothing left undocumented.

A Sphinx extension. It warns, and so fails the build, where something public has no docstring, where a name that
the SDK exports has no place in the reference, and where a signature names a class that is on no page.
"""

from __future__ import annotations

import ast
import builtins
import collections.abc
import concurrent.futures
import inspect
import io
import json
import sys
import tokenize
import types
import typing
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from sphinx.util import logging
from sphinx.util.nodes import make_refnode

from toolgate.schemas import bundle

if TYPE_CHECKING:
    from docutils.nodes import Element
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

PACKAGE = "toolgate"
EXPORTS = "toolgate.sdk"  # whose `__all__` must be in the reference
# Where a short name in a signature may come from without having a page here.
_STANDARD = (builtins, typing, collections.abc, concurrent.futures, types)
_OTHERS = {"Path", "SigningKey", "pydantic", "pydantic_settings"}
_NOT_PROSE = ("noqa", "type:", "pragma")
_log = logging.getLogger(__name__)


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_config_value("navigation_below", {}, "env", types=dict)
    app.connect("source-read", add_navigation)
    app.connect("autodoc-process-docstring", describe, priority=400)  # before napoleon
    app.connect("missing-reference", resolve)
    app.connect("env-check-consistency", check_exports)
    app.connect("build-finished", lead_to_first_page)
    return {"parallel_read_safe": True}


def add_navigation(app: Sphinx, page: str, source: list[str]) -> None:
    """Append the hidden list of the pages that lie below this one."""
    if globs := app.config.navigation_below.get(page):
        source[0] += "\n".join(["", "```{toctree}", ":hidden:", ":glob:", "", *globs, "```", ""])


def describe(_app: Sphinx, what: str, name: str, obj: object, _options: object, lines: list[str]) -> None:
    """Give a field its comment; complain about anything else that has no docstring."""
    value = what in {"attribute", "data", "property"}
    if not value and not str(getattr(obj, "__module__", name)).startswith(PACKAGE):
        return  # an import, which autodoc asks about before it leaves it out
    if value and what != "property" and (not any(lines) or "Alias for field" in lines[0]):
        owner, _, field = name.rpartition(".")
        lines[:] = [meanings().get((owner, field)) or comments_of(owner).get(field, "")]
    elif not any(lines):
        _log.warning("%s has no docstring", name)
    if value:
        lines[:0] = ["..", ""]  # or napoleon takes what stands before a colon in the first line for a type


@cache
def meanings() -> dict[tuple[str, str], str]:
    """What the newest Avro schema of each record says of its fields, by the dataclass's path and the field's name."""
    found = {}
    for subject in bundle.SUBJECTS:
        cls = subject.record_type
        for field in json.loads(bundle.schemas(subject.stem)[-1].text)["fields"]:
            found[f"{cls.__module__}.{cls.__qualname__}", field["name"]] = field.get("doc", "")
    return found


@cache
def comments_of(owner: str) -> dict[str, str]:
    """The comment at the end of each field's line in a class or module, by the field's name."""
    module, _, name = owner.rpartition(".")
    try:
        source = inspect.getsource(getattr(import_module(module), name))
    except (ImportError, AttributeError, TypeError, OSError):
        return {}
    comments = {
        token.start[0]: token.string.lstrip("# ")
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT and not token.line.lstrip().startswith("#")
    }
    body = ast.parse(source).body
    if isinstance(body[0], ast.ClassDef):
        body = body[0].body
    fields = [node for node in body if isinstance(node, ast.Assign | ast.AnnAssign)]
    return {
        ast.unparse(field.target if isinstance(field, ast.AnnAssign) else field.targets[0]): text
        for field in fields
        if (text := comments.get(field.end_lineno or 0, "")) and not text.startswith(_NOT_PROSE)
    }


def resolve(app: Sphinx, env: BuildEnvironment, node: pending_xref, shown: Element) -> Element | None:
    """A link for a short name that only one documented object has; plain text for what others document."""
    if node.get("refdomain") != "py":
        return None
    target: str = node["reftarget"].partition("[")[0]
    objects = env.domains.python_domain.objects
    found = [name for name in objects if name == target or name.endswith(f".{target}")]
    if len(found) == 1:
        place = objects[found[0]]
        return make_refnode(app.builder, node["refdoc"], place.docname, place.node_id, shown, found[0])
    root = target.partition(".")[0]
    known = root in sys.stdlib_module_names or root in _OTHERS or _has_no_page(target)
    return shown if known or any(hasattr(module, target) for module in _STANDARD) else None


def _has_no_page(target: str) -> bool:
    """A private base class, or a type variable."""
    module, _, name = target.rpartition(".")
    return name.startswith("_") or isinstance(getattr(sys.modules.get(module), name, None), typing.TypeVar)


def check_exports(_app: Sphinx, env: BuildEnvironment) -> None:
    """Every name that the SDK exports must be on a page, by that name or under the module that defines it."""
    module: Any = import_module(EXPORTS)
    objects = env.domains.python_domain.objects
    for name in module.__all__:
        exported = getattr(module, name)
        names = {f"{EXPORTS}.{name}", f"{exported.__module__}.{exported.__qualname__}"}
        if names.isdisjoint(objects):
            _log.warning("%s.%s is in __all__ but on no page of the reference", EXPORTS, name)


def lead_to_first_page(app: Sphinx, error: Exception | None) -> None:
    """The pages lie in the site as in the repository; whoever opens its folder is led to the first one."""
    if error is None:
        first = f"{app.config.root_doc}.html"
        text = f'<!doctype html><meta http-equiv="refresh" content="0; url={first}"><a href="{first}">toolgate</a>\n'
        (app.outdir / "index.html").write_text(text, encoding="utf-8")
