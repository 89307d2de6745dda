# SPDX-License-Identifier: Apache-2.0
"""Structured logs: one JSON object a line, searchable by incident, instance, account and outcome.

JSON itself escapes text that comes from findings (control characters become backslash escapes), so no raw part of it
reaches a terminal. Secrets are never passed in: credentials are not fields of anything that is logged.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

from functions.context import INCIDENT

LOGGER = logging.getLogger("cordon")
_TEXT_LIMIT = 2000


class JsonFormatter(logging.Formatter):
    """Render a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without a line break in it."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "kind": record.getMessage(),
            "incident": INCIDENT.get(),
        }
        line.update(getattr(record, "fields", {}))
        return json.dumps({key: _short(value) for key, value in line.items() if value is not None}, default=str)


def write(kind: str, *, level: int = logging.INFO, **fields: Any) -> None:
    """Log one line: what kind of thing happened, and its fields."""
    LOGGER.log(level, kind, extra={"fields": fields})


def configure(stream: Any = None) -> None:
    """Send Cordon's logs to ``stream`` (standard error by default) as JSON lines, once."""
    if LOGGER.handlers:
        return
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False


def raised_at(error: BaseException) -> str:
    """Return where an error was raised, file and line: where to look, and no values."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    return f"{frame.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{frame.tb_lineno}" if frame else ""


def _short(value: Any) -> Any:
    return value[:_TEXT_LIMIT] + "…" if isinstance(value, str) and len(value) > _TEXT_LIMIT else value
