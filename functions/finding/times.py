# SPDX-License-Identifier: Apache-2.0
"""Points in time as the three dialects write them. An unreadable one is None: it must not stop a finding."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ISO: Final = re.compile(
    r"(?P<moment>[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2})"
    r"(?:\.(?P<fraction>[0-9]{1,12}))?"
    r" ?(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_MICROSECOND_DIGITS: Final = 6


def read(*values: object) -> datetime | None:
    """Return the first readable value, in UTC: ISO 8601 (UTC where it names no zone) or epoch milliseconds."""
    for value in values:
        moment = _from_text(value.strip()) if isinstance(value, str) else _from_milliseconds(value)
        if moment is not None:
            return moment
    return None


def _from_text(value: str) -> datetime | None:
    found = _ISO.fullmatch(value)
    if not found:
        return None
    fraction = (found["fraction"] or "0").ljust(_MICROSECOND_DIGITS, "0")[:_MICROSECOND_DIGITS]
    zone = found["zone"] or "Z"
    try:
        return datetime.fromisoformat(f"{found['moment']}.{fraction}{zone}").astimezone(UTC)
    except (ValueError, OverflowError):
        # The 30th of February, or a zone that leads out of the calendar.
        return None


def _from_milliseconds(value: object) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return _EPOCH + timedelta(milliseconds=value) if value > 0 else None
    except (ValueError, OverflowError):
        return None
