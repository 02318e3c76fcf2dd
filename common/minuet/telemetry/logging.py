"""Structured logs: one JSON object a line on stderr, or coloured text where a person watches.

Log a constant `action` in snake_case and ids as fields, never a payload:

    log = structlog.get_logger()
    log.info("run_started", run_id=run_id, tenant=tenant)
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import orjson
import structlog

LEVELS = logging.getLevelNamesMapping()


def configure_logging(service: str, level: str = "info") -> None:
    """Send structlog and the standard library's loggers to stderr. Call once, first in a main.

    `service` is in every line. Loggers of libraries are held at WARNING unless `level` is debug.
    """
    number = LEVELS[level.upper()]
    structlog.contextvars.bind_contextvars(service=service)
    structlog.configure(
        processors=[*_enrich(), *_render()],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=_logger_factory(),
        cache_logger_on_first_use=True,
    )
    _configure_standard_library(number)


def _enrich() -> list[structlog.typing.Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _render() -> list[structlog.typing.Processor]:
    if sys.stderr.isatty():
        return [structlog.dev.ConsoleRenderer()]
    return [
        structlog.processors.format_exc_info,
        structlog.processors.EventRenamer("action"),
        structlog.processors.JSONRenderer(serializer=_dumps),
    ]


def _logger_factory() -> Any:
    if sys.stderr.isatty():
        return structlog.PrintLoggerFactory(sys.stderr)
    return structlog.BytesLoggerFactory(sys.stderr.buffer)


def _dumps(event: MutableMapping[str, Any], **_: object) -> bytes:
    return orjson.dumps(event, default=repr)


def _configure_standard_library(level: int) -> None:
    """Render foreign log records the same way, so that a log file holds one form only."""
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_enrich(), structlog.stdlib.ExtraAdder()],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_render_text()],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level if level <= logging.DEBUG else max(level, logging.WARNING))


def _render_text() -> list[structlog.typing.Processor]:
    *before, last = _render()
    if sys.stderr.isatty():
        return [last]
    return [*before, lambda logger, name, event: _dumps(event).decode()]
