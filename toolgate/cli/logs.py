"""Log lines of long-running commands: on stderr, coloured for people, JSON for machines."""

from __future__ import annotations

import logging
import sys

import structlog


def configure(*, as_json: bool = False) -> None:
    """Send log lines to stderr; JSON when asked for, and when nobody sits there."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            *_last_steps(as_json=as_json or not sys.stderr.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        # A line is one write: processes that share a file must not write into each other's lines.
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def _last_steps(*, as_json: bool) -> list[structlog.types.Processor]:
    if as_json:
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    return [structlog.dev.ConsoleRenderer()]
