"""Reports: the clusters of a window as one page that needs nothing beside it, and as data. Needs jinja2."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolgate.inspection.decoding import as_time
from toolgate.inspection.quoting import environment

if TYPE_CHECKING:
    from jinja2 import Template

    from toolgate.nearmiss.looking import Told


@dataclass(frozen=True, slots=True)
class Report:
    """What is reported. `workflow`: the only one, "" for all. `of`: how many clusters there are."""

    prefix: str
    workflow: str
    now_ms: int
    window_ms: int
    clusters: tuple[Told, ...]
    of: int
    denials: int
    before: int

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "prefix": self.prefix,
            "workflow": self.workflow,
            "from": as_time(self.now_ms - self.window_ms),
            "to": as_time(self.now_ms),
            "window_ms": self.window_ms,
            "denials": self.denials,
            "before": self.before,
            "of": self.of,
            "clusters": [one.as_json() for one in self.clusters],
        }


def as_html(report: Report) -> str:
    """The page: no script, no address of anywhere; what agents wrote is text in it."""
    return _template().render(report=report, begin_ms=report.now_ms - report.window_ms)


@cache
def _template() -> Template:
    return environment(Path(__file__).parent / "templates").get_template("report.html")
